"""Names of native functions, made stable: the same function of two builds gives the same text.

Every function here is one pass over its argument, which the callers have bounded to one line.
"""

from __future__ import annotations

import re

_OPERATOR = re.compile(r"operator\s*(?:<=>|<<=|>>=|->\*|<<|>>|<=|>=|->|<|>|\(\))")
_SUFFIX = re.compile(
    r"(?:\s?\[clone [^\]]{1,80}\]"
    r"|\.(?:isra|constprop|part|cold|lto_priv|llvm|cfi|cfi_jt|specialized|actual|__uniq)(?:\.\d{1,40})*(?=[.\s(\[]|$)"
    r"|\[abi:\w{1,40}\]|\s?\(\.(?:isra|constprop|part|cold|llvm|cfi)[.\d]*\))"
)
_HASH = re.compile(r"::h[0-9a-f]{16}\b")
_RUST_ESCAPES = (
    ("$LT$", "<"), ("$GT$", ">"), ("$RF$", "&"), ("$C$", ","),
    ("$u20$", " "), ("$u7b$", "{"), ("$u7d$", "}"), ("..", "::"),
)  # fmt: skip
_OFFSET = re.compile(r"\s?\+\s?(?:0x[0-9a-f]{1,16}|\d{1,12})(?:/0x[0-9a-f]{1,16})?$")
_ANONYMOUS = "(anonymous namespace)"
_LENGTH = re.compile(r"\d{1,3}")
_HASH_PART = re.compile(r"h[0-9a-f]{16}")


def without_suffixes(name: str) -> str:
    """Drop what a compiler or linker appends: clones, ABI tags, hashes, and the offset into the function."""
    if "+" in name:
        name = _OFFSET.sub("", name)
    if "." in name or "[" in name:
        name = _SUFFIX.sub("", name)
    if "::h" in name:
        name = _HASH.sub("", name)
    return name.strip()


def without_brackets(name: str, opening: str, closing: str) -> str:
    """Drop bracketed parts, nested ones with them; an opening without a closing cuts the rest away.

    >>> without_brackets("f<a<b>, c>::g", "<", ">")
    'f::g'
    """
    if opening not in name:
        return name
    kept: list[str] = []
    depth = 0
    for char in name:
        if char == opening:
            depth += 1
        elif char == closing:
            depth -= depth > 0
        elif not depth:
            kept.append(char)
    return "".join(kept)


def demangled(symbol: str) -> str:
    """Return the qualified name in a symbol mangled as the Itanium ABI says, as far as it holds plain names.

    Arguments, template arguments and the hash of Rust's older scheme are left out.

    >>> demangled("_ZN2ui5CurveC2ERKi"), demangled("_Z4drawv")
    ('ui::Curve::Curve', 'draw')
    """
    names: list[str] = []
    at = 3 if symbol.startswith("_ZN") else 2
    while at < len(symbol) and symbol[at] in "KVrR":
        at += 1
    while at < len(symbol):
        length = _LENGTH.match(symbol, at)
        if length:
            at = length.end() + int(length[0])
            names.append(symbol[length.end() : at])
            if not symbol.startswith("_ZN"):
                break
        elif names and symbol[at] in "CD" and symbol[at + 1 : at + 2].isdigit():
            names.append(names[-1] if symbol[at] == "C" else "~" + names[-1])
            at += 2
        else:
            break
    return "::".join(name for name in names if not name.startswith("_GLOBAL__N") and not _HASH_PART.fullmatch(name))


def stable_native(symbol: str) -> str:
    """Return a C or C++ function's qualified name: no return type, arguments, template arguments or suffixes.

    Operators keep their sign, an anonymous namespace its words: both name the function.
    """
    name = without_suffixes(symbol.replace("`anonymous namespace'", _ANONYMOUS))
    if name.startswith("_Z"):
        name = demangled(name) or name
    name = name.replace(_ANONYMOUS, "\x01").replace("operator()", "\x02")
    guarded: list[str] = []
    if "operator" in name:

        def keep(found: re.Match[str]) -> str:
            guarded.append(found[0])
            return "\x03"

        name = _OPERATOR.sub(keep, name)
    name = without_brackets(name, "<", ">")
    name = without_brackets(name, "(", ")")
    for sign in guarded:
        name = name.replace("\x03", sign, 1)
    name = name.replace("\x02", "operator()").replace("\x01", _ANONYMOUS).strip()
    for word in (" const", " volatile", " &&", " &"):
        name = name.removesuffix(word)
    return without_suffixes(_without_return_type(name))


def _without_return_type(name: str) -> str:
    if " " not in name or name.startswith(("-[", "+[", "non-virtual thunk", "virtual thunk")):
        return name
    head, space, tail = name.partition("operator")
    if space and (not head or head.endswith((":", " "))):
        return head.rsplit(" ", 1)[-1] + "operator" + tail if not head.endswith(_ANONYMOUS) else name
    before, mark, after = name.rpartition(_ANONYMOUS)
    if mark:
        return before.rsplit(" ", 1)[-1] + mark + after
    return name.rsplit(" ", 1)[-1].lstrip("*&")


def stable_rust(symbol: str) -> str:
    """Return a Rust path without hash, crate disambiguators and generic arguments; closures keep ``{{closure}}``.

    >>> stable_rust("<alloc::vec::Vec<T> as a::Tr>::go::h0123456789abcdef")
    '<alloc::vec::Vec as a::Tr>::go'
    """
    name = without_suffixes(symbol)
    if "$" in name:
        for escaped, plain in _RUST_ESCAPES:
            name = name.replace(escaped, plain)
        name = name.replace("_<", "<")
    if "[" in name:
        name = without_brackets(name, "[", "]")
    if "<" not in name:
        return name.split("(", 1)[0] if not name.startswith("(") else name
    return _without_generics(name)


def _without_generics(name: str) -> str:
    """Drop ``<...>`` after a name or ``::``, keep the outer brackets of ``<T as Trait>``, drop their inner ones."""
    kept: list[str] = []
    depth = qualified = 0
    for char in name:
        if char == "<":
            if depth == 0 and (not kept or kept[-1] in "< &,("):
                qualified += 1
                kept.append(char)
            else:
                depth += 1
        elif char == ">":
            if depth:
                depth -= 1
            elif qualified:
                qualified -= 1
                kept.append(char)
        elif not depth:
            kept.append(char)
    return "".join(kept).replace("::::", "::").removesuffix("::")
