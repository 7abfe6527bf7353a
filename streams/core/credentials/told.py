"""Values that look drawn by lot, and what stands in front of them says what they are: `API key 4fX... was disabled`.

Between the two may be quotes, brackets, colours, line ends and a few words that only lead from one to the other.
The other way round than names of fields are looked for: the value first, and the text in front of it read backwards,
so that the time is linear in the text whatever stands there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from streams.core.credentials.values import is_data_key, is_encoded, is_folder, is_key_run, is_placeholder, is_random

SIGNS: Final = (
    *("token", "key", "secret", "credential", "pass", "auth", "jeton", "sid", "session", "csrf", "xsrf"),
    *("clé", "clave", "schlüssel", " -t ", " -k ", "macaroon"),
    *("plaintext", "wif", "privkey", " seed", "remember", "hmac", "токен", "ключ", "密钥", "密鑰", "令牌", "トークン"),
    *("キー", "토큰", "chave", "klucz", "chiave", "llave", "ficha", "nyckel", "nøgle", "sleutel", "avain", "geheim"),
    *(
        "secure",
        "jwt",
        "crypt",
        "fernet",
        "aes",
        "segreto",
        "segredo",
        "secreto",
        "sekret",
        "секрет",
        "シークレット",
        "비밀",
    ),
)
"""One of these is in each of the names below, or is an option of one letter."""
NAMES: Final = (
    *("token", "secret", "secretstr", "credential", "password", "passwd", "passphrase", "passcode", "csrf", "xsrf"),
    *("jeton", "authorization", "-auth", "_auth", "auth:", "authtoken", "apikey", "api-key", "api_key", "api key"),
    *("macaroon", "plaintext", "wif", "privkey", "mfa seed", "otp seed", "secret seed"),
    *("geniekey", "remember_me", "rememberme", "remember_token", "токен", "密钥", "密鑰", "令牌", "トークン", "토큰"),
    *("secure", "geheimnis", "segreto", "segredo", "secreto", "sekret", "секрет", "シークレット", "비밀"),
    *("clave secreta", "chiave segreta", "chave secreta", "api 키", "apiキー", "ключ api"),
    *("session id", "session_id", "session-id", "sessionid", "session", "sid", "clé api", "clave api", "api-schlüssel"),
    *(
        f"{whose}{gap}key"
        for whose in (
            *("access", "private", "secret", "auth", "account", "storage", "subscription", "app", "consumer", "client"),
            *("service", "license", "licence", "shared", "session", "root", "master", "signing", "encryption", "hmac"),
            *(
                "decryption",
                "deploy",
                "webhook",
                "write",
                "ingest",
                "aes",
                "cipher",
                "symmetric",
                "admin",
                "device",
                "validation",
            ),
        )
        for gap in ("", " ", "_", "-")
    ),
)
"""What is right behind one of these, and random, is a credential."""
WHOLE: Final = frozenset(("sid", "session", "wif"))
"""Of these, those that must begin a word: others end in them."""
LOOSE: Final = ("secret", "credential", "authorization")
"""Of these, those that also name things: `secret "app-config-7dk8m9g2tt"`. Behind them a value is one word."""
LEADS: Final = frozenset(
    "is was are be to of as value provided received given used using set generated string es est ist echo b u r str "
    "some optional".split()
)
"""Words between a name and its value."""
LEADS_MAX: Final = 3
BEFORE_CHARS: Final = 72
VALUE_CHARS_MIN: Final = 16
MIXED_CHARS: Final = range(20, 513)
"""Of a run of capitals, small letters and digits, where the line speaks of keys."""
WORD_CHARS_MIN: Final = 20
"""Of a value that no sign ties to its name."""
LIST_GAP_CHARS: Final = 24
"""Between the members of a list."""

_ENDING_CHARS: Final = 3
_ENDINGS: Final = frozenset(name[-_ENDING_CHARS:] for name in NAMES)
"""Looked up before the names themselves: most texts end in none of these."""
_SIGN: Final = re.compile("|".join(SIGNS))
_VALUE: Final = re.compile(
    r"(?<![\w/+.~-])[-_]?[A-Za-z0-9+][\w/+.~-]{15,511}={0,2}"
    r"|(?<![\w+.~-])/(?:[A-Za-z0-9+/]{15,511}={1,2}|[A-Z0-9+][A-Za-z0-9+/]{38,511})"
)
_GAP: Final = " \t\r\n\"'`*([{<:=>|│┃,;\\-«“‘„「：＝~"
_ASSIGNS: Final = frozenset("=:([{：＝")
_COLOUR: Final = re.compile(r"(?:\x1b|\\u001b|\\x1b|\\033)\[[\d;]{0,12}m?")
_COLOUR_START: Final = ("\x1b[", "\\u001b[", "\\x1b[", "\\033[")
_ESCAPED: Final = re.compile(r"\\{1,8}[nrt]")
_COUNT: Final = re.compile(r"string\(\d{1,6}\)\s?\"?\Z")
_LAST_WORD: Final = re.compile(r"[^\W\d_]{1,12}\Z")
_BETWEEN: Final = re.compile(r"(?:[\s\"'`,]|\\{1,8}[nr\"']|- ?)*[,\n](?:[\s\"'`,]|\\{1,8}[nr\"']|- ?)*\Z")
_NO_KEY: Final = re.compile(r"\d{4}-\d\d-\d\d|0x[0-9a-f]{1,31}(?![0-9a-f])", re.IGNORECASE)
"""A date, an address in memory."""
_SESSION: Final = ("session", "sid", "session id", "session_id", "session-id", "sessionid")
_SESSION_CHARS_MIN: Final = 20
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-", re.IGNORECASE)
_PUBLIC: Final = re.compile(
    r"public|fingerprint|sha\d|hash|digest|integrity|checksum|did:|address|peer|cert|base64"
    r"|site.?key|host.?key|dnskey|ssh-(?:rsa|dss|ed25519)|ecdsa"
    r"|\bid[\"']?[:= ]{0,3}[\"']?\Z|_id\b"
)
"""What names a random value that anybody may know."""
_KEY: Final = re.compile(r"(?:(?<![\w\s.-])|(?<=[\w:,;]\s))keys?[\"']?\s?[=:]\s?[\"']?\Z")
"""A key, nobody says of what."""
_NAMED_KEY: Final = re.compile(r"\w[_-]key[\"'\\]{1,4}, ?[\"'\\]{1,4}\Z")
"""Two arguments: the name of some key, and a value."""
_ANY_KEY: Final = re.compile(r"[a-z]{3}[._-]?key[\"'\\)\]]{0,4}\s{0,2}[:=]\s{0,2}[\"'\\]{0,4}\Z")
_CHAIN_KEY: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_CIPHER: Final = re.compile(r"\b(?:nonce|iv|cipher|aes)\b")


def values_told(text: str, lowered: str) -> Iterator[tuple[int, int]]:
    """Where random values are whose names stand in front of them, or that follow such a one in a list."""
    if not any(map(lowered.__contains__, SIGNS)):
        return
    last = -LIST_GAP_CHARS - 1
    signs = _SIGN.finditer(lowered)
    sign, coming = -BEFORE_CHARS - 1, next(signs, None)
    for found in _VALUE.finditer(text):
        start, end = found.span()
        while coming and coming.end() <= start:
            sign, coming = coming.start(), next(signs, None)
        told = (start - sign <= BEFORE_CHARS and _name_in_front(lowered, start, found[0])) or (
            start - last <= LIST_GAP_CHARS and _BETWEEN.match(text, last, start) is not None
        )
        if told and _is_drawn(found[0]):
            last = end
            yield start, end


def _is_drawn(value: str) -> bool:
    return (is_random(value) or is_key_run(value) or is_encoded(value)) and not (
        is_folder(value) or is_placeholder(value) or _NO_KEY.match(value)
    )


def _name_in_front(lowered: str, start: int, value: str) -> bool:
    """Whether a name stands in front of `start`, with nothing between but what leads to a value."""
    before = lowered[max(0, start - BEFORE_CHARS) : start]
    if "<secret:" in before:
        before = before[before.rfind("<secret:") :].partition(">")[2]
    if any(map(before.__contains__, _COLOUR_START)):
        before = _COLOUR.sub(" ", before)
    if "&" in before:
        before = before.replace("&quot;", '"').replace("&#34;", '"')
    if "\\" in before:
        before = before.replace("\\u0022", '"')
        before = _ESCAPED.sub("\n", before)
    gap = before
    for leads in range(LEADS_MAX + 1):
        before = _COUNT.sub("", before.rstrip(_GAP)).rstrip(_GAP)
        name = before.rstrip("s_0123456789)]\"'`\\*")
        name = name if _is_name(name) else before
        if name is not before or _is_name(name):
            return _is_tied(name, gap[len(before) :], value, led=leads > 0)
        word = _LAST_WORD.search(before)
        if word is None or word[0] not in LEADS:
            break
        before = before[: word.start()]
    if (_ANY_KEY.search(gap) and "/" not in value and "." not in value) or _NAMED_KEY.search(
        lowered, max(0, start - BEFORE_CHARS), start
    ):
        return not is_data_key(gap.rstrip(_GAP).rstrip(")]\"'\\"))
    if _KEY.search(gap) and (_CIPHER.search(gap) or _CHAIN_KEY.fullmatch(value)):
        return True
    line = gap[gap.rfind("\n") + 1 :]
    return (
        _SIGN.search(line) is not None
        and is_key_run(value, chars=MIXED_CHARS)
        and ("hmac" in line or not _PUBLIC.search(line))
    )


def _is_name(before: str) -> bool:
    return before[-_ENDING_CHARS:] in _ENDINGS and before.endswith(NAMES)


def _is_tied(name: str, gap: str, value: str, *, led: bool) -> bool:
    """Whether a value is one of its name: tied by a sign, or so long that it cannot be anything else."""
    if not gap or is_data_key(name):
        return False
    if name.endswith(_SESSION) and (len(value) < _SESSION_CHARS_MIN or _UUID.match(value)):
        return False  # by its number or UUID a session is told, not opened
    short = next((one for one in WHOLE if name.endswith(one)), "")
    if short and name[-len(short) - 1 : -len(short)].isalnum():
        return False
    if any(map(_ASSIGNS.__contains__, gap)) or "->" in gap:
        return True
    one_word = led or value.isalnum() or not value.islower() or not name.endswith(LOOSE)
    return not short and len(value) >= WORD_CHARS_MIN and one_word
