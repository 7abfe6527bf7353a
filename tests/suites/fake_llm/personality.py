"""How the fake llm answers: well, or in one of the ways in which llms answer badly.

A label is a function of the item's letters alone (`label_of`), so that a label beside the wrong item shows wherever it
ends, without asking the fake.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable
from typing import Any

from streams.contract.failure import Origin
from streams.contract.taxonomy import default_taxonomy

LETTERS_MAX = 200
UNKNOWN_WORD = "inscrutable"
"""A text with this word is answered `unknown`."""
DOUBT_WORD = "doubtful"
"""A text with this word is answered with a confidence of 0.5."""
SAME_WORD = "lookalike"
"""A text with this word is answered to be the same as the nearest that it was given."""
REFUSED_WORD = "unspeakable"
"""A question with this word in it is refused."""
REASON = "the first letters of this text were drawn for kind {}"
"""As long as reasons of an llm are: a dozen words at most."""
OBEYED = re.compile(r"(?:classify|label) (?:this|everything|every item|all).{0,40}? as (\w+)", re.IGNORECASE)

Row = dict[str, Any]


def label_of(text: str, origin: str) -> tuple[str, float]:
    """Kind and confidence that the fake gives a text: by its first letters, so that numbers do not matter."""
    letters = "".join(char for char in text.lower() if "a" <= char <= "z")[:LETTERS_MAX]
    if UNKNOWN_WORD in letters:
        return "unknown", 0.9
    kinds = [name for name in default_taxonomy().names(Origin(origin)) if name != "unknown"]
    number = int.from_bytes(hashlib.sha256(letters.encode()).digest()[:4], "big")
    confidence = 0.5 if DOUBT_WORD in letters else round(0.8 + (number // 64 % 20) / 100, 2)
    return kinds[number % len(kinds)], confidence


def rows_of(items: list[Row]) -> list[Row]:
    """One right row for each item, in their order."""
    rows = []
    for item in items:
        kind, confidence = label_of(item["text"], item["from"])
        row = {"id": item["id"], "kind": kind, "confidence": confidence, "reason": REASON.format(kind)}
        row["same_as"] = item["near"][0] if "near" in item and SAME_WORD in item["text"] else ""
        rows.append(row | ({"check": item["check"]} if "check" in item else {}))
    return rows


def _drop(rows: list[Row], at: slice, chance: random.Random) -> list[Row]:
    gone = {id(row) for row in rows[at]}
    return [row for row in rows if id(row) not in gone]


def _duplicate(rows: list[Row], at: slice, chance: random.Random) -> list[Row]:
    return [*rows, *(row | {"kind": "unknown"} for row in rows[at])]


def _reorder(rows: list[Row], at: slice, chance: random.Random) -> list[Row]:
    return chance.sample(rows, len(rows))


def _invent(rows: list[Row], at: slice, chance: random.Random) -> list[Row]:
    return [*rows, *(row | {"id": f"zz{number}"} for number, row in enumerate(rows[at]))]


def _mangle(rows: list[Row], at: slice, chance: random.Random) -> list[Row]:
    """The ids end early, as when a name is copied badly."""
    cut = {id(row) for row in rows[at]}
    return [row | {"id": row["id"][:-1]} if id(row) in cut else row for row in rows]


def _mislabel(rows: list[Row], at: slice, chance: random.Random) -> list[Row]:
    """Each of these rows has the id of its neighbour: right ids, wrong items."""
    ids = [row["id"] for row in rows[at]]
    turned = dict(zip(map(id, rows[at]), ids[1:] + ids[:1], strict=True))
    return [row | {"id": turned.get(id(row), row["id"])} for row in rows]


def _shift(rows: list[Row], at: slice, chance: random.Random) -> list[Row]:
    """A row is forgotten, and from there on each id stands beside the label of the item after it."""
    start = at.indices(len(rows))[0]
    return rows[:start] + [
        late | {"id": early["id"]} for early, late in zip(rows[start:], rows[start + 1 :], strict=False)
    ]


def _bad_kind(rows: list[Row], at: slice, chance: random.Random) -> list[Row]:
    bad = {id(row) for row in rows[at]}
    return [row | {"kind": "cosmic_rays"} if id(row) in bad else row for row in rows]


def _foreign_kind(rows: list[Row], at: slice, chance: random.Random) -> list[Row]:
    """A kind of the other origin."""
    bad = {id(row) for row in rows[at]}
    of_ci = set(default_taxonomy().names(Origin.CI))
    return [
        row | {"kind": "billing" if row["kind"] in of_ci else "flaky_test"} if id(row) in bad else row for row in rows
    ]


def _bad_confidence(rows: list[Row], at: slice, chance: random.Random) -> list[Row]:
    bad = {id(row) for row in rows[at]}
    wrong = [1.5, -0.1, 95, "high", None, True]
    return [row | {"confidence": chance.choice(wrong)} if id(row) in bad else row for row in rows]


def _same_as_any(rows: list[Row], at: slice, chance: random.Random) -> list[Row]:
    """Everything is the same as something that it was not given: another item, another's neighbour, nothing at all."""
    ids = [row["id"] for row in rows] + [row["same_as"] for row in rows if row["same_as"]]
    wrong: list[Any] = [*ids, "zz9", 7, None, ["a"], "fp1." + "a" * 26]
    return [row | {"same_as": chance.choice([one for one in wrong if one != row["same_as"]])} for row in rows]


