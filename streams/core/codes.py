"""What tools say by code: masked message -> the tool that failed, its code, and the tools around it.

Compilers, linkers, package managers, SQL engines, GPU libraries, HTTP providers and test frameworks name a failure by
a code that outlives its wording. A tool that only reports what it ran (a build around a compiler) is in the chain; the
innermost tool gives the code. Read from the template, not from the text: what is masked there is no code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

READ_CHARS_MAX = 4 * 1024
"""Characters of a template in which codes are looked for."""

CODE_CHARS_MAX = 80
"""Characters of a code; a longer one is cut."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a message says of tools; all empty where it names none."""

    tool: str = ""
    code: str = ""
    chain: tuple[str, ...] = ()
    """Tools from the outermost to the one that failed."""


_Form = tuple[str, str, "re.Pattern[str] | None"]


def _form(tool: str, mark: str, pattern: str = "") -> _Form:
    return tool, mark, re.compile(pattern) if pattern else None


_FORMS: tuple[_Form, ...] = (
    # compilers and linkers
    _form("tsc", "error TS", r"\berror (TS\d{4,5})\b"),
    _form("rustc", "error[E", r"error\[(E\d{4})\]"),
    _form("csc", "error CS", r"\berror (CS\d{4})\b"),
    _form("msbuild", "error MSB", r"\berror (MSB\d{4})\b"),
    _form("nuget", "error NU", r"\berror (NU\d{4})\b"),
    _form("cl", "error C", r"\berror (C\d{4})\b"),
    _form("link", "LNK", r"\b(LNK\d{4})\b"),
    _form("ld", "undefined reference to", r"(undefined reference)"),
    _form("ld", "multiple definition of", r"(multiple definition)"),
    _form("ld", "cannot find -l", r"(cannot find -l[\w.+-]{1,60})"),
    _form("ld", "Undefined symbols for architecture", r"(Undefined symbols)"),
    _form("ptxas", "ptxas ", r"\bptxas (?:fatal|error)"),
    _form("cc", "[-Werror", r"\[-Werror(?:=|,-W)([\w+=-]{1,60})\]"),
    _form("javac", ".java>:<num>: error: "),
    _form("cc", "error: ", r"<path:[^<>\s]{1,80}>(?::<num>){1,2}: (?:fatal )?error: "),
    _form("go", ".go", r"<path:[\w.-]{1,80}\.go>:<num>(?::<num>)?: "
          r"(undefined|declared and not used|cannot use|syntax error)"),
    # package managers
    _form("npm", "npm ", r"npm (?:ERR!|error) code ([A-Z][A-Z0-9_]{2,40})"),
    _form("pnpm", "ERR_PNPM_", r"\b(ERR_PNPM_[A-Z_]{2,60})"),
    _form("yarn", "YN0", r"\b(YN\d{4})\b"),
    _form("pip", "Could not find a version that satisfies"),
    _form("pip", "No matching distribution found"),
    _form("pip", "ResolutionImpossible", r"(ResolutionImpossible)"),
    _form("apt", "E: ", r"(?m)^E: (?:Unable to|Failed to|Package|Version|Sub-process|Could not)"),
    _form("bundler", "Bundler::", r"Bundler::(\w{3,60})"),
    _form("cargo", "failed to select a version for"),
    _form("cmake", "CMake Error", r"CMake Error(?: at \S{1,200}(?: \((\w{1,60})\))?)?"),
    # SQL engines
    _form("oracle", "ORA-", r"\b(ORA-\d{5})\b"),
    _form("mysql", "ERROR ", r"\bERROR (\d{4}) \([0-9A-Z]{5}\)"),
    _form("mysql", "MySQL", r"\((\d{4}), [\"']"),
    _form("sql", "SQLSTATE", r"SQLSTATE[\s:=\[(]{1,3}([0-9A-Z]{5})\b"),
    _form("sql", ".errors.", r"\b(?:psycopg\S{0,6}|asyncpg)\.errors\.(\w{3,60})"),
    _form("sql", "OperationalError", r"\b(?:sqlite\S{1,6}|pymysql\.err|MySQLdb|cx_Oracle|pyodbc)\.(OperationalError)"),
    _form("sql", "IntegrityError", r"\b(?:sqlite\S{1,6}|pymysql\.err|MySQLdb|cx_Oracle|pyodbc)\.(IntegrityError)"),
    # GPU libraries
    _form("nccl", "WorkNCCL", r"OpType=([A-Z_]{3,40})"),
    _form("nccl", "NCCL", r"\b((?:nccl[A-Z]\w{2,30}Error|ncclInvalid\w{2,20})|NCCL WARN Cuda failure '[^']{1,60}')"),
    _form("cuda", "_STATUS_", r"\b(CU(?:BLAS|DNN|SPARSE|SOLVER|FFT|RAND)_STATUS_[A-Z_]{3,40})"),
    _form("cuda", "CUDA_ERROR_", r"\b(CUDA_ERROR_[A-Z_]{3,50})"),
    _form("cuda", "cudaError", r"\b(cudaError\w{3,50})"),
    _form("cuda", "CUDA error: ", r"CUDA error: ([a-z][\w -]{3,60}?)(?=$|\n|[.:;(<])"),
    _form("cuda", "CUDA out of memory", r"CUDA (out of memory)"),
    # providers over HTTP
    _form("aws", "when calling the", r"An error occurred \((\w{3,80})\) when calling the \w{2,80} operation"),
    _form("grpc", "rpc error: code = ", r"rpc error: code = (\w{2,30})"),
    _form("grpc", "StatusCode.", r"\bStatusCode\.([A-Z_]{2,30})"),
    _form("http", "error", r"['\"]error['\"]: ?\{[^{}]{0,400}?['\"]code['\"]: ?['\"]([\w.-]{2,60})['\"]"),
    _form("http", "error", r"['\"]error['\"]: ?\{[^{}]{0,400}?['\"](?:type|status)['\"]: ?['\"]([\w.-]{2,60})['\"]"),
    _form("curl", "curl: (", r"\bcurl: \((\d{1,3})\)"),
    # test frameworks and what runs containers
    _form("jest", "expect(", r"\bexpect\(\w{1,20}\)\.((?:not\.)?to\w{2,40})\("),
    _form("phpunit", "Failed asserting that"),
    _form("rspec", "Failure/Error: "),
    _form("gtest", "Expected equality of these values"),
    _form("kubernetes", "BackOff", r"\b((?:CrashLoop|ImagePull)BackOff)\b"),
    _form("kubernetes", "OOMKilled", r"\b(OOMKilled)\b"),
    _form("kubernetes", "ErrImagePull", r"\b(ErrImagePull)\b"),
    _form("os", "E", r"\b(E(?:CONNREFUSED|CONNRESET|NOENT|ACCES|NOSPC|TIMEDOUT|PIPE|NOTFOUND|ADDRINUSE|NOMEM))\b"),
)  # fmt: skip
"""Tool, words in the template, and the form whose group is the code; of several the first is the one that failed."""

