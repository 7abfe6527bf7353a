"""What closes up in a line of masked words: dates of several words, amounts, lists, the time at its start."""

import re

from streams.core.template.context import DATE_WORD, MARK, MARKS

_MONTH_WORDS = """
jan feb mar apr may jun jul aug sep sept oct nov dec
january february march april june july august september october november december
"""
_WEEKDAY_WORDS = "mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday"
DATE_NAMES = frozenset(f"{_MONTH_WORDS} {_WEEKDAY_WORDS}".split())
"""Months and weekdays, in lower case."""

_ZONE_WORD = r"(?: (?:UTC|GMT|[A-Z]{1,4}T)\b)?"
_DATE_WORDS = re.compile(
    rf"(?:{MARK}d[A-Za-z]+,? )?(?:<num>(?: of)?,? )?{MARK}d[A-Za-z]+\.?(?:,? <num>){{0,2}}(?:,?(?: at)? <ts>)?"
    rf"{_ZONE_WORD}(?: <num>)?{_ZONE_WORD}"
)
_DATE_TAIL = re.compile(r"(?<!\w)([A-Z][a-z]{2,8})[.,]?\Z")
_DATE_TAIL_CHARS = 10
_FREE = r"(?<![^\s\[(\"'=]<)"
# Both forms begin with `<`, so that the search skips from one placeholder to the next.
_DATES = re.compile(
    rf"<(?:(?:{_FREE}num> <)?ts>(?:[ ,T@-]{{1,3}}(?:<ts>|<num>|[AaPp][Mm]\b|UTC\b|GMT\b|Z\b|[A-Z]{{1,4}}T\b|m=<num>)"
    rf"| \((?:[A-Z]{{2,5}}|(?:[A-Z][a-z]+ ){{1,4}}Time)\))+|{_FREE}num> <ts>)"
)
# The first line of a request: a server writes what was asked for like a link.
_REQUEST = re.compile(
    r"\b(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE) (?!<url>)[/<*]\S{0,2047}(?= HTTP/<num>)"
)
_SWITCH = re.compile(r"= (?:true|false|True|False|null|None|nil)(?!\w)")
_SIZES = "B KB MB GB TB kB KiB MiB GiB TiB Kb Mb Gb bytes byte"
_SIZE_UNITS = frozenset(_SIZES.split())
_TIMES = "ns us ms s sec secs second seconds min mins minute minutes h hr hrs hour hours milliseconds msec days day"
_UNITS = (_SIZES + " " + _TIMES).split()
_AMOUNT = re.compile(rf"(?:<num> )+(?=[{''.join(sorted({unit[0] for unit in _UNITS}))}])({'|'.join(_UNITS)})\b")
_LIST = re.compile(
    r"(<(?:num|cur|hex|hash|mac|uuid|trace|ts|dur|size|url|host|email|ip|id|str)>%?)(?:(?:[,;:|/]{1,2} ?| )\1)+"
)
_LISTED = re.compile(r">%?[,;:|/]{0,2} ?<")
"""Placeholders side by side, as a list has them."""

_COUNTED = re.compile(
    r"(?<=<num> )(?:error|warning|failure|problem|issue|violation|test|example|assertion|file|task|job|suite|package"
    r"|module|step|check|line|time|attempt|node|pod|replica)(?=[\s,.:;)!\]]|$)"
)
"""What is counted, in the singular: one of them is the same problem as many."""

_PROGRESS = re.compile(
    r"(?<!\S)(?![A-Z]{3,80}\.{2,3}(?!\S))(?=[FEsSxXIRWDPN*]{0,500}\.\.)[.FEsSxXIRWDPN*]{3,2000}(?!\S)"
)
"""A sign for each test that ran, as test runners print them; `EXPIRED...` is a word."""

_BAR = re.compile(r"(?<=%)\|[^|<>\w]{0,200}\|")
"""What a progress bar draws between its ends."""

_CLONE = re.compile(r"(Cloning into ')[^']{1,300}(?=')")
_LINE_START = re.compile(r"(?<!\S)(?:[\[(<]?<ts>[\])>]?[:|,-]{0,2} (?:[-|:] )?)+(?=\S)")


def dated(masked: str) -> str:
    """A masked word with a mark before the month or weekday that ends it."""
    match = _DATE_TAIL.search(masked, max(0, len(masked) - _DATE_TAIL_CHARS))
    if match is None or match.group(1).lower() not in DATE_NAMES:
        return masked
    at = match.start(1)
    return f"{masked[:at]}{DATE_WORD}{masked[at:]}"


def closed(line: str) -> str:
    """Close up dates, lists, signs of progress and the time at the start of a line of masked words."""
    if MARK in line:
        if DATE_WORD in line:
            line = _DATE_WORDS.sub(_date, line)
        line = MARKS.sub("", line)
    if "[<ip>]:<" in line:
        line = line.replace("[<ip>]:<num>", "<ip>:<num>")
    if " HTTP/<num>" in line:
        line = _REQUEST.sub(r"\1 <url>", line)
    if "= " in line:
        line = _SWITCH.sub("= <str>", line)
    if "<num> " in line:
        line = _AMOUNT.sub(_amount, line)
        line = _COUNTED.sub(r"\g<0>s", line)
    if "[ <num>%]" in line:
        line = line.replace("[ <num>%]", "[<num>%]")
    if "%|" in line:
        line = _BAR.sub("|...|", line)
    if "..." in line:
        if line.startswith("Cloning into '"):
            line = _CLONE.sub(r"\1<path>", line)
        line = _PROGRESS.sub("...", line)
    if "<ts>" in line:
        line = _DATES.sub("<ts>", line)
        line = _LINE_START.sub("", line, count=1) if line[:6].find("<ts>") >= 0 else line
    return _LIST.sub(_once, line) if _LISTED.search(line) else line


def _once(match: re.Match[str]) -> str:
    return match.group(1)


def _amount(match: re.Match[str]) -> str:
    return "<size>" if match.group(1) in _SIZE_UNITS else "<dur>"


def _date(match: re.Match[str]) -> str:
    found = match.group()
    return "<ts>" if "<num>" in found or "<ts>" in found else found.replace(DATE_WORD, "")
