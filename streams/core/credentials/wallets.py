"""Keys of wallets, and words and numbers that open them."""

from __future__ import annotations

from typing import Final

from streams.core.credentials.row import START, Format, begins, prefixed
from streams.core.credentials.values import is_key_run

_BASE58: Final = "[1-9A-HJ-NP-Za-km-z]"

WALLETS: Final[tuple[Format, ...]] = (
    Format(
        "seed-phrase",
        "The words of a wallet.",
        ("mnemonic", "seed", "recovery phrase", "recovery_phrase", "recovery words", "secret phrase", "secret words"),
        r"(?:mnemonic(?: phrase)?|(?:(?:seed|recovery|secret)[ _]?(?:phrase|words)|seed))"
        r"[\"'\\]{0,8}(?:\s?[:=]| is)?\s{0,12}[\"'\\]{0,8}(?P<s>[a-z]{3,8}(?: "
        r"[a-z]{3,8}){11,23})(?! ?\w| <secret:)",
        anchored=True,
    ),
    begins(
        "wallet-key",
        "An extended private key (BIP 32).",
        ("xprv", "yprv", "zprv", "tprv"),
        rf"[xyzt]prv{_BASE58}{{90,120}}",
        exact=True,
    ),
    prefixed("nostr", "A private key of Nostr.", "nsec1", least=50, body="[02-9ac-hj-np-z]"),
    prefixed("tezos", "A private key of Tezos.", "edsk", least=50, body=_BASE58, exact=True),
    begins(
        "wallet-import",
        "A private key as wallets export it, not compressed.",
        ("5h", "5j", "5k"),
        rf"5[HJK]{_BASE58}{{49}}(?![A-Za-z0-9])",
        exact=True,
        proof=is_key_run,
        word_chars=51,
    ),
    Format(
        "stellar",
        "A secret seed of Stellar.",
        (),
        START + r"S[A-Z2-7]{55}(?![A-Za-z0-9])",
        exact_case=True,
        word_chars=56,
    ),
    Format(
        "test-chain-key",
        "The private keys that a chain for tests prints.",
        ("private keys",),
        r"private keys(?:[\s=-]|\\n){1,40}(?P<s>(?:\(\d{1,3}\) 0x[0-9a-f]{64}(?:\s|\\n){0,8}){1,100})",
        anchored=True,
    ),
    Format(
        "keystore",
        "The encrypted key of a wallet file.",
        ("ciphertext",),
        r"ciphertext\\{0,8}\"\s?:\s?\\{0,8}\"(?P<s>[0-9a-f]{64}(?:\\{0,8}\",\s{0,8}\\{0,8}\"mac\\{0,8}\"\s?:\s?\\{0,8}\"[0-9a-f]{64})?)",
        anchored=True,
    ),
    begins(
        "note-signer",
        "A private key that signs notes of a checksum database.",
        ("private+key+",),
        r"PRIVATE\+KEY\+[^\s+]{1,128}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{40,}={0,2}",
    ),
)