_AROUND: tuple[tuple[str, str], ...] = (
    ("buildkit", "failed to solve"), ("maven", "Failed to execute goal"), ("gradle", "Execution failed for task"),
    ("make", ": *** "), ("ninja", "ninja: build stopped"), ("cargo", "could not compile `"),
    ("npm", "npm ERR! code ELIFECYCLE"), ("npm", "npm error code ELIFECYCLE"),
    ("pip", "subprocess-exited-with-error"), ("sqlalchemy", "sqlalchemy.exc."), ("tox", "InvocationError"),
    ("terraform", "terraform "), ("bazel", "Build did NOT complete successfully"),
)  # fmt: skip
"""Tools that report what failed below them, and the words by which they do."""

_NOTHING = Said()


def said(template: str) -> Said:
    """Return what a masked message says of tools. Reads `READ_CHARS_MAX` characters; linear in them."""
    text = template[:READ_CHARS_MAX]
    around = [tool for tool, mark in _AROUND if mark in text]
    for tool, mark, form in _FORMS:
        if mark not in text:
            continue
        found = form.search(text) if form else None
        if form is not None and found is None:
            continue
        code = found.group(1) or "" if found and found.re.groups else ""
        if code == "ELIFECYCLE":
            continue
        chain = tuple(dict.fromkeys((*(name for name in around if name != tool), tool)))
        return Said(tool, code[:CODE_CHARS_MAX], chain)
    return Said(around[-1], "", tuple(dict.fromkeys(around))) if around else _NOTHING
