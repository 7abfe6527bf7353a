"""Credentials in statements of SQL, in names of data sources and in calls that open a connection."""

from __future__ import annotations

from typing import Final

from streams.core.credentials.row import Format
from streams.core.credentials.values import is_given, is_literal, is_strong_value

DATABASES: Final[tuple[Format, ...]] = (
    Format(
        "sql-password",
        "A password in a statement of SQL.",
        ("password '", "password = n'", "password=n'", "password('", "identified by", "identified with"),
        r"(?:password|identified (?:with \w{1,40} )?by(?: password)?)(?:\s{1,3}|\(|\s?=\s?N)'(?P<s>(?!<)[^'\s<>]{3,})'",
    ),
    Format(
        "sql-key",
        "The key that opens an encrypted database.",
        ("pragma ", "attach "),
        r"(?:pragma (?:re)?key\s?=\s?|attach [^\n;]{0,128}? key )'(?P<s>(?!<)[^'\s<>]{3,256})'",
        anchored=True,
    ),
    Format(
        "sql-row",
        "The password of a row that is written, as the last of its columns.",
        ("values (", "values("),
        r"(?:password|passwd|secret|token)[`\"\\]{0,3}\)\s{0,4}values\s?\((?:[^()\n]{0,256},\s{0,2})?'(?P<s>[^'\n<>]{4,256})'\)",
        proof=is_given,
    ),
    Format(
        "sql-duplicate",
        "A token that stood in a table before.",
        ("duplicate entry '",),
        r"duplicate entry '(?P<s>[^'\n<]{8,256})' for key '[\w.]{0,64}(?:token|password|secret|session|api_?key)",
        anchored=True,
    ),
    Format(
        "oracle-login",
        "User and password of an Oracle connection.",
        ("thin:", "sqlplus ", "impdp ", "expdp ", "sqlldr ", "rman target "),
        r"(?:thin:|(?:sqlplus|impdp|expdp|sqlldr|rman target) (?:-\w{1,8} ){0,3})[\w.$-]{1,64}/(?P<s>(?!<)"
        r"[^\s@/\"'<>]{3,128})@",
        anchored=True,
    ),
    Format(
        "source-password",
        "A password in the name of a data source of Go.",
        ("@tcp(", "@unix(", "@udp("),
        r"(?<=[\w.$-]:)(?P<s>(?!<)[^\s:/@\"'<>]{3,128})@(?=(?:tcp|unix|udp)\()",
    ),
    Format(
        "braced-password",
        "A password in braces, as ODBC has it.",
        ("pwd={", "password={"),
        r"(?:pwd|password)=\{(?P<s>[^{}\n<>]{4,128})\}",
        anchored=True,
        proof=is_strong_value,
    ),
    Format(
        "call-password",
        "The password of a call that takes it behind a user.",
        (
            *("login(", "auth(", "auth=(", "authenticate(", "bind(", "bind_s(", "httpbasicauth(", "pscredential("),
            *(
                "credentials(",
                "getconnection(",
                "__construct(",
                "pdo(",
                "mysqli(",
                "mysqli_connect(",
                "networkcredential(",
            ),
            *("usernamepasswordcredentials(", "passwordauthentication(", "pgp_sym_encrypt(", "pgp_sym_decrypt("),
        ),
        r"(?:login|auth|auth=|authenticate|bind|bind_s|httpbasicauth|pscredential|credentials|getconnection|__construct"
        r"|pdo|mysqli|mysqli_connect|networkcredential|usernamepasswordcredentials|passwordauthentication|pgp_sym_(?:en|de)crypt)\(\s{0,4}(?:\\{0,3}[\"'][^\"'\n\\]{0,128}\\{0,3}[\"'],\s{0,4}){1,2}"
        r"\\{0,3}[\"'](?P<s>[^\s\"'\\<>]{4,128})\\{0,3}[\"'](?=\s?[,)])",
        anchored=True,
        proof=is_literal,
    ),
)
