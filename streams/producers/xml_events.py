"""XML as it comes out of crashed processes: a stream of tags and text that no damage ends.

A parser that keeps to the standard stops where a report is damaged: at a raw `<` in a message, at a second root, at the
place where the disk was full; what follows is lost, and that is often the failure. (libxml2's `recover` mode stops at
the first two as well.) This scanner goes on at the next thing that looks like a tag, and counts each such place.

It has nothing to attack: it reads no document type definition (one is refused), expands no entity but the five of XML
and numeric ones, follows no address, and holds at most one tag or one piece of text at a time.
Time is linear in the input. Names are given without namespace; attribute values as they are, entities resolved.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final, NamedTuple

from streams.contract.errors import UnreadableInput

CHUNK_BYTES: Final = 256 * 1024
TAG_CHARS_MAX: Final = 1024 * 1024
"""A longer tag is taken for damage. Messages stand in attributes, so tags of several hundred kilobytes are real."""
PROLOG_CHARS_MAX: Final = 64 * 1024
"""What may come before the first element: a document type cannot hide behind a long comment."""

_TAG = re.compile(r"<(/?)([^\W\d][\w.:\-]*+)((?>(?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*))>")
_EMPTY: Final = {"testcase": re.compile(r"\s*+<testcase(?![\w.:\-])(?>(?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*)>")}
"""A whole tag with the blanks before it, for elements of which reports have many that tell nothing."""
_OPEN_TAG = re.compile(r"</?(?:[^\W\d][\w.:\-]*+(?>(?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*)(?:\"[^\"]*+|'[^']*+)?)?")
"""A tag that the end of the buffer cuts off."""
_ATTRIBUTE = re.compile(r"(?<![^\s\"'/])([^\s=/\"'<>]++)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)')")
_ENTITY = re.compile(r"&(?:#(\d{1,8})|#[xX]([0-9a-fA-F]{1,6})|(lt|gt|amp|quot|apos));")
_NAMED: Final = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_ENTITY_CHARS_MAX: Final = 12
_MARKUP_CHARS: Final = 9
"""So many characters tell what a `<` begins: `<![CDATA[`, `<!DOCTYPE`."""
_DECLARED_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,200}?\bencoding\s*=\s*["']([A-Za-z0-9._\-]{1,40})["']""")
_TEXT_ENCODINGS = re.compile(r"utf[_-]?8|ascii|us-ascii|latin-?1|iso-?8859|windows|cp\d|koi8|shift|euc|gb|big5|mac")
_BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)


class Start(NamedTuple):
    """A start tag; an empty element gives a Start and an End."""

    name: str
    attributes: dict[str, str]


class End(NamedTuple):
    """An end tag."""

    name: str


class Text(NamedTuple):
    """A piece of text, at most a chunk long; `unescaped` resolves its entities, so that unread text costs nothing."""

    raw: str
    verbatim: bool
    """From a CDATA section: entities in it are text."""

    def unescaped(self) -> str:
        return self.raw if self.verbatim or "&" not in self.raw else _ENTITY.sub(_resolved, self.raw)


@dataclass(slots=True)
class Damage:
    """What the scanner stepped over, by reason. Filled while the events are read."""

    places: dict[str, int] = field(default_factory=dict)

    def note(self, reason: str) -> None:
        self.places[reason] = self.places.get(reason, 0) + 1


