"""Unseen fingerprints -> question; answer -> rows. Pure: what is drawn by chance comes as an argument.

One question carries both origins: the instructions list the kinds of both, and say in every question the same bytes;
an item says where it is from, and a row is held against the kinds of its own origin.
Each item stands between two words drawn for this question, `id` and `check`, and a row has to repeat both: an answer
that puts a label beside the wrong item gets one of them wrong, and is thrown away.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, Final

from agents.classify.instructions import REASON_WORDS_MAX, instructions, schema
from agents.classify.outgoing import WHERE_CHARS_MAX, outgoing
from agents.llm import Question
from streams.contract.classified import Unseen
from streams.contract.failure import Origin
from streams.contract.fold import WHERE_SEPARATOR
from streams.contract.taxonomy import Taxonomy
from streams.core.aliaser import Neighbour
from streams.core.clean import printable

ID_LETTERS: Final = "23456789abcdefghjkmnpqrstuvwxyz"
ID_CHARS: Final = 3
CHECK_CHARS: Final = 2
TOKENS_FIXED: Final = 300
TOKENS_PER_ITEM: Final[Mapping[Origin, int]] = {Origin.BENCHMARK: 70, Origin.CI: 120}
"""Of a row of the answer, about one and a half times what rows measure."""
REASON_CHARS_MAX: Final[Mapping[Origin, int]] = {Origin.BENCHMARK: 120, Origin.CI: 320}
NEAR_TEXT_CHARS_MAX: Final = 100
"""Of the words of a failure that an item may be the same as."""
NEAR_CHARS_MAX: Final = 6_000
"""Of all of them in a question, about 1,700 tokens."""
REASON_READ_MAX: Final = 1_000
"""A row with a longer reason is no row."""
LEAK_CHARS: Final = 48
"""A reason that repeats so much of the instructions in one piece tells of them and not of the failure."""
ANSWER_CHARS_PER_TOKEN_MAX: Final = 16
"""An answer longer than this, for the tokens it was given, is not read."""

_URL: Final = re.compile(r"\b(?:https?|ftp|file|javascript|data):\S*|\bwww\.\S+", re.IGNORECASE)
_MARKUP: Final = re.compile(r"[<>`*#|\[\]{}\\]+")
_FENCE: Final = re.compile(r"^\s*```[a-zA-Z]*\s*|\s*```\s*$")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A question, and what its words stand for."""

    question: Question
    items: Mapping[str, tuple[Unseen, str]]
    """Item and check, by id."""
    near: Mapping[str, Mapping[str, str]]
    """By id of an item: the fingerprints that it may be the same problem as, by their ids."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an answer, checked."""

    kind: str
    confidence: float
    reason: str
    same_as: str = ""
    """The fingerprint that this one is the same problem as."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer holds: rows by fingerprint, and how many were thrown away, by what was wrong."""

    rows: Mapping[str, Row]
    faults: Mapping[str, int]