def _swap_labels(rows: list[Row], at: slice, chance: random.Random) -> list[Row]:
    """Right ids, right checks, and the kinds of each other: what no check can see."""
    kinds = [row["kind"] for row in rows[at]]
    turned = dict(zip(map(id, rows[at]), kinds[1:] + kinds[:1], strict=True))
    return [row | {"kind": turned.get(id(row), row["kind"])} for row in rows]


ROWS: dict[str, Callable[[list[Row], slice, random.Random], list[Row]]] = {
    "drop": _drop,
    "duplicate": _duplicate,
    "reorder": _reorder,
    "invent": _invent,
    "mangle": _mangle,
    "mislabel": _mislabel,
    "bad_kind": _bad_kind,
    "foreign_kind": _foreign_kind,
    "bad_confidence": _bad_confidence,
    "shift": _shift,
    "swap_labels": _swap_labels,
    "same_as_any": _same_as_any,
}
TEXTS: dict[str, Callable[[str], str]] = {
    "fence": lambda text: f"```json\n{text}\n```",
    "prose": lambda text: f"Sure! Here is what I found:\n\n{text}\n\nLet me know if you need more.",
    "truncate": lambda text: text[: len(text) // 2],
    "garbage": lambda text: "I am sorry, I have been thinking about something else.",
    "deep": lambda text: "[" * 50_000,
    "nothing": lambda text: "",
    "list": lambda text: json.dumps(json.loads(text)["results"]),
}
HOSTILE = ("drop", "duplicate", "reorder", "invent", "mangle", "mislabel", "bad_kind", "foreign_kind", "bad_confidence",
           "same_as_any", "fence", "prose", "truncate", "leak", "max_tokens")  # fmt: skip
"""What a hostile llm does, one of them drawn for each answer. After any of these the labels that are left are right."""


def answer(items: list[Row], instructions: str, fault: dict[str, Any], chance: random.Random) -> str:
    """The text of the answer. `fault` names how it is bad; its `at` is first, middle or last of the rows."""
    rows = rows_of(items)
    name = fault.get("fault", "")
    if name in ROWS:
        rows = ROWS[name](rows, _at(len(rows), fault.get("at", "middle")), chance)
    if name == "obey":
        orders = [found[1] for item in items if (found := OBEYED.search(item["text"]))]
        rows = [row | {"kind": orders[0]} for row in rows] if orders else rows
    if name == "leak":
        rows = [row | {"reason": instructions[:400]} for row in rows]
    text = json.dumps({"results": rows}, separators=(",", ":"))
    return TEXTS[name](text) if name in TEXTS else text


def _at(number: int, where: str) -> slice:
    """A tenth of the rows, two at least where there are two."""
    some = max(2, number // 10)
    start = {"first": 0, "middle": (number - some) // 2, "last": number - some}[where]
    return slice(max(0, start), max(0, start) + some)
