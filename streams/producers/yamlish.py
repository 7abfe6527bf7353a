"""The YAML that test runners write below a test -> texts by key: as much of the language as they use.

Mappings of one or more levels, plain and quoted scalars, `|` and `>` blocks, and lists (joined by lines). A nested
mapping gives its keys beside the outer ones unless those are taken (`at: {file, line}` of TAP gives `file`, `line`).
Anchors, tags, flow mappings over several lines and types are left as they stand: a diagnostic is read by people.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_MEMBER: Final = re.compile(r"^((?>\s*))(?:- )?(?:'([^']{1,200})'|\"([^\"]{1,200})\"|([\w.$ -]{1,200}?)):(?:\s+(.*)|)$")
_BLOCK: Final = re.compile(r"^[|>][+-]?\d?[+-]?$")
_FLOW: Final = re.compile(r"([\w.]{1,100}): ?([^,{}]+)")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "/": "/"}
_ESCAPED: Final = re.compile(r"\\(.)")
KEYS_MAX: Final = 200


def read_block(lines: Sequence[str]) -> dict[str, str]:
    """The members of the block, in order; at most KEYS_MAX. What is no member is left out. Linear."""
    found: dict[str, str] = {}
    at = 0
    while at < len(lines) and len(found) < KEYS_MAX:
        member = _MEMBER.match(lines[at])
        at += 1
        if member is None:
            continue
        indent = len(member.group(1))
        key = next(text for text in member.group(2, 3, 4) if text is not None).strip()
        value = (member.group(5) or "").strip()
        if _BLOCK.match(value):
            upto = _deeper(lines, at, indent)
            value = _joined(lines[at:upto], folded=value.startswith(">"))
            at = upto
        elif not value:
            upto = _deeper(lines, at, indent)
            if upto > at and lines[at].lstrip().startswith("- "):
                value, at = "\n".join(_scalar(line.strip().removeprefix("- ")) for line in lines[at:upto]), upto
        elif value.startswith("{"):
            for name, inner in _FLOW.findall(value):
                found.setdefault(name, _scalar(inner.strip()))
        else:
            value = _scalar(value)
        if key:
            found.setdefault(key, value)
    return found


def _deeper(lines: Sequence[str], at: int, indent: int) -> int:
    """Where the lines end that are blank or have a larger indent."""
    while at < len(lines) and (not lines[at].strip() or len(lines[at]) - len(lines[at].lstrip()) > indent):
        at += 1
    return at


def _joined(lines: Sequence[str], *, folded: bool) -> str:
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    own = [line[indent:] for line in lines]
    if not folded:
        return "\n".join(own).strip("\n")
    return re.sub(r"(?<=\S)\n(?=\S)", " ", "\n".join(own)).strip("\n")


def _scalar(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) > 1 and text[0] == text[-1] == '"':
        return _ESCAPED.sub(lambda found: _ESCAPES.get(found.group(1), found.group()), text[1:-1])
    return "" if text in {"~", "null"} else text