class Prompt:
    """The instructions for one taxonomy, the same bytes in every question. `version` names them on every verdict."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self.instructions = instructions(taxonomy)
        self.schema = schema(taxonomy)
        told = json.dumps([self.instructions, self.schema, sorted(TOKENS_PER_ITEM.values())], sort_keys=True)
        self.version = f"p-{hashlib.sha256(told.encode()).hexdigest()[:12]}"

    def sheet(
        self,
        batch: Sequence[Unseen],
        draw: Callable[[int], int],
        near: Mapping[str, Sequence[Neighbour]] = MappingProxyType({}),
    ) -> Sheet:
        """A question about these fingerprints. `draw(n)` gives a number from 0 to n - 1: ids, checks and order are
        drawn, so that no text can know them beforehand. `near`: by fingerprint, what it may be the same problem as.
        """
        order = list(batch)
        for last in range(len(order) - 1, 0, -1):
            other = draw(last + 1)
            order[last], order[other] = order[other], order[last]
        known = _known(order, near)
        ids, checks = _words(len(order) + len(known), ID_CHARS, draw), _words(len(order), CHECK_CHARS, draw)
        names = dict(zip(known, ids[len(order) :], strict=True))
        items = {key: (unseen, check) for key, check, unseen in zip(ids, checks, order, strict=False)}
        offered = {
            key: {names[value]: value for value, _ in near.get(unseen.fingerprint.value, ()) if value in names}
            for key, (unseen, _) in items.items()
        }
        told: dict[str, object] = {
            "items": [_item(key, check, unseen, list(offered[key])) for key, (unseen, check) in items.items()]
        }
        if known:
            told["known"] = [{"id": names[value], "text": text} for value, text in known.items()]
        document = json.dumps(told, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
        max_tokens = TOKENS_FIXED + sum(TOKENS_PER_ITEM[unseen.origin] for unseen in batch)
        return Sheet(Question(self.instructions, document, self.schema, max_tokens), items, offered)

    def read(self, text: str, sheet: Sheet) -> Reading:
        """The valid rows of an answer, also of one that ends in its middle or stands between other words.

        A row counts when its id is one of the question's and comes once, its check is the one of that id, its kind is
        one of the item's origin, its confidence a number from 0 to 1 and its reason a text. The rest is counted.
        So is a `same_as` that the item was not given: such a row counts without it.
        """
        faults: Counter[str] = Counter()
        if len(text) > sheet.question.max_tokens * ANSWER_CHARS_PER_TOKEN_MAX:
            return Reading({}, {"too_long": 1})
        told: dict[str, list[dict[str, Any]]] = {}
        for raw in _raw_rows(text):
            key = raw.get("id")
            if isinstance(key, str) and key in sheet.items:
                told.setdefault(key, []).append(raw)
            else:
                faults["foreign_id"] += 1
        rows: dict[str, Row] = {}
        for key, (unseen, check) in sheet.items.items():
            found = told.get(key, [])
            if len(found) != 1:
                faults["missing" if not found else "duplicate"] += 1
                continue
            row = self._row(found[0], unseen.origin, check)
            if not isinstance(row, Row):
                faults[row] += 1
                continue
            same_as = found[0].get("same_as") or ""
            if isinstance(same_as, str) and same_as in sheet.near[key]:
                row = replace(row, same_as=sheet.near[key][same_as])
            elif same_as:
                faults["foreign_same_as"] += 1
            rows[unseen.fingerprint.value] = row
        return Reading(rows, dict(faults))

    def _row(self, raw: Mapping[str, Any], origin: Origin, check: str) -> Row | str:
        """The row, or what is wrong with it."""
        kind, confidence, reason = raw.get("kind"), raw.get("confidence"), raw.get("reason")
        if raw.get("check") != check:
            return "wrong_check"
        if not isinstance(kind, str) or not self.taxonomy.has(origin, kind):
            return "wrong_kind"
        if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
            return "wrong_confidence"
        if not isinstance(reason, str) or len(reason) > REASON_READ_MAX:
            return "wrong_reason"
        return Row(kind, float(confidence), self._reason(reason, origin))

    def _reason(self, reason: str, origin: Origin) -> str:
        """The llm's words as plain text. They may repeat what a failure's text asked for, so nothing in them works."""
        reason = " ".join(_MARKUP.sub(" ", _URL.sub(" ", printable(reason))).split())
        plain = " ".join(self.instructions.split())
        windows = range(0, len(reason) - LEAK_CHARS + 1, LEAK_CHARS // 4)
        if any(reason[start : start + LEAK_CHARS] in plain for start in windows):
            return ""
        words = reason.split(" ")
        if len(words) > REASON_WORDS_MAX[origin]:
            reason = " ".join(words[: REASON_WORDS_MAX[origin]]) + "..."
        if len(reason) > REASON_CHARS_MAX[origin]:
            reason = reason[: REASON_CHARS_MAX[origin] - 3] + "..."
        return reason


def _words(number: int, chars: int, draw: Callable[[int], int]) -> list[str]:
    """Different words, drawn."""
    words: dict[str, None] = {}
    taken = draw(len(ID_LETTERS) ** chars)
    step = 1 + draw(len(ID_LETTERS) - 2)  # a draw that always says the same still gives different words
    while len(words) < number:
        words[_word(taken, chars)] = None
        taken = (taken + step + len(ID_LETTERS) * draw(len(ID_LETTERS))) % len(ID_LETTERS) ** chars
    return list(words)


def _word(number: int, chars: int) -> str:
    letters = []
    for _ in range(chars):
        number, letter = divmod(number, len(ID_LETTERS))
        letters.append(ID_LETTERS[letter])
    return "".join(letters)


def _known(batch: Sequence[Unseen], near: Mapping[str, Sequence[Neighbour]]) -> dict[str, str]:
    """Words of the neighbours by fingerprint: every item's nearest first, as many as NEAR_CHARS_MAX has room for."""
    known: dict[str, str] = {}
    room = NEAR_CHARS_MAX
    for few in zip_longest(*(near.get(unseen.fingerprint.value, ()) for unseen in batch)):
        for one in filter(None, few):
            text = outgoing(one.form, chars_max=NEAR_TEXT_CHARS_MAX)
            if one.fingerprint not in known and len(text) <= room:
                known[one.fingerprint] = text
                room -= len(text)
    return known


def _item(key: str, check: str, unseen: Unseen, near: Sequence[str]) -> dict[str, object]:
    parts = {part.name: part.value for part in unseen.fingerprint.parts}
    text = outgoing(unseen.samples[0].text if unseen.samples else unseen.fingerprint.template)
    item: dict[str, object] = {"id": key, "from": str(unseen.origin)}
    if where := _where(unseen.where):
        item["where"] = where
    for name, part in (("status", "http_status"), ("exit", "exit_code")):
        if parts.get(part, "").isdecimal():
            item[name] = int(parts[part][:9])
    exception = outgoing(parts.get("exception_type", ""), chars_max=WHERE_CHARS_MAX)
    if exception and exception not in text:
        item["type"] = exception
    if near:
        item["near"] = near
    item["text"] = text
    item["check"] = check
    return item


def _where(where: Mapping[str, int]) -> str:
    """The place with the most failures; the first by name among equals."""
    if not where:
        return ""
    most = min(where, key=lambda name: (-where[name], name))
    return outgoing("/".join(part for part in most.split(WHERE_SEPARATOR) if part), chars_max=WHERE_CHARS_MAX)


def _raw_rows(text: str) -> Iterable[dict[str, Any]]:
    """The objects that stand for rows: of the whole document, else each that can be read by itself."""
    try:
        whole = _load(_FENCE.sub("", text))
    except ValueError:
        whole = None
    if isinstance(whole, dict):
        whole = whole.get("results")
    if isinstance(whole, list):
        return [row for row in whole if isinstance(row, dict)]
    return _loose_rows(text)


def _loose_rows(text: str) -> list[dict[str, Any]]:
    """Rows of a text that is no JSON as a whole. A row holds no object, so each is looked for between two braces."""
    rows = []
    for found in re.finditer(r"\{[^{}]*\}", text):
        try:
            row = _load(found[0])
        except ValueError:
            continue
        if isinstance(row, dict) and "id" in row:
            rows.append(row)
    return rows


def _load(text: str) -> object:
    """Raises: ValueError, also for names that come twice, numbers that are none, and documents that are too deep."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a name comes twice")
    return row


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number")
