"""Credentials in files of settings, and hashes of passwords."""

from __future__ import annotations

from typing import Final

from streams.core.credentials.row import LINE, Format, begins
from streams.core.credentials.values import (
    is_given,
    is_literal,
    is_phrase,
    is_random_run,
    is_strong_phrase,
    is_strong_value,
    is_told,
    is_told_loosely,
    is_value,
    may_be_key,
)

_QUOTED_AFTER: Final = tuple(
    f"{name} {quote}" for name in ("password", "passwd", "passphrase", "secret") for quote in ("'", '"', "`", "\\")
)
_IN_QUOTES: Final = r"(\\{0,3}[\"'`])(?P<s>(?!\s)(?:(?!\1(?!\w))[^\r\n<>]){4,128})\1(?!\w)"
"""On one line, up to the quote that ends it: one inside of a word does not."""

FILES: Final[tuple[Format, ...]] = (
    Format(
        "xml-attribute",
        "A secret of an XML setting.",
        ('value="', "value='", 'value=\\"', 'content="', 'content=\\"'),
        r"(?:key|name|id)=\\?[\"'][\w.:-]{0,64}(?:password|passwd|passphrase|pwd|_pass|_pw|secret|token|api-?_?key)\\?[\"']\s{1,4}"
        r"(?:[a-z-]{1,16}=\\?[\"'][^\"'\r\n<\\]{0,64}\\?[\"']\s{1,4}){0,3}(?:value|content)=\\?[\"'](?P<s>(?![<$%{*])[^\"'\r\n<\\]{3,256}?)\\?[\"']",
    ),
    Format(
        "xml-element",
        "A secret in an XML element.",
        ("</",),
        r"(?:<(?:\w{1,20}:)?\w{0,20}(?:password|passphrase|passwd|pwd|privatekey|secret|token|api_?key|access_?key)"
        r"(?: [^<>]{1,160})?>|<\w{1,20} (?:key|name)=\"[\w.-]{0,64}(?:password|passwd|secret|token)\">)"
        r"(?P<s>[^<>\s]{4,256})(?=</)",
        proof=is_literal,
    ),
    Format(
        "netrc",
        "A password in a netrc line.",
        ("login ", "login\\"),
        rf"login{LINE}{{1,4}}[^\s\\]{{1,128}}{LINE}{{1,4}}password{LINE}{{1,4}}" r"(?P<s>[^\s<>\\]{3,})",
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
        r"\"auth\\{0,8}\"\s{0,3}:\s{0,3}\\{0,8}\"(?P<s>[A-Za-z0-9+/=]{8,})",
    ),
    Format(
        "shadow-hash",
        "A password hash.",
        ("$",),
        r"\$(?:1|apr1|2[abxy]|5|6|7|8|9|y|gy|sha1|argon2id?|scrypt|pbkdf2-sha\d{1,3})\$[\w./,=+$-]{20,}",
        anchored=True,
    ),
    Format(
        "kubernetes-secret",
        "A value of a Kubernetes secret.",
        ("kind: secret", 'kind: "secret"', "kind:secret"),
        r"(?m)(?:^|\\n)[ \t]{1,12}[\w.-]{1,80}:[ \t]{1,4}[\"']?(?P<s>[A-Za-z0-9+/]{8,}={0,3})[\"']?(?=[ \t]*"
        r"(?:\r?$|\\))",
    ),
    begins(
        "werkzeug-hash",
        "A password hash.",
        ("scrypt:", "pbkdf2:"),
        r"(?:scrypt:\d{1,8}:\d{1,3}:\d{1,3}|pbkdf2:sha\d{1,3}(?::\d{1,9})?)\$[\w./+-]{1,64}\$[0-9a-f]{32,}",
    ),
    Format(
        "windows-hash",
        "The hashes of a Windows account.",
        (":::",),
        r"(?<=:)[0-9a-f]{32}:[0-9a-f]{32}(?=:::)",
    ),
    Format(
        "ldif-value",
        "A password of a directory, as bytes in base64.",
        ("userpassword::", "unicodepwd::", "ntpwdhash::"),
        r"(?:userpassword|unicodepwd|ntpwdhash):: ?(?P<s>[A-Za-z0-9+/]{8,}={0,2})",
        anchored=True,
    ),
    Format(
        "user-slash-password",
        "User and password with a slash between.",
        ("login with ", "credentials: ", "log in with ", "login as ", "credentials are ", "creds "),
        r"(?:log ?in (?:with|as)|credentials(?::| are)|creds) [\"'`]?[\w.@-]{1,64}(?: ?/ ?|:)"
        r"(?P<s>[^\s\"'`<>/\\]{6,128})",
        anchored=True,
        proof=is_given,
    ),
    Format(
        "form-field",
        "A credential in a field of a form.",
        ("form-data; name=",),
        r"name=\\?\"[\w.-]{0,64}(?:password|passwd|passphrase|secret|token|key)\w{0,8}\\?\"(?:\r?\n|\\{1,2}r\\{1,2}n|\\{1,2}n){2}"
        r"(?P<s>[^\r\n\\<]{4,512})",
    ),
    Format(
        "table-column",
        "The last column of a table with a head, which says that it holds passwords.",
        (",password",),
        r",password\s{0,2}(?:\r?\n|\\n)[^\s,]{1,64},(?P<s>[^\s,\"'<>\\]{4,128})",
        anchored=True,
    ),
    Format(
        "named-value",
        "A value beside the name of a credential: an entry of an environment, a parameter, an output.",
        ('value":', 'value\\"', "value':", "value:", "parametervalue=", "<string>"),
        r"(?:password|passwd|passphrase|pwd|_pass|_pw|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
        r"|credentials?|authorization)(?![\w-]{0,24}(?:type|name|url|uri|file|path|count|expiry|source|endpoint|ttl)\b)"
        r"[\w-]{0,24}(?:\\{0,8}[\"']|</key>)?[,:]?(?:\s|\\n){0,24}"
        r"(?:\{\s{0,4}(?:[^{}\n]{0,200}[,{]\s{0,4})?|\\{0,8}\"type\\{0,8}\"[^{}\n,]{1,64},\s{0,4})?(?:-\s)?"
        r"(?:\\{0,8}[\"'])?"
        r"(?:(?:parameter)?value\\{0,8}[\"']?\s{0,4}[:=]\s{0,4}\\{0,8}[\"']?|<string>)(?:bearer |basic |token )?"
        r"(?P<s>[^\s\"'\\,;<>]{4,})",
        proof=is_given,
    ),
    Format(
        "block-value",
        "A credential on the line behind its name, as YAML folds it.",
        (": >", ": |"),
        r"(?:password|passwd|passphrase|secret|token|key): [>|][+-]?\d?(?:\r?\n|\\n)[ \t]{1,32}(?P<s>"
        r"[^\s\"'\\<>]{8,})(?=\s|\\n|$)",
        proof=is_strong_value,
    ),
    Format(
        "encoded-value",
        "A credential in a form or a JSON text that was encoded for a URL.",
        ("%3d", "%3a"),
        r"(?:password|passwd|passphrase|pwd|_pass|_pw|secret|token|api_?key)(?:%2[27])?(?:%20|\+)?(?:%3D|%3A)(?:%20|\+)?"
        r"(?:%2[27])?"
        r"(?P<s>(?:(?!%2[2672C]|%7D)[^\s\"'<>&;,]){4,256})",
        needs=(
            "ass%",
            "pw%",
            "ASS%",
            "PW%",
            "word%",
            "wd%",
            "hrase%",
            "ecret%",
            "oken%",
            "ey%",
            "WORD%",
            "WD%",
            "HRASE%",
            "ECRET%",
            "OKEN%",
            "EY%",
        ),
        proof=is_value,
    ),
    Format(
        "encoded-key",
        "A key in a form or a JSON text that was encoded for a URL.",
        ("%3d", "%3a"),
        r"(?:[_a-z-]key|auth|session|credential)(?:%2[27])?(?:%20|\+)?(?:%3D|%3A)(?:%20|\+)?(?:%2[27])?(?P<s>[\w+/.~-]{16,512})",
        needs=("ey%", "uth%", "ession%", "ential%", "EY%", "UTH%"),
        proof=may_be_key,
    ),
    Format(
        "defined-value",
        "A credential that a script defines.",
        ("define(",),
        r"define\(\s?[\"']\w{0,40}(?:PASSWORD|PASSWD|KEY|SALT|SECRET|TOKEN)[\"'],\s{0,4}[\"'](?P<s>"
        r"[^'\"\r\n<]{4,256})[\"']",
        anchored=True,
        proof=is_value,
    ),
    Format(
        "changed-value",
        "A credential before and behind a change, as a plan shows it.",
        ('" -> "', '\\" -> \\"'),
        r"(?:password|passwd|secret|token|key)\w{0,24}\s{1,40}=\s\\?\"(?P<s>[^\"\n\\]{1,256}\\?\" -> \\?\""
        r"[^\"\n\\]{4,256})",
    ),
    Format(
        "prefixed-value",
        "A key that says first where it belongs.",
        ("_key=", "_token=", "_secret=", '_key":', '_token":', "_key: ", "_token: "),
        r"_(?:key|token|secret)[\"'\\]{0,8}(?:=|:\s?)[\"'\\]{0,8}(?P<s>[\w*-]{1,24}[:.|][^\s\"'\\<>,;]{20,})",
        proof=is_random_run,
    ),
    begins("app-key", "A key of an application, as bytes in base64.", ("base64:",), r"base64:[A-Za-z0-9+/]{43}="),
    Format(
        "login-file",
        "Name and key in one object.",
        ('"username', '\\"username'),
        r"username\\{0,8}\"\s{0,2}:\s{0,2}\\{0,8}\""
        r"[^\"\\]{1,64}\\{0,8}\"\s?,\s{0,4}\\{0,8}\"key\\{0,8}\"\s{0,2}:\s{0,2}\\{0,8}\"(?P<s>[\w-]{16,})",
    ),
    Format(
        "host-token",
        "A token beside the host that it is for.",
        ("-oauth", "-token"),
        r"\w-(?:oauth|token)\\{0,8}\"\s{0,2}:\s{0,2}\{\s{0,4}\\{0,8}\""
        r"[\w.-]{1,128}\\{0,8}\"\s{0,2}:\s{0,2}\\{0,8}\"(?P<s>[\w-]{16,})",
    ),
    Format(
        "routing-key",
        "The key of an event that is sent to PagerDuty.",
        ("routing_key",),
        r"routing_key\\{0,8}[\"']?\s{0,2}[:=]\s{0,2}\\{0,8}[\"']?(?P<s>[0-9a-zA-Z]{32})(?![\w-])",
        proof=is_random_run,
    ),
    Format(
        "pgpass",
        "A password in a line of a pgpass file.",
        (":5432:", "*:*:"),
        r"(?::5432|\*:\*):[\w.*-]{1,64}:[\w.*@-]{1,64}:(?P<s>[^\s:\"'<>]{4,})",
    ),
    Format(
        "unseal-key",
        "A share of the key that unseals HashiCorp Vault.",
        ("unseal key", "recovery key"),
        r"(?:unseal|recovery) key(?: \d{1,2})?: ?(?P<s>[A-Za-z0-9+/]{40,}={0,2})",
        anchored=True,
    ),
    Format(
        "docker-secret",
        "A Docker setting in base64.",
        (".dockerconfigjson", ".dockercfg"),
        r"\.docker(?:configjson|cfg)[\"'\\]{0,8}\s?[:=]\s?[\"'\\]{0,8}(?P<s>[A-Za-z0-9+/]{20,}={0,2})",
        anchored=True,
    ),
    Format(
        "told-password",
        "A password told in a sentence.",
        ("password",),
        r"password (?:[^\n:;,=]{1,100}(?<!user)(?<!name)(?<!login)(?<!account)(?<! host)(?<!policy)(?<!from):"
        r"|(?:for [\w.@-]{1,64} )?is|was|set to|to be|:|=)(?:\s|\\n){1,8}"
        r"[\"'`]?(?P<s>(?!\w{1,64}\()[^\s\"'`<>\\]{8,128})(?=[\"'`.,]?(?:\s|\\n|$|\)))",
        anchored=True,
        proof=is_told_loosely,
    ),
    Format(
        "sensitive-value",
        "A value that says itself that it is sensitive.",
        ('sensitive": true', 'sensitive":true', 'sensitive\\":'),
        r"value\\{0,8}\":\s?\\{0,8}\"(?P<s>[^\"\\\n<>]{4,512})\\{0,8}\",\s{0,12}\\{0,8}\"sensitive\\{0,8}\":\s?true"
        r"|sensitive\\{0,8}\":\s?true,\s{0,12}(?:[^{}\n]{0,64},\s{0,12})?\\{0,8}\"value\\{0,8}\":\s?\\{0,8}\"(?P<t>[^\"\\\n<>]{4,512})",
    ),
    Format(
        "account-key",
        "A key of a storage account, as a list of them prints it.",
        ("primarykey", "secondarykey", "keyname"),
        r"(?:(?:primary|secondary)key\\{0,8}\":|keyname\\{0,8}\":\s?\\{0,8}\"\w{1,32}\\{0,8}\",(?:\s|\\n){0,16}"
        r"\\{0,8}\"value\\{0,8}\":)\s?\\{0,8}\"(?P<s>[A-Za-z0-9+/]{40,}={0,2})",
        anchored=True,
    ),
    Format(
        "password-input",
        "What stands in a field of a page that asks for a password.",
        ("type=password", 'type="password', "type='password", 'type=\\"password'),
        r"type=\\?[\"']?password\\?[\"']?\s(?:[^<>]{0,160}\s)?value=\\?[\"'](?P<s>[^\"'\\<>\n]{4,256})",
        anchored=True,
    ),
    Format(
        "told-change",
        "A password that was changed into another.",
        ("changed from ", "changed to ", "reset to ", "rotated to ", "updated to "),
        r"(?:password|passwd|secret|token|key) (?:was |has been )?(?:changed|reset|rotated|updated) (?:from [\"'`]?"
        r"(?P<s>[^\s<>]{6,128}(?: to [^\s<>]{6,128})?)|to [\"'`]?(?P<t>[^\s<>]{6,128}))",
        proof=is_strong_value,
    ),
    Format(
        "told-phrase",
        "A password of several words told behind its name; the last of them is a number.",
        ("passphrase", "pass phrase"),
        r"pass ?phrase(?: for [^\n:]{1,40})?[:=]\s{0,3}(?P<s>[A-Za-z-]{2,16}(?: [A-Za-z-]{2,16}){2,8} \d{2,6})(?!\w)",
        anchored=True,
        proof=is_phrase,
    ),
    Format(
        "with-password",
        "A password told behind a name.",
        ("with password ", "and password ", "using password "),
        r"(?:with|and|using) password [\"'`]?(?P<s>[^\s\"'`<>\\,;]{6,128})",
        anchored=True,
        proof=is_told,
    ),
    Format(
        "quoted-password",
        "A password in quotes behind words that say what it was used for; several words, too.",
        _QUOTED_AFTER,
        r"(?:(?<=with )|(?<=and )|(?<=using )|(?<=with the )|(?<=using the )|(?<=[\"'`] ))"
        r"(?:password|passwd|passphrase|secret(?= \\{0,3}[\"'`][^\s\"'`]{1,64} )) " + _IN_QUOTES,
        anchored=True,
        proof=is_phrase,
    ),
    Format(
        "quoted-words",
        "A password of several words in quotes, of which one can only be part of a password.",
        _QUOTED_AFTER,
        "(?:password|passwd|passphrase|secret) " + _IN_QUOTES,
        anchored=True,
        proof=is_strong_phrase,
    ),
    Format(
        "defined-constant",
        "A credential that a C program defines, or one inside an option of Rust.",
        ("#define ", 'some("', 'some(\\"'),
        r"(?:#define \w{0,40}(?:PASSWORD|PASSWD|KEY|SECRET|TOKEN)\w{0,8}[ \t]{1,8}"
        r"|(?:password|passwd|passphrase|secret|token|key): Some\()\\{0,8}\"(?P<s>[^\"\\\r\n<]{6,256})",
        proof=is_strong_value,
    ),
    begins(
        "ldap-hash",
        "A password hash of LDAP.",
        (*(f"{{{salt}sha{bits}}}" for salt in ("s", "") for bits in ("", 256, 384, 512)), "{smd5}", "{crypt}"),
        r"\{(?:S?SHA(?:256|384|512)?|SMD5|CRYPT)\}[\w./+$=]{20,}",
    ),
    begins(
        "django-hash",
        "A password hash.",
        (*(f"pbkdf2_sha{bits}$" for bits in (1, 224, 256, 384, 512)), "bcrypt_sha256$", "argon2$"),
        r"(?:pbkdf2_sha\d{1,3}|bcrypt_sha256|argon2)\$[\w./,=+$-]{20,}",
    ),
)
