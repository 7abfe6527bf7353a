"""What a value looks like: drawn by lot, one word of letters and digits, or the place that a credential goes to."""

from __future__ import annotations

import re
from typing import Final

from streams.core.credentials.names import NO_KEYS, NO_VALUES
from streams.core.template.randomness import has_random_letters

OPAQUE_CHARS_MIN: Final = 10
MIXED_WORD_CHARS_MIN: Final = 12
MIXED_TOKEN_CHARS_MIN: Final = 16
MIXED_CHARS_MIN: Final = 24
ENCODED_CHARS_MIN: Final = 20
STRONG_CHARS_MIN: Final = 6
MARKED_CHARS_MIN: Final = 8
ENCLOSED_CHARS_MIN: Final = 10
FILLED_CHARS_MIN: Final = 8
LETTERS_MAX: Final = 256
"""A longer run of letters is no key."""
CLIENT_NUMBER_DIGITS: Final = range(15, 21)
KEY_RUN_CHARS: Final = range(30, 257)
"""Letters and digits in a row, of a token whose prefix nobody here knows."""
KEY_RUN_LETTERS_MIN: Final = 4
"""Capitals, and small letters, of such a run."""
KEY_RUN_DIGITS_MIN: Final = 2

_DIGIT: Final = re.compile(r"[0-9]")
_PADDED: Final = re.compile(r"[A-Za-z0-9+/]{18,}={1,2}")
"""Bytes in base64, with the marks that fill it up."""
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_=.~-]+")
_PARTS: Final = re.compile(r"[A-Za-z0-9]+")
_WORDS: Final = re.compile(r"(?=[A-Za-z]{2})(?:[a-z]{2,})?(?:[A-Z]+[a-z]{2,})*(?:[A-Z]{2,})?[0-9]{0,4}|[0-9]{1,8}")
_RUN: Final = re.compile(r"[A-Za-z0-9]{16,}")
_SYLLABLES: Final = re.compile(r"[a-z]{5}|[A-Z]{5}")
_SMALL: Final = re.compile(r"[a-z]{9}")
_MEASURE: Final = re.compile(r"[0-9][0-9.,:%/+-]*[A-Za-z%]{0,8}")
_VARIABLE: Final = re.compile(
    r"\$[{(].*|\$env:\w+|@[A-Za-z_.]{2,64}|\$[A-Za-z_]\w*|\{\{.*|\{[A-Za-z_][\w.]*\}?|%[A-Za-z_]\w*%|%\(.*|%"
    r"[sdvqr@]|<.*|\*{3}.*|\[.*"
    r"|!{1,2}[A-Za-z]{2,16}"
    r"|(?-i:[•·x.*]{4}.*)|\.\*.*"
    r"|\((?:hidden|redacted|masked|sensitive|set|unset|none|known after)\b[^)]{0,40}\)?"
    r"|(?:your|insert|enter|replace)(?:[-_ .]|(?=api|auth|access|client|key|new|own|pass|secret|token|user|with))"
    r"[-_ .A-Za-z]{1,48}|(?:example|sample|placeholder|dummy|replace|change)[-_.]?"
    r"(?:me|token|key|secret|password|value)"
    r"|(?:env|vault|file|ssm|op|arn|secretref|keyvault|awssm|gcpsm|ref\+\w{1,16}):[\w.:/@#?=-]{0,256}"
    r"|(?:os\.environ|process\.env|System\.getenv|os\.getenv|getenv|ENV)(?:[.\[(].*)?|\w{1,64}\(\)|=?v?\d{1,4}(?:\.\d{1,6}){1,3}",
    re.DOTALL | re.IGNORECASE,
)
"""What stands for a value: a variable, a template, stars, a tag."""
_REFERENCE: Final = re.compile(r"(?:config|settings|secrets|env|vars?|options|self|this|params)\.[A-Za-z_.]{2,64}")
_CODE: Final = re.compile(r"[A-Za-z_]{2,64}(?:\.[A-Za-z_]{2,64}){1,8}")
_FOLDER: Final = re.compile(
    r"(?:[.~]|\.\.)?/(?:[a-z][\w.@-]{0,64}/)|~?\.{0,2}/\.?[a-z][a-z0-9_.-]{2,64}\Z|[A-Za-z]:[\\/]"
    r"|(?:[a-z0-9_.-]{1,32}/){3}"
)
_SEPARATORS: Final = b"-_.=+/~@:%"
_CLASS: Final = bytes(
    48 if chr(code).isdigit() else 65 if chr(code).isupper() else 97 if chr(code).isalpha() else code
    for code in range(128)
) + bytes(range(128, 256))
"""Letters and digits by kind."""
_SAYING: Final = frozenset(
    "a an the your my this that its enter type use choose set confirm new old must should shall may might can could "
    "will would needs need does did do are be been were had have contains at in for from of to as by with too length "
    "least minimum maximum please field and or isn't doesn't can't wasn't cannot couldn't only if when".split()
)
"""How a sentence about a password, or a label, begins."""
_NAMING: Final = frozenset(
    "change changeme here name user login auth reset key file path prod dev test staging credentials credential secret "
    "secrets app api service account config based protected manager policy helper store vault less free safe tls ssl "
    "not no required missing invalid password passwd token example placeholder value string default".split()
)
"""What names of things are made of: `my-app-credentials`, `password-reset-flow`."""
_PUBLIC_KEY: Final = ("publickey", "public key", "public_key", "public-key")
_JOINED: Final = re.compile(r"(?:[A-Za-z]{3,12}-){2,11}[A-Za-z]{3,12}\d{0,6}")
_MADE_UP: Final = re.compile(r"(?=.{10})[A-Z]?[a-z]{2,16}(?:[A-Z][a-z]{2,16}){1,3}\d{2,8}[!?#$%*.]?")
_SOURCE: Final = re.compile(r"[\w/$.-]{1,128}\.[a-z]{1,5}:\d{1,6}(?::\d{1,6})?")
_ENCLOSING: Final = "\"'`["
_MARK: Final = re.compile(r"[!$%^*#&?@+]")
_MARKED: Final = re.compile(r"[\w!$%^*#&?@+.~-]+")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_UUID_HYPHENS: Final = 4


