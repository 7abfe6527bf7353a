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
_LOGGED = (
    r"(?:(?:[\d :.-]{12,30} )?[VDIWEF][/ ][\w.]{1,40} {0,20}(?:\( {0,6}\d{1,7}\))?: "
    r"|[\d :.-]{12,30}\d{1,7} {1,7}\d{1,7} [VDIWEF] [\w.]{1,40} {0,20}: )"
)
_CALLS: tuple[tuple[str, re.Pattern[str]], ...] = (
    # Ruby, and Rails with the gem in front
    (":in ", re.compile(r"(?:from |# |\d{1,5}: from |[\w-]{1,80} \(\d[\w.]{0,40}\) )?"
                       r"[^\s:]{1,300}:\d+:in ['`][^'`]{1,200}'$")),
    # Firefox, Safari
    ("@", re.compile(r"[^\s@()]{0,200}@(?:https?|file|resource|webpack|moz-extension|capacitor|app):\S{1,800}:\d+$")),
    # Apple's reports; Swift's; glog; Valgrind; walked minidumps; PyTorch; Unreal; `backtrace_symbols`
    ("0x", re.compile(r"\d{1,3} {1,6}(?:[\w?][^:]{0,80}?\s{2,40}0x[0-9a-f]{6,16}|\S{1,80} 0x[0-9a-f]{8,16}) \S"
                      r"|@ {1,20}0x[0-9a-f]{6,16} |(?:\* )?frame #\d+: (?:0x|.{1,1500} \+ 0x[0-9a-f]{1,16} \(0x)"
                      r"|\d{1,3} 0x[0-9a-f]{8,16} \S.{0,900}? in \S|==\d{1,10}==\s{1,8}(?:at|by) 0x"
                      r"|\d{1,4} {1,3}[\w.+@~-]{1,120}(?:!.{1,900}?)?(?: \[\S{1,300} : \d{1,9})?"
                      r" \+ 0x[0-9a-f]{1,16}\]?$"
                      r"|.{0,60}?\[Callstack\] 0x"
                      r"|(?:#?\d{1,4}:? )?[^\s()]{1,400}\([^()\s]{0,1000}\+0x[0-9a-f]{1,16}\) ?\[0x")),
    # the kernel's call traces, also in a journal; WinDbg; HotSpot; tombstones
    ("+0x", re.compile(r"(?:[^\[]{1,90} kernel: {0,3})?(?:\[ *\d{1,8}\.\d{1,9}\] {1,4})?"
                       r"(?:\[<[0-9a-f]{8,16}>\] )?(?:\? )?[A-Za-z_][\w.]{0,200}"
                       r"\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8}(?:$| \[[\w. -]{1,80}\]| \S{1,300}:\d)"
                       r"|[0-9a-f`]{8,17} [0-9a-f`]{8,17} (?:[0-9a-f` :]{0,120}: )?[\w.]{1,80}!\S"
                       r"|(?:# )?[CV] {1,4}\[[^\]+]{1,200}\+0x[0-9a-f]{1,16}\]")),
    (" pc 0", re.compile(rf"{_LOGGED}?\s{{0,12}}(?:native: )?#\d+ {{1,2}}pc 0[0-9a-f]{{5,15}} ")),
    # what logcat puts before a Java call
    ("at ", re.compile(rf"{_LOGGED}\s{{1,8}}at [\w$.<>]{{3,400}}\(")),
    # Elixir, Lua, Perl, Xdebug, Unity
    (".ex", re.compile(r"(?:\([\w.]{1,80}(?: [\w.+-]{1,40})?\) )?\S{1,300}\.exs?:\d+: [\w.(]")),
    (".lua:", re.compile(r"\S{1,300}\.lua:\d+: in (?:function|main|method|upvalue|field|local)")),
    (" called at ", re.compile(r"[\w:]{1,300}\([^\n]{0,800}?\) called at \S{1,300} line \d")),
    (".php:", re.compile(r"(?:PHP {1,6})?\d{1,4}\. [\w\\:>{}@-]{1,300}\([^\n]{0,800}?\) \S{1,400}\.php:\d+$")),
    (") (at ", re.compile(r"[\w.+<>`|/:]{1,400} ?\([^\n]{0,600}?\) \(at \S{1,400}:\d+\)$")),
)  # fmt: skip
"""Words in a line, and the form of a call that has them."""
_GO_PLACE = re.compile(r"/\S{1,512}\.go:\d{1,9}")
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
    if line[:2] == "\t/" and _GO_PLACE.fullmatch(start):
        return True
    if _FRAME.match(start) or (start is not line and start[:3] == "at "):
        return True
    for mark, form in _CALLS:  # noqa: SIM110 - a generator takes twice as long, and this is asked of every new line
        if mark in line and form.match(start):
            return True
    return False


def is_python_frame(line: str) -> bool:
    """Whether the next line, if indented, is the code of this frame."""
    return 'File "' in line and bool(_PYTHON_FRAME.search(line))


def is_trace_head(line: str) -> bool:
    """Whether the line only announces a stack trace."""
    return line.endswith(_PYTHON_HEAD)
