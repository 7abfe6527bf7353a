"""Compilers and linkers: messages with a place in a source file."""

from __future__ import annotations

from typing import Final

from streams.core.extract.rule import DEEPER, rule

_SOURCE = r"[\w.+@~\-/\\ ()\[\]]{1,300}\.\w{1,10}"
_SNIPPET = r"^\s+\S|^\s*\^|^\s*\d+ \||^In file included|: note: |^\s*\|"
_RUST = r"^\s+\S|^\.\.\.$|^\s*\d+ +\||^\s*-->|^\s*=|^\s*\|"

RULES: Final = (
    rule("gcc.fatal", "fatal error", rf"^{_SOURCE}:\d+(?::\d+)?: fatal error: ", 0.95, goes_on=_SNIPPET, lines_max=12),
    rule(
        "gcc.error",
        "error: ",
        rf"^(?:\[[^\]]*\] )?{_SOURCE}:\d+(?::\d+)?: error: ",
        0.93,
        back=r": In (?:\w+ )?(?:function|constructor|instantiation)|^In file included|^\s+from ",
        goes_on=_SNIPPET,
        lines_max=12,
    ),
    rule(
        "linker.undefined",
        "undefined",
        r"undefined reference to |[Uu]ndefined symbols? ",
        0.92,
        back=r": in function |In function",
        goes_on=r"undefined reference|: in function|^\s+\S|more undefined references|symbol\(s\) not found",
        lines_max=30,
    ),
    rule(
        "linker.missing",
        "cannot find|library not found",
        r"\bld(?:\.\w+)?: (?:cannot find |library not found|error: unable to find)",
        0.93,
    ),
    rule(
        "linker.lld",
        "error: ",
        r"^(?:\S*\b(?:ld\.lld|ld64\.lld|lld-link|wasm-ld|ld|mold)): error: ",
        0.92,
        goes_on=r"^>>> ",
    ),
    rule("linker.exit", "ld returned", r"collect2: error: ld returned", 0.3, before=4),
    rule("linker.multiple", "multiple definition", r"multiple definition of ", 0.92, after=1),
    rule("msvc.error", "error ", r"\b(?:fatal )?error (?:[A-Z]{1,4}\d{3,5})\s?: ", 0.92, goes_on=DEEPER, lines_max=8),
    rule("tsc.error", "error ts", r"\berror TS\d+: ", 0.93, goes_on=DEEPER, lines_max=8),
    rule(
        "javac.error",
        "error",
        rf"^\[ERROR\] {_SOURCE}:(?:\[\d+,\d+\]|\d+:)",
        0.93,
        goes_on=r"^\s+\S|^\[ERROR\]\s+(?:symbol|location|found|required|reason)\b|^\[ERROR\] \S+:\[\d+,\d+\]",
        lines_max=40,
    ),
    rule("javac.place", "error: ", rf"^{_SOURCE}:\d+: error: ", 0.93, goes_on=r"^\s+\S", lines_max=8),
    rule("rustc.error", "error[e", r"^error\[E\d{4}\]: ", 0.93, goes_on=_RUST, lines_max=30),
    rule(  # the same form of other tools: a name of the finding in place of the code
        "diagnostic.error",
        "error[",
        r"^error\[[\w:\-]{1,60}\]: \S",
        0.9,
        goes_on=r"^\s+\S|^\s*\d+ [|\u2502]|^\s*[=|\u2502\u250c\u2514\u251c\u256d\u2570]",
        lines_max=25,
    ),
    rule(  # of errors without a code only the place tells that the compiler speaks
        "rustc.place",
        "-->",
        r"^\s*--> \S+\.rs:\d+:\d+$",
        0.88,
        back=r"^error: ",
        goes_on=_RUST,
        told_above=True,
        lines_max=30,
    ),
    rule("ghc.error", "error", r"^\S+\.l?hs:\d+:\d+: error", 0.93, goes_on=r"^\s+\S|^\s*\|", lines_max=20),
    rule(
        "ocaml.error",
        'file "',
        r'^File "[^"]+", lines? \d+(?:-\d+)?, characters',
        0.8,
        goes_on=r"^\s*\d+ \||^\s*\^|^Error: |^\s+\S",
        says=r"^Error\b",
        lines_max=15,
    ),
    rule("scala.error", "[error]", r"^\[error\] ", 0.82, goes_on=r"^\[error\]", lines_max=60),
    rule("kotlin.error", ".kt", r"^e: (?:file://)?\S+", 0.92, goes_on=r"^e: ", lines_max=30),
    rule("swift.error", "error: ", r"\.swift:\d+:\d+: error: ", 0.93, goes_on=r"^\s+\S|^\s*\^", lines_max=8),
    rule(
        "go.compile",
        ".go:0",
        r"^(?:vet: |# )?[\w./\-@]{1,300}\.go:\d+(?::\d+)?: (?!warning)",
        0.8,
        back=r"^# [\w./\-]+",
        goes_on=r"^\S+\.go:\d+|^\s+\S|^too many errors",
        lines_max=25,
    ),
    rule("csharp.error", "error cs", r"\berror CS\d{4}: ", 0.93),
    rule(
        "generic.compiler",
        "error",
        r"^[\w./\-+]+\.[A-Za-z]\w{0,9}[:(]\d+(?:[:,]\d+)?\)?:? (?:\w+ )?[Ee]rror\b",
        0.86,
        after=3,
    ),
    rule(
        "sanitizer.report",
        "sanitizer",
        r"\b(?:ERROR|WARNING): \w{0,40}Sanitizer: ",
        0.9,
        until=r"^SUMMARY: \w{0,40}Sanitizer",
        lines_max=80,
    ),
    rule("sanitizer.summary", "sanitizer", r"^SUMMARY: \w{0,40}Sanitizer", 0.8),
    rule(
        "sanitizer.undefined",
        "runtime error: ",
        r"\.\w+:\d+:\d+: runtime error: ",
        0.88,
        goes_on=r"^\s+\S",
        lines_max=10,
    ),
)
