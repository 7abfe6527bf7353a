"""Credentials in the settings of devices, directories and servers that have a grammar of their own."""

from __future__ import annotations

from typing import Final

from streams.core.credentials.row import Format
from streams.core.credentials.values import is_given

DEVICES: Final[tuple[Format, ...]] = (
    Format(
        "network-device",
        "A password, key or community in the settings of a network device or a radio network.",
        (
            *("key-string ", "message-digest-key ", "enable secret ", "enable password ", "community ", "community: "),
            *("password ", "secret ", "snmp-server community ", "rocommunity ", "rwcommunity ", "rocommunity6 "),
            *(
                "tacacs-server ",
                "radius-server ",
                "isakmp key ",
                "wpa-psk ",
                "key content",
                "eap ",
                "wifi:",
                "snmpwalk ",
            ),
            *("wifi-iface[", "snmpget ", "snmpset ", "snmpbulkwalk ", "snmptrap "),
        ),
        r"(?:(?:password|secret) (?=\d \S{6})\d |enable (?:password|secret) |key-string (?:\d )?"
        r"|message-digest-key \d{1,3} md5 (?:\d )?|community (?=\S{1,64} (?:R[OW]\b|authorization ))"
        r"|(?<=snmp )community: |snmp-server community |r[ow]community6? "
        r"|(?:tacacs|radius)-server (?:host \S{1,64} )?key (?:\d )?|isakmp key "
        r"|wifi-iface\[\d\]\.key=|wpa-psk (?:ascii )?(?:\d )?"
        r"|key content\s{0,24}: |eap \\?\"(?=[^\"\n]{4,128}\")|wifi:[^\n]{0,96}?;p:"
        r"|snmp(?:get|(?:bulk)?walk|set|trap) [^\n;|]{0,64}?-c )"
        r"\\?[\"']?(?P<s>(?!(?:public|private)\b)[^\s\"'<>;\\]{4,})",
        anchored=True,
        proof=is_given,
    ),
    Format(
        "snmp-user",
        "The two passwords of a user of SNMP 3.",
        ("createuser ",),
        r"createuser [\w.-]{1,64} (?:MD5|SHA(?:-\d{3})?) \\?\"?(?P<s>[^\s\"'<>\\]{6,}(?:\\?\"? (?:DES|AES(?:-\d{3})?)"
        r" \\?\"?[^\s\"'<>\\]{6,})?)",
        anchored=True,
    ),
    Format(
        "server-password",
        "A password in the settings of Redis, a directory or IPsec.",
        ("requirepass ", "masterauth ", "bindpw ", "rootpw ", "auth default ", 'psk "', 'psk \\"'),
        r"(?:requirepass|masterauth|bindpw|rootpw|auth default|: psk) \\?[\"']?(?P<s>[^\s\"'<>\\]{4,})",
        proof=is_given,
    ),
    Format(
        "recovery-key",
        "The recovery key of a disk: eight groups of six digits.",
        ("recovery key", "recovery password", "recovery_key", "recoverykey", "recoverypassword"),
        r"recovery[ _]?(?:key|password)[^\d\n]{0,40}(?P<s>(?:\d{6}-){7}\d{6})(?![\w-])",
        anchored=True,
    ),
    Format(
        "number-code",
        "A number that is asked for beside a password.",
        ("pin=", "otp=", "passcode=", "mfa_code=", "totp=", "verification_code="),
        r"(?<![a-z])(?:pin|otp|passcode|mfa_code|totp|verification_code)=(?P<s>\d{4,12})(?!\w)",
    ),
    Format(
        "redis-user",
        "A password of a user of Redis.",
        (" on >",),
        r"user [\w.-]{1,64} on >(?P<s>[^\s\"'<>]{4,256})",
    ),
    Format(
        "vpn-user",
        "Name and password inside the settings of OpenVPN.",
        ("auth-user-pass>",),
        r"auth-user-pass>(?:\r?\n|\\n)[^\s\\<>]{1,128}(?:\r?\n|\\n)(?P<s>[^\s\\<>]{4,256})",
        anchored=True,
    ),
    Format(
        "cloud-init",
        "A password that a machine is set up with.",
        ("chpasswd:",),
        r"chpasswd:\s{0,3}(?:\n|\\n)\s{1,8}list: ?\|?(?:\r?\n|\\n)\s{1,12}[\w.-]{1,64}:(?P<s>[^\s\\\"'<>]{4,256})",
        anchored=True,
    ),
    Format(
        "encrypted-value",
        "A value that a tool of deployment has encrypted.",
        ("$ansible_vault;", "enc[pkcs7,", "enc[gpg,"),
        r"(?:\$ANSIBLE_VAULT;[\w.;-]{1,64}(?P<s>(?:(?:\r?\n|\\n)[ \t]{0,16}[0-9a-f]{16,80}){1,400})"
        r"|ENC\[(?:PKCS7|GPG),(?P<t>[A-Za-z0-9+/]{16,}={0,2}))",
        anchored=True,
    ),
)
