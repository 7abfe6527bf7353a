"""What the neighbours of a word decide, on the words of one line.

Exit codes, signals, error numbers and HTTP statuses stay beside the words that announce them; `names.py` has names.
"""

import re
from collections.abc import Callable

from streams.core.template.names import (
    NAMING,
    QUOTED_AFTER,
    TRIM,
    keep_name,
    mask_host,
    mask_place,
    mask_url,
    mask_user,
)
from streams.core.template.terms import is_code

MARK = "\x02"
"""Prefix of a masked word that a neighbour rule must look at; never part of a template."""
NUMBER_NEXT, DATE_WORD, KEPT, USER_NEXT, CODE = MARK + "n", MARK + "d", MARK + "k", MARK + "u", MARK + "c"
STATUS_BEFORE, SQL_PAIR, NAME_NEXT = MARK + "s", MARK + "q", MARK + "a"
URL_NEXT = MARK + "r"
RAW_NEXT, NAMED_ERROR, HOST_NEXT, PLACE_NEXT = MARK + "w", MARK + "e", MARK + "h", MARK + "p"
UNSHOWN = MARK + "x"
"""Stands for a word with characters that are not shown: its line is cleaned and masked again."""

MARKS = re.compile(f"{MARK}.")
"""Every mark."""

_ANY_CODE = re.compile(r"-?\d{1,6}|-\d{10}|\d[xX][0-9a-fA-F]{1,8}")
_HTTP = re.compile(r"\d{3}")
_SIGNAL = re.compile(r"-?\d{1,3}")
_SQL = re.compile(r"[0-9A-Z]{5}|-?\d{1,5}")
_ERROR = re.compile(r"\d{1,5}|\d[xX][0-9a-fA-F]{8}")
_CODES: dict[str, re.Pattern[str]] = {
    "code": _ANY_CODE,
    "exitcode": _ANY_CODE,
    "exit": _SIGNAL,
    "exited": _SIGNAL,
    "rc": _SIGNAL,
    "errno": _ANY_CODE,
    "hresult": _ANY_CODE,
    "ntstatus": _ANY_CODE,
    "winerror": _ANY_CODE,
    "signal": _SIGNAL,
    "wexitstatus": _SIGNAL,
    "wtermsig": _SIGNAL,
    "sqlstate": _SQL,
    "sqlcode": _SQL,
    "error": _ERROR,
    "http": _HTTP,
    "status": _HTTP,
    "response": _HTTP,
}
_CODES |= dict.fromkeys(["errorcode", "errcode", "returncode", "resultcode", "retcode"], _ANY_CODE)
_CODES |= dict.fromkeys(["statuscode", "httpstatus", "responsecode", "httpcode", "httperror", "httpexception"], _HTTP)
# A server's answer; a number that others return counts something.
_CODES |= dict.fromkeys(["responded", "answered", "replied", "returned", "smtp", "ftp", "said"], _HTTP)
_NEGATIVE = re.compile(r"-\d{1,3}")
_MAIL_STATUS = re.compile(r"\d\.\d{1,3}\.\d{1,3}")
# What a program needs or refuses: the first two numbers of a version say which, the others which build.
_VERSION = re.compile(r"[<>=~!^]{0,2}v?\d{1,2}(?:\.\d{1,2})?")
_RUNTIMES = "capability python java jdk jre node.js nodejs ruby php perl cuda glibc tls ssl version"
_CODES |= dict.fromkeys(_RUNTIMES.split(), _VERSION)
_SERVERS = "server upstream backend api endpoint gateway registry proxy host url request webhook site service provider"
_CODES["state"] = _SQL
_SUBJECTS = {
    "returned": frozenset(_SERVERS.split()),
    "version": frozenset(["file", "major", "protocol"]),
    "state": frozenset(["sql"]),
}
"""Words one of which must stand before an announcing word, where that says too little alone."""

_METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
TRIM_VERSION = TRIM.replace("(", "").replace(")", "")
_JOINED = str.maketrans("", "", "_-")
_BETWEEN = frozenset([":", "=", "is", "was", "of", "with", "value", "->", "-"])
_BETWEEN_MAX = 2
_COMPARED_WITHIN = 8
# What stands behind a status: `404 Client Error`, `503 Service Unavailable`.
_STATUS_PHRASES = {
    "Client": "error",
    "Server": "error",
    "Not": "found",
    "Internal": "server",
    "Bad": "request gateway",
    "Service": "unavailable",
    "Too": "many",
    "Gateway": "timeout time-out",
    "Payment": "required",
    "Unauthorized": "",
    "Forbidden": "",
}
_SQL_PAIR = re.compile(r"\(\d{4},")
_SQL_STATE_WORD = re.compile(r"\([0-9A-Z]{5}\):?")
# Five digits alone may be a process: a state of SQL has a letter, a colon behind it, or its name (`(syntax_error)`).
_STATE_CLASS = r"(?:\d[0-9A-Z]|H[VYZ]|IM|XX|[FPS]\d)"
_LETTERED_STATE = re.compile(rf"(?=\d{{0,4}}[A-Z]){_STATE_CLASS}[0-9PS]\d[0-9A-Z][:,]?")
_LABELLED_STATE = re.compile(r"\d{5}:")
_NAMED_STATE = re.compile(r"\d{5}")
_STATE_NAME = re.compile(r"\([a-z]{1,32}(?:_[a-z]{1,32}){1,8}\)")
# `Msg 208, Level 16`: the number of an error of SQL Server; others number the messages of a queue.
_MESSAGE = re.compile(r"\d{3,5}[,:)]")
_LEVELLED = re.compile(r"\d{1,5},?")
# `Xid (PCI:0000:3b:00): 79`: an error of a graphics card; ZooKeeper counts its requests by the same word.
_CARD = re.compile(r"\(\S{4,64}\):")
_CARD_ERROR = re.compile(r"\d{1,3}[,:.;)]{0,2}")
_COUNTED_REQUEST = frozenset(["with", "for", "expected"])
_ACTUAL = frozenset(["was", "got", "received", "actual", "found", "not", "expected"])
_ENDING = frozenset(["exit", "exited", "returned", "return", "finished", "terminated", "grpc"])
_HTTP_WORD = re.compile(r"HTTP/(?:\d(?:\.\d)?|<num)")
_HOST_BEFORE = frozenset(
    ["server", "host", "hostname", "resolve", "resolving", "lookup", "eai_again", "enotfound", "relay", "peer"]
)
_RAW_BEFORE = frozenset(["with", "failure", "exception", "result", "hr"])
_RAW = re.compile(r"\d[xX][0-9a-fA-F]{8}")
_FAILING = frozenset(["fails", "failed", "failing", "fail", "exits", "died", "crashed", "ended"])
_ERROR_NAME = re.compile(
    r"[A-Z][A-Z0-9]{0,31}(?:_[A-Z0-9]{1,32}){0,8}_(?:ERR|ERROR)(?:_[A-Z0-9]{1,32}){0,8}|(?:ER|ERR)_[A-Z_]{1,64}"
)
_NUMBER_OF_NAME = re.compile(r"\(-?\d{1,6}\)[.,:;]?")
_BRACKETED = re.compile(r"\([A-Z]{1,5}\d{3,6}\)[.,:;!]?")
_CODE_BEFORE = frozenset(
    ["error", "warning", "err", "code", "errors", "rustc", "shellcheck", "hadolint", "pylint", "flake8"]
)
_ANNOUNCING = (
    dict.fromkeys(QUOTED_AFTER, PLACE_NEXT)
    | dict.fromkeys(_HOST_BEFORE, HOST_NEXT)
    | dict.fromkeys(_RAW_BEFORE, RAW_NEXT)
    | dict.fromkeys(_CODES, NUMBER_NEXT)
    | dict.fromkeys(NAMING, NAME_NEXT)
    | {"user": USER_NEXT, "url": URL_NEXT}
)


def mark_of(word: str) -> str:
    """The mark that makes the line stage look at this word's neighbours, or nothing."""
    core = word.strip(TRIM)
    low = core.lower()
    if core in _STATUS_PHRASES and not (word[-1] == ":" and low in _ANNOUNCING):
        return STATUS_BEFORE
    if core in _IN_CAPITALS:
        return NUMBER_NEXT
    mark = _ANNOUNCING.get(low.translate(_JOINED) if "code" in low or "status" in low else low)
    if mark:
        return mark if mark != URL_NEXT or word[-1] == ":" else ""
    if word == "curl:" or ("_" in word and word[0].isupper() and _ERROR_NAME.fullmatch(word)):
        return NAMED_ERROR
    if word[0] == "(" and _SQL_PAIR.fullmatch(word):
        return SQL_PAIR
    if is_code(core):
        return CODE
    return NUMBER_NEXT if low.startswith("http/") and _HTTP_WORD.fullmatch(core) else ""


