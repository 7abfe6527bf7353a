"""Credentials in statements of SQL, in names of data sources and in calls that open a connection."""

from __future__ import annotations

from typing import Final

from streams.core.credentials.row import Format
from streams.core.credentials.values import is_given, is_literal, is_strong_value

_CALLS: Final = (
    *(
        "login",
        "auth",
        "auth=",
        "authenticate",
        "bind",
        "bind_s",
        "httpbasicauth",
        "httpdigestauth",
        "pscredential",
        "credentials",
        "plaincredentials",
        "basiccredentials",
    ),
    *(
        "usernamepasswordcredential",
        "usernamepasswordcredentials",
        "passwordcredentials",
        "networkcredential",
        "passwordauthentication",
        "getconnection",
        "__construct",
        "pdo",
        "mysqli",
        "mysqli_connect",
        "pgp_sym_encrypt",
        "pgp_sym_decrypt",
        "basicawscredentials",
        "sequelize",
    ),
)
"""What takes a user and a password, or data and a password."""

_SECRET_CALLS: Final = (
    *("checkpw", "hashpw", "make_password", "set_password", "setpassword", "fernet", "secretkeyspec", "secretstr"),
    *("withpassword", "setapikey", "set_api_key", "settoken", "set_token", "loadpassword"),
)
"""What takes a password or a key first."""

DATABASES: Final[tuple[Format, ...]] = (
    Format(
        "sql-password",
        "A password in a statement of SQL.",
        ("password '", "password = n'", "password=n'", "password('", "identified by", "identified with"),
        r"(?:password|identified (?:with \w{1,40} )?by(?: password)?)(?:\s{1,3}|\(|\s?=\s?N)'(?P<s>(?!<)[^'\s<>]{3,})'",
    ),
    Format(
        "sql-identified",
        "A password in a statement of SQL, without quotes.",
        ("identified by ",),
        r"(?:create|alter|grant|connect to) [^\n;]{0,160}?identified by (?P<s>(?!values )[^\s\"'`;<>]{4,128})",
        proof=is_given,
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
        "sql-procedure",
        "A password given to a procedure of SQL Server.",
        ("sp_password ", "sp_addlogin "),
        r"(?:sp_password (?:NULL|N?'[^'\n]{0,128}'), ?N?'(?P<s>[^'\n<>]{4,128})'"
        r"|sp_addlogin N?'[^'\n]{0,128}', ?N?'(?P<t>[^'\n<>]{4,128})')",
        anchored=True,
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
        "call-secret",
        "The password or key of a call that takes it first.",
        tuple(f"{call}(" for call in _SECRET_CALLS),
        rf"(?:{'|'.join(_SECRET_CALLS)})" r"\(\s{0,4}b?\\{0,3}[\"'](?P<s>[^\s\"'\\<>]{6,128})\\{0,3}[\"'](?=\s?[,).])",
        anchored=True,
        proof=is_literal,
    ),
    Format(
        "call-password",
        "The password of a call that takes it behind a user.",
        tuple(f"{call}(" for call in _CALLS),
        rf"(?:{'|'.join(_CALLS)})"
        r"\(\s{0,4}(?:\\{0,3}[\"'][^\"'\n\\]{0,128}\\{0,3}[\"'],\s{0,4}){1,3}"
        r"\\{0,3}[\"'](?P<s>[^\s\"'\\<>]{4,128})\\{0,3}[\"'](?=\s?[,)])",
        anchored=True,
        proof=is_literal,
    ),
)
