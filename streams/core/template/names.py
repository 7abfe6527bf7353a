"""What the neighbours of a word decide about names, on the words of one line.

Names of modules, packages and symbols that are missing stay; names that say who or where, and parts of addresses, go.
"""

import re

TRIM = "()[]{}<>\"'`,.:;!#"
"""Punctuation around a word."""

# What announces the name of a part of a program, with the words one of which stands before it.
_NAMING = {
    "named": frozenset(["module", "package"]),
    "module": frozenset(["find"]),
    "package": frozenset(["find", "locate"]),
    "distribution": frozenset(["matching"]),
    "attribute": frozenset(["no"]),
    "name": frozenset(["import"]),
    "identifier": frozenset(["undeclared", "undefined"]),
    "reference": frozenset(["undefined"]),
    "symbol": frozenset(["undefined", "unresolved", "external"]),
    "function": frozenset(["undefined", "undeclared"]),
}
NAMING = frozenset(_NAMING)
"""Words that may announce the name of a part of a program, in lower case."""

_IS_NOT_DEFINED = ["is", "not", "defined"]
_BEFORE_NAME = frozenset(["to", "found", "for"])
_BEFORE_NAME_MAX = 2
_PROGRAM_NAME = re.compile(r"[\"'`]?([A-Za-z_][\w-]{0,63})(?![\w/-])")
_USER_BEFORE = frozenset(["for", "by", "as", "invalid", "illegal", "unknown"])
_USER_NAME = re.compile(r"[A-Za-z_][\w.$-]{0,63}")
_HOST_NAME = re.compile(r"[a-z0-9-]{1,63}\.(?:io|app|ai|co|internal|local|lan|corp|info|biz|us|tv|example|test|intra)")
_QUOTED_NAME = re.compile(r"\\{0,3}[\"'`]([\w.$/@:-]{0,127}[A-Za-z/][\w.$/@:-]{0,127})\\{0,3}[\"'`][).,:;\]\\\"']{0,8}")
_QUOTES = frozenset("\"'`\\")
_QUOTED_PLACEHOLDER = re.compile(r"\W*<[a-z]+>\W*\Z")
QUOTED_AFTER = frozenset("container pod node namespace vhost database image role username cluster".split())
"""Words that say who or where, in lower case, and mostly have the name in quotes behind them."""
_NOT_A_USER_WORDS = """
is was not has had and or with from name names id ids to in on at of for does did cannot could must should
request input account error session data agent group space defined specified provided
login logout logged connected disconnected authenticated
"""
_NOT_A_USER = frozenset(_NOT_A_USER_WORDS.split())


def keep_name(words: list[str], masked: list[str], i: int) -> list[int]:
    """Put back the name that the word at `i` announces (`No module named 'boto3'`); return its place, if any."""
    before = words[i - 1].strip(TRIM).lower() if i else ""
    low = words[i].strip(TRIM).lower()
    if before not in _NAMING[low] and not (low == "name" and words[i + 2 : i + 5] == _IS_NOT_DEFINED):
        return []
    at = i + 1
    while at <= i + _BEFORE_NAME_MAX and at < len(words) and words[at] in _BEFORE_NAME:
        at += 1
    name = _PROGRAM_NAME.match(words[at]) if at < len(words) else None
    if name is None or not masked[at].startswith("<id>", name.start(1)):
        return []
    masked[at] = masked[at].replace("<id>", name.group(1), 1)
    return [at]


def mask_url(words: list[str], masked: list[str], i: int) -> list[int]:
    """Mask the part of an address in `url: /v1/items?page=2`."""
    word = words[i + 1] if i + 1 < len(words) else ""
    if word[:1] == "/" and word.isprintable():
        masked[i + 1] = f"<url>{word[len(word.rstrip(TRIM)) :]}"
    return []


def mask_place(words: list[str], masked: list[str], i: int) -> list[int]:
    """Mask the quoted name in `container "api"` and `vhost: 'shop'`: the word in front says that it is who or where."""
    if i + 1 >= len(words) or words[i + 1][0] not in _QUOTES:
        return []
    name = _QUOTED_NAME.fullmatch(words[i + 1])
    if name and not _QUOTED_PLACEHOLDER.match(masked[i + 1]):
        word = words[i + 1]
        masked[i + 1] = f"{word[: name.start(1)]}<id>{word[name.end(1) :]}"
    return []


def mask_host(words: list[str], masked: list[str], i: int) -> list[int]:
    """Mask the name in `server: db.example`, which nothing but the word in front shows to be a host."""
    if words[i] == "resolve" and words[i + 2 : i + 3] == ["in"]:
        return []  # `Can't resolve './cart' in '/srv/app'`: a bundler looks for a module.
    mask_place(words, masked, i)
    name = words[i + 1].strip(TRIM) if i + 1 < len(words) else ""
    if name and masked[i + 1] == words[i + 1] and _HOST_NAME.fullmatch(name):
        masked[i + 1] = words[i + 1].replace(name, "<host>", 1)
    return []


def mask_user(words: list[str], masked: list[str], i: int) -> list[int]:
    """Mask the name in `invalid user bob`, `user "bob"` and `user bob 10.0.0.1`."""
    if i + 1 >= len(words):
        return []
    mask_place(words, masked, i)
    if masked[i + 2 : i + 3] != ["<ip>"] and not (i and words[i - 1].lower() in _USER_BEFORE):
        return []
    name = words[i + 1].strip(TRIM)
    if name and name.lower() not in _NOT_A_USER and _USER_NAME.fullmatch(name):
        masked[i + 1] = words[i + 1].replace(name, "<id>", 1)
    return []