def kept_numbers(words: list[str], masked: list[str]) -> list[int]:
    """Put back, in `masked`, what marked words announce; return the places of the words that keep digits."""
    kept: list[int] = []
    for i in [i for i, token in enumerate(masked) if token[:1] == MARK]:
        keep = _KEEPERS.get(masked[i][:2])
        if keep:
            places = keep(words, i)
            for at in places:
                masked[at] = words[at]
            kept.extend(places)
            continue
        change = _CHANGERS.get(masked[i][:2])
        if change:
            kept.extend(change(words, masked, i))
        elif masked[i][:2] == KEPT:
            kept.append(i)
    return kept


def _status_before(words: list[str], i: int) -> list[int]:
    """`404 Client Error`."""
    announced = i > 0 and _HTTP.fullmatch(words[i - 1].strip(TRIM)) and _is_status_phrase(words, i)
    return [i - 1] if announced else []


def _sql_pair(words: list[str], i: int) -> list[int]:
    """`(1045, "Access denied ...")`: how a driver prints number and message."""
    return [i] if i + 1 < len(words) and words[i + 1][0] in "\"'" else []


def _tool_code(words: list[str], i: int) -> list[int]:
    """`file.py:3:1: E501 ...`, `error CS1002` and `(E1001)`: a tool's own code."""
    before = words[i - 1] if i else ""
    announced = before.endswith(":") or before.strip(TRIM).lower() in _CODE_BEFORE or _BRACKETED.fullmatch(words[i])
    return [i] if announced else []


def _raw_code(words: list[str], i: int) -> list[int]:
    """`fails with 0xC0000005`: eight digits in base 16 behind a word of failure are no address."""
    if i + 1 == len(words) or not _RAW.fullmatch(words[i + 1].strip(TRIM)):
        return []
    return [i + 1] if words[i].lower() != "with" or (i and words[i - 1].lower() in _FAILING) else []


def _named_error(words: list[str], i: int) -> list[int]:
    """`ER_ACCESS_DENIED_ERROR (1045)` and `curl: (6)`: a name and its number."""
    return [i + 1] if i + 1 < len(words) and _NUMBER_OF_NAME.fullmatch(words[i + 1]) else []


def _announced_numbers(words: list[str], i: int) -> list[int]:
    """The number that the word at `i` announces, and what belongs to it."""
    at = _announced(words, i) or _returned(words, i)
    if not at:
        return []
    after = words[at + 1] if at + 1 < len(words) else ""
    belongs = _MAIL_STATUS.fullmatch(after) or (words[i].strip(TRIM) == "ERROR" and _SQL_STATE_WORD.fullmatch(after))
    return [at, *([at + 1] if belongs else []), *_compared(words, at)]


def _announced(words: list[str], i: int) -> int:
    """The place of the number that the word at `i` announces, or 0."""
    core = words[i].strip(TRIM)
    if core in _IN_CAPITALS:
        return _IN_CAPITALS[core](words, i)
    if words[i][-1] in ",;":
        return 0  # `1 error, 39 warnings`: what follows belongs to another word.
    core = core.lower()
    form = _HTTP if core.startswith("http/") else _CODES[core.translate(_JOINED)]
    if core == "status" and i and words[i - 1].strip(TRIM).lower() in _ENDING:
        form = _SIGNAL
    subject = _SUBJECTS.get(core)
    asked = core == "returned" and i > 1 and words[i - 2].strip(TRIM) in _METHODS  # `POST /v1/items returned 409`
    if subject is not None and not asked and not (i and words[i - 1].strip(TRIM).lower() in subject):
        return 0
    if form is _VERSION and not (i + 1 < len(words) and form.fullmatch(words[i + 1].strip(TRIM_VERSION))):
        return 0  # nor `'python' (4121)`, a process
    for at in range(i + 1, min(i + 2 + _BETWEEN_MAX, len(words))):
        word = words[at]
        if word in _BETWEEN:
            continue
        if form is _ERROR and word[0] == "(" and ")" not in word:
            return 0  # `error (2 tries remaining)`
        return at if word.isprintable() and form.fullmatch(word.strip(TRIM)) else 0
    return 0


