"""The ordered table of named masks: first match wins.

A mask sees one atom, a piece of a word without quotes, brackets, commas or `=`.
Every pattern is matched against the whole atom, is linear, and asks for digits only as a class:
`\\d`, never a particular digit, because texts that differ only in masked digits share one cache entry.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

PLACEHOLDERS = (
    *("num", "cur", "hex", "hash", "mac", "uuid", "trace", "ts", "dur", "size"),
    *("path", "url", "host", "email", "ip", "id", "str"),
)

BARE_HEX_CHARS_MIN = 8
"""Letters that may be a number in base 16."""

_HEX = "[0-9a-fA-F]"
_IPV4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_QUAD = f"{_HEX}{{1,4}}"
_QUADS = f"{_QUAD}(?::{_QUAD}){{0,6}}"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,:]\d{1,9})?)?"
_ZONE = r"(?:Z|[+-]\d{2}(?::?\d{2})?)?"
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_CLOCK_BEHIND = rf"[T_:@-]{_CLOCK}{_ZONE}|[T_-]\d{{2}}[-.]\d{{2}}[-.]\d{{2}}(?:[-.]\d{{1,9}})?{_ZONE}"
_DAY = (
    rf"(?:\d{{4}}[-/]\d{{1,2}}[-/]\d{{1,2}}|\d{{1,2}}[-/]\d{{1,2}}[-/]\d{{2,4}}|\d{{1,2}}\.\d{{1,2}}\.\d{{4}}"
    rf"|\d{{1,2}}[-/]{_MONTH}[-/]\d{{2,4}}|\d{{4}}[-/]{_MONTH}[-/]\d{{1,2}})"
)
# Endings of host names that are seldom also endings of file or module names.
_TOPS = (
    "com|net|org|edu|gov|mil|info|biz|io|dev|app|cloud|ai|co|tv|eu|us|uk|de|fr|nl|es|ch|se|dk|fi|pl|cz|ru|cn|jp|kr"
    "|hk|tw|sg|au|nz|br|mx|ar|cl|pe|ca|za|it|ro|ua|vn|th|tr|gr|hu|pt|ie|il|ir|bg|rs|hr|sk|si|lt|lv|ee|lu|kz|ph|pk"
    "|local|internal|localdomain|lan|corp|intra|example"
)
# Of these, those that end no file and no module.
_PLAIN_TOPS = "dev|cloud|eu|uk|de|fr|nl|jp|ru|cn|br|au|ch|se|dk|fi|cz|kr"
# Endings that modules have too: a host only behind a label with a digit or a hyphen.
_SHORT_TOPS = "io|dev|app|ai|co|cloud|internal|local|lan|corp|info|biz|us|tv"
_HOST_ENDINGS = frozenset(f"{_TOPS}|{_PLAIN_TOPS}|{_SHORT_TOPS}".split("|"))
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})"


@dataclass(frozen=True, slots=True)
class Mask:
    """One row: the atom that `pattern` matches whole becomes `out`; `reason` is for people."""

    name: str
    pattern: str
    out: str
    reason: str
    digits: bool = True
    """Whether only atoms with a digit match."""
    sign: str = ""
    """A character that every match holds: `@`, `/`, or `.` with an ending of host names behind the last one."""


MASKS: tuple[Mask, ...] = (
    Mask("uuid", rf"{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}", "<uuid>", "a UUID names one occurrence"),
    Mask(
        "date-time",
        rf"(?:GMT|UTC)[+-]\d{{1,2}}(?::?\d{{2}})?"
        rf"|{_DAY}(?:{_CLOCK_BEHIND})?"
        # By itself it is a version (`2031.2.17`), for which only a clock in the next word is reason to think otherwise:
        # versions go by the calendar more often than a text has a date with dots and no time.
        rf"|\d{{4}}\.\d{{1,2}}\.\d{{1,2}}(?:{_CLOCK_BEHIND})"
        rf"|\d{{8}}[T_-](?:\d{{6}}(?:\.\d{{1,9}})?|{_CLOCK}){_ZONE}"
        rf"|\d{{4}}-\d{{2}}-\d{{2}}T\d{{2}}\d{{2}}(?:\d{{2}})?{_ZONE}|\d{{4}}-W\d{{2}}(?:-\d)?",
        "<ts>",
        "a date says when, not what",
    ),
    Mask(
        "clock", rf"T?{_CLOCK}{_ZONE}(?:[AaPp][Mm])?|\d{{1,2}}[AaPp][Mm]", "<ts>", "a time of day says when, not what"
    ),
    Mask("mac", rf"{_HEX}{{2}}(?:[:-]{_HEX}{{2}}){{5}}(?:(?:[:-]{_HEX}{{2}}){{2}})?", "<mac>", "an address of a card"),
    Mask(
        "fingerprint",
        rf"(?:[A-Z]{{2,5}}\d{{0,3}}:)?{_HEX}{{2}}(?::{_HEX}{{2}}){{9,63}}",
        "<hash>",
        "a digest or a serial number, byte by byte",
    ),
    Mask("trace", rf"\d{{2}}-{_HEX}{{32}}-{_HEX}{{16}}-\d{{2}}", "<trace>", "W3C trace context names one request"),
    Mask("ipv4", rf"/?{_IPV4}(?:/\d{{1,2}})?", "<ip>", "an address says where"),
    Mask("ipv4-port", rf"/?{_IPV4}:\d{{1,5}}", "<ip>:<num>", "an address says where"),
    Mask(
        "name-and-ipv4",
        rf"[\w.-]{{1,253}}/{_IPV4}(?::\d{{1,5}})?",
        "<host>",
        "a JVM prints addresses as name/address:port",
        sign="/",
    ),
    Mask(
        "ipv6",
        rf"(?=[^.]{{0,45}}\d)(?:(?:{_QUAD}:){{7}}{_QUAD}|(?:{_QUADS})?::(?:{_QUADS})?|(?:{_QUADS})?::(?:{_QUADS}:)?{_IPV4})"
        r"(?:%\w{1,16})?(?:/\d{1,3})?",
        "<ip>",
        "an address says where",
    ),
    Mask(
        "email",
        rf"[\w.+-]{{1,64}}@{_LABEL}(?:\.{_LABEL}){{0,5}}\.(?:[A-Za-z]{{2,24}}|xn--[a-z0-9-]{{2,59}})",
        "<email>",
        "an address of a person",
        digits=False,
        sign="@",
    ),
    Mask(
        "host-port",
        rf"{_LABEL}(?:\.{_LABEL}){{0,8}}\.(?:{_TOPS}):\d{{1,5}}",
        "<host>:<num>",
        "a host says where",
        sign=".",
    ),
    Mask("host", "localhost", "<host>", "a host says where", digits=False),
    Mask(
        "host",
        rf"{_LABEL}(?:\.{_LABEL}){{1,8}}\.(?:{_TOPS})|[a-z0-9-]{{1,63}}\.(?:com|net|org|edu|gov)"
        rf"|[a-z0-9-]{{1,63}}\.(?:{_PLAIN_TOPS})"
        rf"|(?=[a-z-]{{0,62}}[0-9-])[a-z0-9][a-z0-9-]{{0,62}}\.(?:{_SHORT_TOPS})",
        "<host>",
        "a host says where",
        digits=False,
        sign=".",
    ),
    Mask(
        "resource-name",
        r"arn:[a-z-]{2,16}:[a-z0-9-]{2,32}:[\w:/.*-]{1,200}",
        "<id>",
        "an Amazon resource name says where",
        digits=False,
    ),
    Mask(
        "bus-address",
        rf"{_HEX}{{4,8}}:{_HEX}{{2}}:{_HEX}{{2}}(?:\.\d)?",
        "<id>",
        "the slot of a card: domain, bus, device and function",
    ),
    Mask("log-position", r"[0-9A-F]{1,8}/[0-9A-F]{5,8}", "<hex>", "a place in the log of a database"),
    Mask("hex-prefixed", rf"[-+#]?\d[xX]{_HEX}{{1,64}}[uUlLhH]{{0,3}}", "<hex>", "an address or a raw value"),
    Mask(
        "duration",
        r"(?!\d{8,18}[dhmsw])[-+~]?(?:\d{1,18}(?:\.\d{1,18})?(?:ns|us|µs|μs|ms|msecs?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w)){1,6}"
        r"|PT?(?:\d{1,9}(?:\.\d{1,9})?[YMWDTHS]T?){1,7}",
        "<dur>",
        "how long it took counts, it does not name",
    ),
    Mask(
        "size",
        r"(?!\d{8,18}[bBE]\b)[-+~]?\d{1,18}(?:\.\d{1,18})?(?:[kKMGTPE]i?[bB]?|[bB](?:ytes?)?|[kKMGT]?i?[bB]ps)(?:/s)?",
        "<size>",
        "how big it was counts, it does not name",
    ),
    Mask(
        "amount",
        r"[-+~]?(?:[$€£¥₹]\d{1,18}(?:[.,']\d{1,18}){0,8}[kKMB]?|\d{1,18}(?:[.,']\d{1,18}){0,8}[€£¥₹])",
        "<cur>",
        "an amount of money counts, it does not name",
    ),
    Mask("percent", r"[-+~]?\d{1,18}(?:[.,]\d{1,18})?%", "<num>%", "a share counts, it does not name"),
    Mask(
        "number",
        r"[-+#$~@^]?\d[\d._]{0,80}(?:[,']\d{3}){0,8}(?:[.,]\d{1,9})?(?:[eE](?:[-+]\d{1,3}|\d{1,2}))?(?:°[CFK]?)?|[-+]?\.\d{1,30}(?:[eE](?:[-+]\d{1,3}|\d{1,2}))?|\d{1,6}(?:st|nd|rd|th)"
        r"|\d{1,12}/\d{1,12}|v?\d{1,6}(?:\.\d{1,9}){1,4}(?:[-+.~]?(?:rc|beta|alpha|dev|post|pre|build|nightly|snapshot|SNAPSHOT|a|b|p|r)[.-]?\d{0,14}){0,3}"
        r"|v?\d{1,6}\.\d{1,9}\.\d{1,9}[-+~][0-9A-Za-z.+~-]{1,64}"
        r"|\d{1,12}[xX]\d{1,12}(?:[xX]\d{1,12})?|\d{1,12}[-~]\d{1,12}",
        "<num>",
        "a number that counts or places",
    ),
    Mask(
        "digest",
        rf"(?=[^g-zG-Z]{{0,256}}\d)(?=\d{{0,256}}[a-fA-F])(?:{_HEX}{{32}}|{_HEX}{{40}})",
        "<hash>",
        "an MD5 or SHA-1 digest names one content; SHA-256 is not here, ids of containers are it or its first half",
    ),
    Mask(
        "bare-hex",
        rf"(?=[^g-zG-Z]{{0,256}}\d)(?=\d{{0,256}}[a-fA-F]){_HEX}{{4,256}}|[a-f]{{{BARE_HEX_CHARS_MIN},64}}|[A-F]{{{BARE_HEX_CHARS_MIN},64}}",
        "<hex>",
        "a short commit, an object or an address",
        digits=False,
    ),
)

_DIGIT = re.compile(r"[0-9]")


@cache
def _table(signs: str, *, with_digits: bool) -> tuple[tuple[Mask, ...], Callable[[str], re.Match[str] | None]]:
    """The rows that an atom with these signs can match, and their patterns in one."""
    rows = tuple([m for m in MASKS if m.sign in signs and (with_digits or not m.digits)])
    return rows, re.compile("|".join([f"({m.pattern})" for m in rows])).fullmatch


def mask_of(atom: str) -> Mask | None:
    """The first row whose pattern is the whole atom."""
    with_digits = _DIGIT.search(atom) is not None
    signs = ""
    if "." in atom:
        if atom[atom.rfind(".") + 1 :].partition(":")[0] in _HOST_ENDINGS:
            signs = "."
    elif not with_digits and len(atom) < BARE_HEX_CHARS_MIN and "@" not in atom:
        return None
    if "@" in atom:
        signs += "@"
    if "/" in atom:
        signs += "/"
    rows, fullmatch = _table(signs, with_digits=with_digits)
    match = fullmatch(atom)
    return rows[match.lastindex - 1] if match and match.lastindex else None


# Not forms of an atom, but decisions taken while a word is cut up; they share the explanation's vocabulary.
REASONS: dict[str, str] = {m.name: m.reason for m in MASKS} | {
    "plain": "no digit and no variable form: a word of the message",
    "placeholder": "already a placeholder",
    "numbered-placeholder": "already a placeholder; its number is part of its name",
    "delimiter": "punctuation between the parts of a word",
    "url": "a link says where",
    "base64": "an encoded value",
    "path": "directories belong to a machine; a file name without digits stays",
    "word-with-digit": "a name that carries a number is one of many",
    "random-letters": "letters drawn by lot: words do not have such pairs of letters",
    "image-tag": "the tag of an image says which build",
    "named-by-key": "the key in front says that this is who or where",
    "long": "a run too long to be a word",
    "key-value": "the value of a switch",
    "term": "a technical term whose number tells two things apart",
    "name": "a technical term or a class: its letters name it",
    "error-code": "the code of a compiler, linter or database names the problem",
    "lone-code": "the message is nothing but codes, so they name the problem",
    "lone-name": "the message says nothing else, so the letters of its names stay",
    "kept-number": "an exit code, signal, errno, HTTP status or error number names the problem",
    "program-name": "a module, package or symbol that is missing names the problem",
    "named-by-word": "the word in front says that this is who or where",
    "date-words": "a date written in several words",
    "timestamp-prefix": "a time at the start of a line says when",
    "list": "the length of a list is no part of the problem",
    "frame": "frames of a stack trace belong to the finer level",
    "repeated-line": "a line that was there already",
    "step-end": "a runner says so of every step that failed",
    "line-cap": "words past the limit of a line",
}