def may_be_key(value: str) -> bool:
    """Whether a value behind the name of a key may be one."""
    if not _DIGIT.search(value):
        return is_mixed(value) and not is_placeholder(value)
    if is_folder(value):
        return False
    return (is_random(value) or is_number(value) or is_mixed(value)) and not is_placeholder(value)


def is_data_key(before: str) -> bool:
    """Whether a name ends as `cache-key` does, or as `PublicKeyToken`, which names an assembly."""
    if before.endswith("token"):
        return before[:-5].rstrip("_- ").endswith(_PUBLIC_KEY)
    return before.endswith("key") and before[:-3].rstrip("_- ").endswith(NO_KEYS)


def is_placeholder(value: str) -> bool:
    """Whether a value only shows where one goes: a variable, a template, stars, one of `NO_VALUES`."""
    return (
        len(set(value)) <= 2
        or value.lower() in NO_VALUES
        or _VARIABLE.fullmatch(value) is not None
        or _REFERENCE.fullmatch(value) is not None
    )


def is_filled(value: str) -> bool:
    """Whether a token ends in one character over and over, as examples do: `sk-xxxxxxxx`, `ghp_********`."""
    end = value[-FILLED_CHARS_MIN:]
    return len(end) == FILLED_CHARS_MIN and len(set(end)) == 1


def is_folder(value: str) -> bool:
    """Whether a value is the path of a file."""
    return _FOLDER.match(value) is not None


def is_code(value: str) -> bool:
    """Whether a value is an expression: `config.db.password`."""
    return _CODE.fullmatch(value) is not None and not has_random_letters(value)


def is_strong(value: str) -> bool:
    """Whether a value mixes letters and digits as a password must, and is no quantity."""
    return (
        len(value) >= STRONG_CHARS_MIN
        and _DIGIT.search(value) is not None
        and any(map(str.isalpha, value))
        and not _MEASURE.fullmatch(value)
    )


def is_strong_value(value: str) -> bool:
    """Whether a value mixes letters and digits, and does not only show where one goes."""
    return is_strong(value) and is_value(value) and not is_folder(value)


def is_told(value: str) -> bool:
    """Whether a value in prose can only be a password: capitals, small letters and digits, or drawn by lot."""
    return is_strong(value) and (
        is_random(value) or (not value.islower() and not value.isupper() and not _WORDS.fullmatch(value))
    )


def is_told_loosely(value: str) -> bool:
    """As `is_told`, or words in camel case and a number, as people make them up: behind a name and little else."""
    return is_told(value) or _MADE_UP.fullmatch(value) is not None or is_passphrase(value)


def is_told_of(name: str, value: str, *, after: str) -> bool:
    """Whether a value behind a name can only be a password; a secret is also a thing that has a name of its own.

    `after` is the sign right in front of the value: in quotes or brackets it need not look random.
    """
    told = is_told_loosely(value) or (after in _ENCLOSING and len(value) >= ENCLOSED_CHARS_MIN and is_strong(value))
    return (
        told
        and not _SOURCE.fullmatch(value)
        and is_value(value)
        and not is_folder(value)
        and (name != "secret" or "-" not in value)
    )


def is_passphrase(value: str) -> bool:
    """Whether a value is several words joined by hyphens, none of which says something about a password."""
    return _JOINED.fullmatch(value) is not None and not any(
        part in _SAYING or part in _NAMING for part in value.lower().rstrip("0123456789").split("-")
    )


def is_given(value: str) -> bool:
    """Whether what a command is given for a password is one, and not where to find it."""
    return is_strong_value(value) or is_passphrase(value)


