"""Credentials in files of settings, and hashes of passwords."""

from __future__ import annotations

from typing import Final

from streams.core.credentials.row import Format

FILES: Final[tuple[Format, ...]] = (
    Format(
        "xml-attribute",
        "A secret of an XML setting.",
        ('value="', "value='"),
        r"(?:key|name|id)=[\"'][\w.:-]{0,64}(?:password|passwd|passphrase|secret|token|api-?_?key)[\"']\s{1,4}"
        r"value=[\"'](?P<s>(?![<$%{*])[^\"'\r\n<]{3,256}?)[\"']",
    ),
    Format(
        "xml-element",
        "A secret in an XML element.",
        ("</",),
        r"<(?:\w{1,20}:)?(?:password|passphrase|privatekey|secret|token|apikey|api_key|accesskey)>(?P<s>[^<>\s]{4,})(?=</)",
    ),
    Format(
        "netrc",
        "A password in a netrc line.",
        ("login ",),
        r"login\s{1,4}\S{1,128}\s{1,4}password\s{1,4}(?P<s>[^\s<>]{3,})",
        anchored=True,
    ),
    Format(
        "npmrc",
        "A token in an npm setting.",
        (":_auth", "_authtoken", "_password"),
        r":_(?:authToken|auth|password)\s{0,2}=\s{0,2}[\"']?(?P<s>[^\s\"'<>$]{6,})",
    ),
    Format(
        "docker-auth",
        "Credentials in a Docker setting.",
        ('"auth"', '\\"auth\\"'),
        r"\"auth\\?\"\s{0,3}:\s{0,3}\\?\"(?P<s>[A-Za-z0-9+/=]{8,})",
        anchored=True,
    ),
    Format(
        "shadow-hash",
        "A password hash.",
        ("$",),
        r"\$(?:1|apr1|2[aby]|5|6|y|7|argon2id?|scrypt|pbkdf2-sha\d{1,3})\$[\w./,=+$-]{20,}",
        anchored=True,
    ),
    Format(
        "kubernetes-secret",
        "A value of a Kubernetes secret.",
        ("kind: secret", 'kind: "secret"', "kind:secret"),
        r"(?m)^[ \t]{1,12}[\w.-]{1,80}:[ \t]{1,4}[\"']?(?P<s>[A-Za-z0-9+/]{8,}={0,3})[\"']?(?=[ \t]*\r?$)",
    ),
)
