"""Credentials on the command line, in SQL and in a script."""

from __future__ import annotations

from typing import Final

from streams.core.credentials.row import FILE, Format

COMMANDS: Final[tuple[Format, ...]] = (
    Format(
        "command-user",
        "A password given to a command with its user.",
        ("-u", "--user", "--proxy-user"),
        r"(?:(?<![\w-])-u[ =]{0,2}|--user[ =]{1,2}|--proxy-user[ =]{1,2})[\"']?"
        r"(?:(?P<t>(?=[\w$@.-]{0,40}\d)[\w$@.-]{8,128}):(?=[\"'\s])"
        r"|[^\s:\"'<>/]{0,128}:(?P<s>(?!\d{1,6}(?![^\s\"']))[^\s\"'<>/:$][^\s\"'<>]{2,}))",
        anchored=True,
    ),
    Format(
        "command-password",
        "A password or token given to a command.",
        (
            *("password", "passwd", "pass", "token", "secret", "api-key", "apikey", "auth", "access-key", "key", "otp"),
            *("passphrase", "storepass", "keypass"),
        ),
        r"(?:(?<=--)|(?<=-)(?=[\w-]{3,12}[ =][\"']?[^\s\"']{0,40}\d|(?:store|key)pass ))"
        r"(?:password|passwd|passphrase|pass|token|secret|api-?key|auth-?token|auth|access-?key|key|otp|storepass|keypass)"
        r"[ =][\"']?"
        rf"(?P<s>(?![\[(<$*{{-]|{FILE})[^\s\"'<>]{{6,}})",
        anchored=True,
        needs=("-",),
    ),
    Format(
        "command-option",
        "A password given to a command by the option that this command has for it.",
        (
            *("docker login", "podman login", "registry login", "sshpass", "mysql", "mariadb", "redis-cli"),
            *("ldapsearch", "ldapmodify", "ldapadd", "ldapwhoami", "7z", "az login", "net use"),
        ),
        r"(?:(?:docker|podman|registry|az) login [^\n;|&]{0,96}?(?<=\s)-p[ =]?|sshpass\s{1,3}-p\s{0,3}"
        r"|(?:mysql\w{0,8}|mariadb(?:-dump)?|7za?) [^\n;|&]{0,96}?(?<=\s)-p|redis-cli [^\n;|&]{0,96}?(?<=\s)-a\s{1,3}"
        r"|ldap[a-z]{3,8} [^\n;|&]{0,96}?(?<=\s)-w\s{1,3}|net use [^\n;|&]{0,80}?/user:\S{1,64}\s{1,3})"
        r"[\"']?(?P<s>(?![-<$])[^\s\"'<>]{3,})",
        anchored=True,
    ),
    Format(
        "openssl-pass",
        "A password given to openssl.",
        ("pass:",),
        r"-pass(?:in|out)?[ =]pass:(?P<s>(?!<)[^\s\"']{3,})",
        needs=("-pass",),
    ),
    Format(
        "sql-password",
        "A password in a statement of SQL.",
        ("password '", "identified by", "identified with"),
        r"(?:password|identified (?:with \w{1,40} )?by(?: password)?)\s{1,3}'(?P<s>(?!<)[^'\s<>]{3,})'",
    ),
    Format(
        "secure-string",
        "A password turned into a secure string.",
        ("convertto-securestring",),
        r"securestring\s{1,3}(?:-string\s{1,3})?[\"'](?P<s>[^\s\"'<>]{3,})[\"']",
    ),
    Format(
        "oracle-login",
        "User and password of an Oracle connection.",
        ("thin:", "sqlplus "),
        r"(?:thin:|sqlplus (?:-\w{1,8} ){0,3})[\w.$-]{1,64}/(?P<s>(?!<)[^\s@/\"'<>]{3,128})@",
        anchored=True,
    ),
    Format(
        "digest-response",
        "The answer of HTTP digest authentication.",
        ("response=",),
        r"response=\\?\"?(?P<s>[0-9a-f]{32})(?![0-9a-f])",
        anchored=True,
        needs=("igest",),
    ),
    Format(
        "curl-header",
        "A key in a header given to a command.",
        ("-h", "--header"),
        r"(?:-H|--header)[ =]{0,2}[\"'](?:x-[\w-]{0,30}|[\w-]{0,30}(?:key|token|auth|secret)[\w-]{0,20}):\s{0,3}"
        r"(?:\w{2,12} )?(?P<s>[\w.~+/=@-]{8,})",
        anchored=True,
    ),
)