def is_literal(value: str) -> bool:
    """Whether what a call is given is a password, and no example of one."""
    return is_value(value) and not is_placeholder(value) and not is_folder(value)


def is_marked(value: str) -> bool:
    """Whether a value mixes small letters, capitals and marks as only a password does."""
    return (
        len(value) >= MARKED_CHARS_MIN
        and not (value.islower() or value.isupper())
        and _MARK.search(value) is not None
        and _MARKED.fullmatch(value) is not None
    )


def is_phrase(value: str) -> bool:
    """Whether a quoted value behind the name of a password may be one, and does not say something about it."""
    first = value.split(None, 1)[0].lower().rstrip(".,:;!?")
    return first not in _SAYING and first not in NO_VALUES and is_value(value) and not is_placeholder(value)


def is_strong_phrase(value: str) -> bool:
    """As `is_phrase`, and of several words, one of which mixes letters and digits."""
    words = value.split()
    return len(words) > 1 and is_phrase(value) and any(map(is_strong, words))


def is_number(value: str) -> bool:
    """Whether a value is a number as long as the ids that services give to their clients."""
    return value.isdigit() and len(value) in CLIENT_NUMBER_DIGITS


def is_mixed(value: str) -> bool:
    """Whether a value is one word of letters and digits, or of random letters: enough right behind a key's name."""
    if len(value) < MIXED_WORD_CHARS_MIN:
        return False
    word = value.replace("-", "").replace("_", "")
    if not word.isalnum():
        return is_encoded(value)
    if word.isdigit():
        return False
    if word.isalpha():
        return len(word) <= LETTERS_MAX and has_random_letters(word)
    return word == value or (len(value) >= MIXED_TOKEN_CHARS_MIN and not (word.islower() or word.isupper()))


def is_encoded(value: str) -> bool:
    """Whether a value is bytes in base64: capitals, small letters, digits, and no word between its marks."""
    return (
        len(value) >= ENCODED_CHARS_MIN
        and not (value.islower() or value.isupper())
        and _DIGIT.search(value) is not None
        and _ENCODED.fullmatch(value) is not None
        and not any(len(part) > 3 and _WORDS.fullmatch(part) for part in _PARTS.findall(value))
    )


def is_random_run(value: str) -> bool:
    """Whether a value holds a run without a separator that looks drawn by lot."""
    return any(is_random(run) or (not _DIGIT.search(run) and has_random_letters(run)) for run in _RUN.findall(value))


def is_random_run_or_uuid(value: str) -> bool:
    """As `is_random_run`, or a UUID."""
    return _UUID.search(value) is not None or is_random_run(value)


def is_random_run_or_mixed(value: str) -> bool:
    """As `is_random_run`, or one word of letters and digits between separators."""
    return is_random_run(value) or is_mixed(value)


def is_value(value: str) -> bool:
    """Whether a value does not only show where one goes."""
    return not (_VARIABLE.fullmatch(value) or (value[0] == "*" and len(set(value)) == 1))


def is_key_run(value: str, *, chars: range = KEY_RUN_CHARS) -> bool:
    """Whether a value holds a run of capitals, small letters and digits as no name has them: a token of any issuer.

    `chars` says how long it may be. A shorter one has no part that could be a word.
    """
    return any(
        len(run) in chars
        and (len(run) in KEY_RUN_CHARS or not _SYLLABLES.search(run))
        and min(sum(map(str.isupper, run)), sum(map(str.islower, run))) >= KEY_RUN_LETTERS_MIN
        and sum(map(str.isdigit, run)) >= KEY_RUN_DIGITS_MIN
        and not _SMALL.search(run)
        and (has_random_letters(run) or is_random(run, turns=5))
        for run in _RUN.findall(value)
    )


def is_random(value: str, *, turns: int = 3) -> bool:
    """Whether a value looks drawn by lot: a UUID, or letters and digits that alternate; no path, version or words.

    `turns` says how often at least letters and digits must change places. One is enough for a long run that mixes
    capitals, small letters and digits, and has no separator where words would have one.
    """
    if len(value) < OPAQUE_CHARS_MIN or value.startswith("//") or "://" in value:
        return False
    if value.count("-") >= _UUID_HYPHENS and _UUID.search(value):
        return True
    if _PADDED.fullmatch(value) and len(value) % 4 == 0 and not (value.islower() or value.isupper()):
        return True
    classes = value.encode("ascii", "replace").translate(_CLASS, _SEPARATORS)
    letters = classes.lower()
    changes = letters.count(b"a0") + letters.count(b"0a")
    if not changes or len(classes) < OPAQUE_CHARS_MIN:
        return False
    if changes >= turns and changes * 10 >= len(classes):
        return True
    return (
        len(value) >= MIXED_CHARS_MIN and "/" not in value and min(classes.count(b"AA"), classes.count(b"aA")) >= turns
    )
