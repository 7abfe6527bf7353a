"""Credentials on the command line, in SQL and in a script."""

from __future__ import annotations

from typing import Final

from streams.core.credentials.row import FILE, WORD, Format
from streams.core.credentials.values import is_strong_value, is_value, may_be_key

_WORDS_BETWEEN: Final = r"[^\n;|&]{0,160}?(?<=\s)"
_GIVEN: Final = r"[\"']?(?P<s>(?![-<$])(?!\d{1,5}(?:\s|$))[^\s\"'<>]{3,})"


_OPTIONS: Final = (
    (
        (
            *("docker login", "podman login", "nerdctl login", "buildah login", "skopeo login", "oras login"),
            *("registry login", "az login", "crane auth login", "oc login", "cf login", "ibmcloud login"),
        ),
        r"(?:docker|podman|nerdctl|buildah|skopeo|oras|registry|az|crane auth|oc|cf|ibmcloud) login ",
        r"(?-i:-p)[ =]?",
    ),
    (("sshpass",), r"sshpass ", r"(?-i:-p)\s{0,3}"),
    (
        (
            *("mysql", "mysqldump", "mysqladmin", "mysqlimport", "mysqlsh", "mysqlshow", "mysqlcheck", "mysqlslap"),
            *("mysqlbinlog", "mysqlpump", "mysqld", "mariadb", "7z ", "7za ", "7zz ", "rar ", "unrar "),
        ),
        r"(?:mysql\w{0,8}|mariadb(?:-\w{1,8})?|7z[az]?|rar|unrar) ",
        r"(?-i:-p)",
    ),
    (("redis-cli",), r"redis-cli ", r"(?:(?-i:-a)|--pass)\s{1,3}"),
    (("ldapsearch", "ldapmodify", "ldapadd", "ldapdelete", "ldapwhoami"), r"ldap[a-z]{3,8} ", r"(?-i:-w)\s{1,3}"),
    (("net use",), r"net use ", r"/user:\S{1,64}\s{1,3}"),
    (
        (
            *("mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport", "cqlsh", "useradd"),
            *("usermod", "psexec", "psexec64", "security ", "twine ", "poetry "),
        ),
        r"(?:mongo(?:sh|dump|restore|export|import)?|cqlsh|useradd|usermod|psexec\w{0,4}|security|twine|poetry) ",
        r"(?-i:-p)\s{1,3}",
    ),
    (
        ("sqlcmd", "bcp ", "osql", "isql", "ipmitool", "zip ", "unzip ", "ssh-keygen"),
        r"(?:sqlcmd|bcp|osql|isql|ipmitool|zip|unzip|ssh-keygen) ",
        r"(?-i:-[PN])\s{0,3}",
    ),
    (("snmpget", "snmpwalk", "snmpset", "snmptrap"), r"snmp(?:get|walk|set|trap) ", r"(?-i:-[AX])\s{1,3}"),
    (("openssl ",), r"openssl \w{2,12} ", r"(?-i:-[kK])\s{1,3}"),
    (("signtool", "winrs", "cmdkey", "certutil"), r"(?:signtool|winrs|cmdkey|certutil) ", r"[/-]p(?:ass)?[: ]"),
)
"""Literals, the command, and the option by which it takes a password: `-p` is a password and `-P` a port."""