def _resolved(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name:
        return _NAMED[name]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"


def encoding_of(head: bytes) -> str:
    """The encoding that the first bytes of a document speak for: a byte order mark, its pattern, or its declaration."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    declared = _DECLARED_ENCODING.match(head)
    name = declared.group(1).decode("ascii").lower() if declared else "utf-8"
    # A declaration of utf-16 in readable ASCII is a lie, and codecs such as `unicode_escape` are no encodings.
    if not _TEXT_ENCODINGS.match(name):
        return "utf-8"
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "utf-8"


def _filled(stream: BinaryIO) -> bytes:
    """A whole chunk but at the end: a pipe may give single bytes, and each refill looks again at a tag cut off."""
    parts, room = [], CHUNK_BYTES
    while room > 0 and (part := stream.read(room)):
        parts.append(part)
        room -= len(part)
    return b"".join(parts)


def chunks(stream: BinaryIO, bytes_max: int, damage: Damage) -> Iterator[str]:
    """Pieces of at most CHUNK_BYTES of the document as text, in the encoding that its first bytes speak for."""
    data = _filled(stream)
    decoder = codecs.getincrementaldecoder(encoding_of(data[:1024]))(errors="replace")
    total = 0
    while data:
        total += len(data)
        if total > bytes_max:
            damage.note(f"read only the first {bytes_max} bytes")
            data = data[: len(data) - (total - bytes_max)]
        text = decoder.decode(data)
        if "\ufffd" in text:
            damage.note("bytes that are not text")
        if text:
            yield text
        if total > bytes_max:
            return
        data = _filled(stream)
    if tail := decoder.decode(b"", final=True):
        yield tail


class Scanner:
    """Iterates over the events of one document. `damage` says, once it is exhausted, what was stepped over."""

    def __init__(self, stream: BinaryIO, *, bytes_max: int) -> None:
        self.damage = Damage()
        self._chunks = chunks(stream, bytes_max, self.damage)
        self._buffer = ""
        self._at = 0
        self._more = True

    def __iter__(self) -> Iterator[Start | End | Text]:
        """The events in order.

        Raises:
            UnreadableInput: the document has a document type definition, or a prolog longer than we read.
        """
        self._prolog()
        while True:
            lt = self._buffer.find("<", self._at)
            if lt < 0:
                yield from self._last_text()
                if not self._refill() and self._at == len(self._buffer):
                    return
                continue
            if lt > self._at:
                yield Text(self._buffer[self._at : lt], verbatim=False)
                self._at = lt
            while self._more and len(self._buffer) - self._at < _MARKUP_CHARS:
                self._refill()
            tag = _TAG.match(self._buffer, self._at)
            if tag is None:
                yield from self._markup()
                continue
            self._at = tag.end()
            closes, name, inside = tag.groups()
            if ":" in name:
                name = name.rpartition(":")[2]
            if closes:
                yield End(name)
            else:
                yield Start(name, _attributes(inside) if "=" in inside else {})
                if inside.endswith("/"):
                    yield End(name)

    def passed_over(self, name: str) -> int:
        """Steps over the elements of this name that follow, with nothing in them; says how many they were.

        Only such as are whole in what was read so far, with blanks between. Behind a tag only, not behind a text.
        """
        buffer, tag, end = self._buffer, _EMPTY[name], f"</{name}>"
        count = 0
        while found := tag.match(buffer, self._at):
            at = found.end()
            if buffer[at - 2] != "/":
                closing = buffer.find("<", at, at + _MARKUP_CHARS)
                if closing < 0 or not buffer.startswith(end, closing) or buffer[at:closing].strip():
                    break
                at = closing + len(end)
            self._at = at
            count += 1
        return count

    def _refill(self) -> bool:
        """Reads one more chunk behind what is left; False at the end of the input."""
        rest = self._buffer[self._at :]
        chunk = next(self._chunks, None)
        self._at = 0
        self._more = chunk is not None
        self._buffer = rest + chunk if chunk is not None else rest
        return self._more

    def _prolog(self) -> None:
        """Steps over declaration, comments and instructions; a document type must not pass."""
        read = 0
        while True:
            lt = self._buffer.find("<", self._at)
            if lt < 0 or (self._more and len(self._buffer) - lt < _MARKUP_CHARS):
                if lt < 0:
                    read += len(self._buffer) - self._at
                    self._at = len(self._buffer)
                if read > PROLOG_CHARS_MAX:
                    raise UnreadableInput("not XML: no element at the beginning")
                if not self._refill():
                    return
                continue
            if self._buffer[lt : lt + 9].upper() in {"<!DOCTYPE", "<!ENTITY"}:
                raise UnreadableInput("the report has a document type definition; those are refused: remove it")
            read += lt - self._at
            self._at = lt
            for opening, closing in (("<?", "?>"), ("<!--", "-->")):
                if self._buffer.startswith(opening, lt):
                    read += self._skip(opening, closing)
                    break
            else:
                return
            if read > PROLOG_CHARS_MAX:
                raise UnreadableInput(f"no element within the first {PROLOG_CHARS_MAX} characters")

    def _last_text(self) -> Iterator[Text]:
        """Text up to the end of the buffer; an entity that the end cuts off is held back."""
        end = len(self._buffer)
        if self._more:
            ampersand = self._buffer.rfind("&", max(self._at, end - _ENTITY_CHARS_MAX), end)
            if ampersand >= 0 and ";" not in self._buffer[ampersand:end]:
                end = ampersand
        if end > self._at:
            yield Text(self._buffer[self._at : end], verbatim=False)
        self._at = end

    def _markup(self) -> Iterator[Text]:
        """Steps over what a `<` begins that is no whole tag."""
        buffer, at = self._buffer, self._at
        if buffer.startswith("<!--", at):
            self._skip("<!--", "-->")
        elif buffer.startswith("<?", at):
            self._skip("<?", "?>")
        elif buffer.startswith("<![CDATA[", at):
            yield from self._cdata()
        else:
            yield from self._no_tag()

    def _skip(self, opening: str, closing: str) -> int:
        """Steps over a comment or an instruction of any length; returns how many characters it had."""
        self._at += len(opening)
        count = len(opening)
        while (end := self._buffer.find(closing, self._at)) < 0:
            keep = len(closing) - 1
            count += max(0, len(self._buffer) - self._at - keep)
            self._at = max(self._at, len(self._buffer) - keep)
            if not self._refill():
                self.damage.note("ends in a comment")
                self._at = len(self._buffer)
                return count
        count += end - self._at + len(closing)
        self._at = end + len(closing)
        return count

    def _cdata(self) -> Iterator[Text]:
        self._at += _MARKUP_CHARS
        while (end := self._buffer.find("]]>", self._at)) < 0:
            upto = len(self._buffer) - 2 if self._more else len(self._buffer)
            if upto > self._at:
                yield Text(self._buffer[self._at : upto], verbatim=True)
                self._at = upto
            if not self._refill():
                if self._at < len(self._buffer):
                    yield Text(self._buffer[self._at :], verbatim=True)
                self.damage.note("ends in a CDATA section")
                self._at = len(self._buffer)
                return
        if end > self._at:
            yield Text(self._buffer[self._at : end], verbatim=True)
        self._at = end + 3

    def _no_tag(self) -> Iterator[Text]:
        """Reads on if the buffer cuts a tag off; else the `<` is text, and damage."""
        if self._could_grow() and self._refill():
            return
        self.damage.note("ends in a tag" if self._cut_off() else "a raw `<`")
        end = self._buffer.find("<", self._at + 1)
        end = end if end > 0 else self._at + 1
        yield Text(self._buffer[self._at : end], verbatim=False)
        self._at = end

    def _could_grow(self) -> bool:
        """Whether what stands at the end of the buffer may be the beginning of a tag that goes on in the next chunk."""
        if not self._more or len(self._buffer) - self._at > TAG_CHARS_MAX:
            return False
        return self._cut_off()

    def _cut_off(self) -> bool:
        return _OPEN_TAG.fullmatch(self._buffer, self._at) is not None


def _attributes(inside: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, double, single in _ATTRIBUTE.findall(inside):
        value = double or single
        if "&" in value:
            value = _ENTITY.sub(_resolved, value)
        found.setdefault(name.rpartition(":")[2] if ":" in name else name, value)
    return found