def _state(words: list[str], i: int) -> int:
    """The place of the state in `ERROR:  42601: syntax error` and of the number in `ERROR 1045 (28000)`, or 0.

    An upper-case ERROR opens a line and is followed by a process number; a database adds its state.
    """
    word, after = [*words[i + 1 : i + 3], "", ""][:2]
    stated = _LETTERED_STATE.fullmatch(word) or _LABELLED_STATE.fullmatch(word)
    stated = stated or (_NAMED_STATE.fullmatch(word) and _STATE_NAME.fullmatch(after))
    numbered = _SQL_STATE_WORD.fullmatch(after) and _ERROR.fullmatch(word.strip(TRIM))
    return i + 1 if stated or numbered else 0


def _message(words: list[str], i: int) -> int:
    """The place of the number in `Msg 208, Level 16`, or 0."""
    number, after = [*words[i + 1 : i + 3], "", ""][:2]
    numbered = _MESSAGE.fullmatch(number) or (after == "Level" and _LEVELLED.fullmatch(number))
    return i + 1 if numbered and words[i].endswith("Msg") else 0


def _card_error(words: list[str], i: int) -> int:
    """The place of the number in `Xid (PCI:0000:3b:00): 79, pid=1` and `Xid 79`, or 0."""
    at = i + 2 if i + 1 < len(words) and _CARD.fullmatch(words[i + 1]) else i + 1
    number, after = [*words[at : at + 2], "", ""][:2]
    counted = after in _COUNTED_REQUEST or (i and words[i - 1] in _COUNTED_REQUEST)
    return at if _CARD_ERROR.fullmatch(number) and not counted else 0


_IN_CAPITALS: dict[str, Callable[[list[str], int], int]] = {
    **dict.fromkeys(["ERROR", "FATAL", "PANIC"], _state),
    "Msg": _message,
    **dict.fromkeys(["Xid", "XID"], _card_error),
}
"""Words that announce a number in this case alone, and how its place is found."""


def _returned(words: list[str], i: int) -> int:
    """The place of the number in `returned 1 exit status` and `ioctl returned -22`, or 0."""
    if words[i] == "returned" and i + 1 < len(words) and _NEGATIVE.fullmatch(words[i + 1].strip(TRIM)):
        return i + 1
    if i > 1 and words[i] == "exit" and words[i - 2] == "returned" and _SIGNAL.fullmatch(words[i - 1]):
        return i - 1
    return 0


def _is_status_phrase(words: list[str], i: int) -> bool:
    follow = _STATUS_PHRASES[words[i].strip(TRIM)]
    return not follow or (i + 1 < len(words) and words[i + 1].strip(TRIM).lower() in follow.split(" "))


def _compared(words: list[str], at: int) -> list[int]:
    """Places of the statuses that are held against the one at `at`: `expected status 200 but was 500`."""
    if not _HTTP.fullmatch(words[at].strip(TRIM)):
        return []
    found: list[int] = []
    for i in range(at + 1, min(at + 1 + _COMPARED_WITHIN, len(words))):
        if words[i - 1].strip(TRIM).lower() in _ACTUAL and _HTTP.fullmatch(words[i].strip(TRIM)):
            found.append(i)
    return found


_KEEPERS: dict[str, Callable[[list[str], int], list[int]]] = {
    NUMBER_NEXT: _announced_numbers,
    STATUS_BEFORE: _status_before,
    SQL_PAIR: _sql_pair,
    CODE: _tool_code,
    RAW_NEXT: _raw_code,
    NAMED_ERROR: _named_error,
}
"""What a mark lets stay: the places, from the words and the place of the mark."""

_CHANGERS: dict[str, Callable[[list[str], list[str], int], list[int]]] = {
    NAME_NEXT: keep_name,
    HOST_NEXT: mask_host,
    PLACE_NEXT: mask_place,
    URL_NEXT: mask_url,
    USER_NEXT: mask_user,
}
"""What a mark changes in the masked words; the places of names that keep digits."""