COMMANDS: Final[tuple[Format, ...]] = (
    Format(
        "command-user",
        "A password given to a command with its user.",
        ("-u", "--user", "--proxy-user", "--creds", "--src-creds", "--dest-creds", "-a "),
        r"(?:(?<![\w-])-u[ =]{0,2}|(?:(?<=http )|(?<=https ))-a |--(?:user|proxy-user|(?:src-|dest-)?creds)"
        r"[ =]{1,2})(?!\+%)[\"']?"
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
        r"(?:(?<=--)|(?<![\w-]-)(?<=-)(?=[\w-]{3,12}[ =][\"']?[^\s\"']{0,40}\d|(?:store|key)pass ))"
        r"(?:password|passwd|passphrase|pass|token|secret|api-?key|auth-?token|auth|access-?key|key|otp"
        r"|storepass|keypass)"
        r"[ =][\"']?"
        rf"(?P<s>(?![\[(<$*{{-]|(?:id|type|src)=|{FILE})[^\s\"'<>]{{6,}})",
        anchored=True,
        needs=("-",),
    ),
    Format(
        "command-long-password",
        "A password given to a command by an option that says whose.",
        ("-password ", "-passwd ", "-passphrase ", "-secret ", "-pass "),
        r"(?<=\w)-(?:password|passwd|passphrase|secret|pass) [\"']?(?P<s>(?![\[(<$*{-])[^\s\"'<>]{6,})",
        anchored=True,
        needs=("--",),
        proof=is_strong_value,
    ),
    Format(
        "command-long-key",
        "A key given to a command by an option that says whose.",
        ("-key ", "-token ", "-apikey "),
        r"(?<=\w)-(?:key|token|apikey) [\"']?(?P<s>(?![\[(<$*{-])[\w.~+/=@-]{12,})",
        anchored=True,
        needs=("--",),
        proof=may_be_key,
    ),
    Format(
        "command-option",
        "A password given to a command by the option that this command has for it.",
        tuple(literal for literals, _, _ in _OPTIONS for literal in literals),
        rf"{WORD}(?:{'|'.join(f'{command}{_WORDS_BETWEEN}{option}' for _, command, option in _OPTIONS)}){_GIVEN}",
        anchored=True,
    ),
    Format(
        "command-input",
        "A password written into a command that reads one.",
        (
            *("--password-stdin", "--with-token", "sudo -s", "kinit", "chpasswd", "passwd --stdin", "--passphrase-fd"),
            *("cryptsetup", "--stdin"),
        ),
        rf"{WORD}"
        r"(?:echo|printf)(?: -\w{1,3})? [\"']?(?P<s>(?![$<-])[^\s\"'|]{4,256})[\"']? ?\| ?(?:\w{2,10} )?"
        r"(?=sudo -S|kinit|chpasswd|cryptsetup|passwd|[^|\n]{0,128}--(?:password-stdin|with-token|passphrase-fd"
        r"|stdin))",
        proof=is_value,
    ),
    Format(
        "command-setting",
        "A credential that a command writes into the settings.",
        ("env ", "arg ", "setx ", "config ", "configure set ", "config:set ", "authtoken ", "login "),
        rf"{WORD}"
        r"(?:ENV|ARG|setx|(?:config|configure)(?: |:)(?:set |--global )?(?:--[\w-]{1,24} ){0,3}"
        r"|ngrok(?= authtoken)) ?"
        r"[\w.:/-]{0,80}(?:password|passwd|secret|token|api_?key|access_?key|private_?key)[\w.-]{0,40} [\"']?"
        r"(?P<s>(?![$<{-])[^\s\"'<>]{8,})",
        proof=is_strong_value,
    ),
    Format(
        "command-account",
        "The password of an account that a command makes or uses, behind its name.",
        ("htpasswd", "smbclient", "rpcclient", "lftp", "nmcli", "net user", "rabbitmqctl", "mc alias", "mc config"),
        r"(?:net user \S{1,64} |rabbitmqctl (?:add_user|change_password|authenticate_user) \S{1,64} "
        r"|mc (?:alias|config) [^\n;|]{0,64}?https?://\S{1,128} [\w-]{1,128} |htpasswd (?:-\w{1,6} ){0,3}"
        r"(?:\S{1,128} )?[\w.@-]{1,64} |(?:smbclient|rpcclient) "
        r"[^\n;|]{0,128}?-U ?[\"']?[\w\\./-]{1,64}%"
        r"|lftp [^\n;|]{0,64}?-u ?[\"']?[\w.@-]{1,64},|nmcli [^\n;|]{0,128}?password )[\"']?(?P<s>(?![$<-])"
        r"[^\s\"'<>]{4,})",
        anchored=True,
        proof=is_strong_value,
    ),
    Format(
        "command-token",
        "A token given to a command by the option or the word that this command has for it.",
        ("codecov", "snyk auth", "vault login", "doctl auth", "gem push"),
        r"(?:codecov [^\n;|&]{0,64}?-t|snyk auth|vault login|doctl auth init -t|gem push -k) {1,2}[\"']?(?P<s>"
        r"[\w.-]{16,})",
        anchored=True,
        proof=may_be_key,
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
        ("password '", "password = n'", "password=n'", "password('", "identified by", "identified with"),
        r"(?:password|identified (?:with \w{1,40} )?by(?: password)?)(?:\s{1,3}|\(|\s?=\s?N)'(?P<s>(?!<)[^'\s<>]{3,})'",
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
        ("thin:", "sqlplus ", "impdp ", "expdp ", "sqlldr ", "rman target "),
        r"(?:thin:|(?:sqlplus|impdp|expdp|sqlldr|rman target) (?:-\w{1,8} ){0,3})[\w.$-]{1,64}/(?P<s>(?!<)"
        r"[^\s@/\"'<>]{3,128})@",
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
        ("-h ", "-h=", '-h"', "-h'", "--header"),
        r"(?:-H|--header)[ =]{0,2}[\"'](?:x-[\w-]{0,30}|[\w-]{0,30}(?:key|token|auth|secret)[\w-]{0,20}):\s{0,3}"
        r"(?:\w{2,12} )?(?P<s>[\w.~+/=@-]{8,})",
        anchored=True,
    ),
)
