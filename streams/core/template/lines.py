"""Bounds and cleaning of a text before it is masked."""

import re

TEXT_CHARS_MAX = 64 * 1024
"""Characters of a text that are read: half from its head, half from its tail."""

LINE_WORDS_MAX = 128
"""Words of one line in a template."""

LINE_WORDS_READ_MAX = LINE_WORDS_MAX + 16
"""Words of one line that are read: a time at its start or a list must not move the end of the template."""

LINE_CHARS_MAX = 8 * 1024
"""Characters of one line that are read."""

TEMPLATE_CHARS_MAX = 8 * 1024
"""Characters of a template; what stands behind them no longer tells problems apart."""

_COLOUR = re.compile(r"\x1b(?:\[[0-9;:?]{0,32}[ -/]{0,2}[@-~]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|[@-Z\\-_])?")
_PYTHON_FRAME = re.compile(r'File "[^"\n]{1,1024}", line \d+')
_FRAME = re.compile(
    r"(?:[-\d:.,TZ]{1,32}\s{1,4})?at\s[^\s(]{1,512}\s?\([^)]{0,512}\)?"
    r"|#\d{1,4}:? +(?:\dx[0-9a-fA-F]+|\S+ ?\(|in )|\.\.\. \d+ (?:more|common frames omitted)"
    r"|goroutine \d+ \[|\S{1,512}\.go:\d+ \+\dx|[~^ ]+$|\d+: +(?:\dx[0-9a-f]+ - )?\S+::"
)
_RUNNER_MARK = re.compile(r"(?<!\S)(?:##\[(?:error|warning)\])+")
_PYTHON_HEAD = "Traceback (most recent call last):"


def cleaned(text: str) -> str:
    """The text within its bounds, without colours and without what a progress bar overwrote."""
    if len(text) > TEXT_CHARS_MAX:
        half = TEXT_CHARS_MAX // 2
        text = f"{text[:half]}\n{text[-half:]}"
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n")
        if "\r" in text:
            text = "\n".join([line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")])
    return text


def printable(line: str) -> str:
    """The line without control characters, invisible marks and lone surrogates."""
    return "".join([c for c in line if c.isprintable() or c.isspace()])


def unadorned(line: str) -> str:
    """The line with blanks in place of the marks that a runner puts before what a tool wrote."""
    return _RUNNER_MARK.sub(lambda mark: " " * len(mark.group()), line)


def is_frame(line: str) -> bool:
    """Whether a line shows one call of a stack trace, or opens one."""
    start = line.lstrip()
    return bool(_FRAME.match(start)) or (start is not line and start[:3] == "at ")


def is_python_frame(line: str) -> bool:
    """Whether the next line, if indented, is the code of this frame."""
    return 'File "' in line and bool(_PYTHON_FRAME.search(line))


def is_trace_head(line: str) -> bool:
    """Whether the line only announces a stack trace."""
    return line.endswith(_PYTHON_HEAD)
