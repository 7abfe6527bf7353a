"""Credentials on the command line, in SQL and in a script."""

from __future__ import annotations

from typing import Final

from streams.core.credentials.row import FILE, WORD, Format
from streams.core.credentials.values import is_given, is_strong_value, is_told, is_told_loosely, is_value, may_be_key

_WORDS_BETWEEN: Final = r"[^\n;|&]{0,160}?(?<=\s)"
_QUOTE: Final = r"(?:\\{0,3}[\"'])?"
_GIVEN: Final = _QUOTE + r"(?P<s>(?![-<$])(?!\d{1,5}(?:\s|$))[^\s\"'<>]{3,})"


_OPTIONS: Final = (
    (
        (
            *("cf auth", "conan user", "conan remote login", "argocd login", "gcloud auth", "harbor login"),
            *("docker login", "podman login", "nerdctl login", "buildah login", "skopeo login", "oras login"),
            *("registry login", "az login", "crane auth login", "oc login", "cf login", "ibmcloud login"),
        ),
        (
            r"(?:(?:docker|podman|nerdctl|buildah|skopeo|oras|registry|az|crane auth|oc|cf|ibmcloud|conan remote"
            r"|argocd|harbor) login|cf auth|conan user|gcloud auth) "
        ),
        r"(?-i:-p)[ =]?",
    ),
    (("sshpass",), r"sshpass ", r"(?-i:-p)\s{0,3}"),
    (
        (
            *("mysql", "mysqldump", "mysqladmin", "mysqlimport", "mysqlsh", "mysqlshow", "mysqlcheck", "mysqlslap"),
            *("mysqlbinlog", "mysqlpump", "mysqld", "mariadb", "7z ", "7za ", "7zz ", "rar ", "unrar "),
        ),
        r"(?:mysql\w{0,8}|mariadb(?:-\w{1,8})?|7z[az]?|rar|unrar) ",
        r"(?-i:-h?p)",
    ),
    (("redis-cli",), r"redis-cli ", r"(?:(?-i:-a)|--pass)\s{1,3}"),
    (("ldapsearch", "ldapmodify", "ldapadd", "ldapdelete", "ldapwhoami"), r"ldap[a-z]{3,8} ", r"(?-i:-w)\s{0,3}"),
    (("net use",), r"net use ", r"/user:\S{1,64}\s{1,3}"),
    (
        (
            *("mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport", "cqlsh", "useradd"),
            *("usermod", "psexec", "psexec64", "twine ", "poetry "),
        ),
        r"(?:mongo(?:sh|dump|restore|export|import)?|cqlsh|useradd|usermod|psexec\w{0,4}|twine|poetry) ",
        r"(?-i:-p)\s{1,3}",
    ),
    (
        ("sqlcmd", "bcp ", "osql", "isql", "ipmitool", "zip ", "unzip ", "ssh-keygen"),
        r"(?:sqlcmd|bcp|osql|isql|ipmitool|zip|unzip|ssh-keygen) ",
        r"(?-i:-[PN])\s{0,3}",
    ),
    (("snmpget", "snmpwalk", "snmpset", "snmptrap"), r"snmp(?:get|walk|set|trap) ", r"(?-i:-[AX])\s{1,3}"),
    (("openssl ",), r"openssl [\w-]{2,20} ", r"(?-i:-[kK])\s{1,3}"),
    (("plink", "pscp", "psftp"), r"(?:plink|pscp|psftp)(?:\.exe)? ", r"-pw\s{1,3}"),
    (("xfreerdp", "wfreerdp", "sdl-freerdp"), r"(?:[xw]|sdl-)freerdp3? ", r"/p:"),
    (("security ",), r"security ", r"-[pPk]\s{1,3}"),
    (("knife ",), r"knife ", r"(?-i:-P)\s{1,3}"),
    (("vsql ",), r"vsql ", r"(?-i:-w)\s{1,3}"),
    (("schtasks",), r"schtasks(?:\.exe)? ", r"/rp\s{1,3}"),
    (("influx ", "nuget push", "nuget setapikey"), r"(?:influx |nuget (?:push|setapikey) )", r"(?-i:-[tk])\s{1,3}"),
    (("rclone ",), r"rclone ", r"pass(?:word)?[ =]"),
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
        rf"[ =](?:\\{{0,3}}[\"'](?P<t>(?![\[(<$*{{-]|(?:id|type|src)=|{FILE})[^\"'\n<>\\]{{6,256}})\\{{0,3}}[\"']"
        rf"|[\"']?(?P<s>(?![\[(<$*{{-]|(?:id|type|src)=|{FILE})[^\s\"'<>]{{6,}}))",
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
        "command-pair",
        "A password given to any command beside a user.",
        ("-u", "--user", "--username", "login ", "-p "),
        r"(?:(?:(?<![\w-])-u|--user(?:name)?|(?<![\w-])login) ?=?[^\s-]\S{0,64} (?:[^\n;|&]{0,120}?\s)?(?-i:-p) ?"
        r"|(?<![\w-])-p (?=\S{1,128} [^\n;|&]{0,64}-(?:u|-user|r|-remote) ))"
        r"[\"']?(?P<s>(?![\d.]{1,15}:)[^\s\"'<>$/]{8,128})(?![^\s\"'])",
        anchored=True,
        proof=is_told_loosely,
    ),
    Format(
        "command-value",
        "A value given to a command beside the name of a credential.",
        ("--value ", "--body ", "--secret-string ", "--data "),
        r"(?:(?<![\w-])secrets? (?:add|set|create|update|put) (?:[^\n;|]{0,160} )?--data "
        r"|(?:password|passwd|secret|token|key)[\w./-]{0,64}[\"']? (?:[^\n;|]{0,160} )?--(?:value|body|secret-string) )"
        rf"{_QUOTE}(?P<s>(?![$<{{-])[^\s\"'<>]{{6,}})",
        proof=is_given,
    ),
    Format(
        "command-code",
        "The seed that codes are made from, given to a command.",
        ("oathtool ",),
        r"oathtool (?:[^\n;|]{0,64} )?(?P<s>[A-Z2-7]{16,128})(?!\w)",
        anchored=True,
    ),
    Format(
        "command-curl",
        "A password given to curl behind other short options.",
        ("curl ",),
        r"curl (?:[^\n;|]{0,200}?\s)?-[a-z]{1,6}u ?[\"']?[^\s:\"'<>/]{0,128}:(?P<s>[^\s\"'<>/:$][^\s\"'<>]{2,})",
        anchored=True,
    ),
    Format(
        "command-word",
        "A password or key that a command takes as a word of its own.",
        (
            *(
                "cargo login ",
                "-setcookie ",
                "bw unlock ",
                "vault operator unseal ",
                "reset-admin-password ",
                "consul kv put ",
                "wandb login ",
                "+login ",
                "bundle config ",
            ),
            *(
                "etcdctl put ",
                "nuget push ",
                "nuget setapikey ",
                "cf auth ",
                "poetry config ",
                "activate-refresh-token ",
            ),
        ),
        r"(?:(?:cargo|wandb) login |\+login \S{1,64} |bundle config (?:set )?(?:--\w{1,16} )?\S{1,128} [\w.@-]{1,64}:"
        r"|-setcookie |bw unlock |vault operator unseal |reset-admin-password "
        r"|nuget push [^\s-]\S{0,200} "
        r"|nuget setapikey |(?:consul kv|etcdctl) put \S{0,128}(?:password|passwd|secret|token|_key|-key|/key) "
        r"|cf auth \S{1,64} |activate-refresh-token \S{1,128} "
        r"|poetry config http-basic\.\S{1,64} \S{1,64} )[\"']?(?P<s>(?![$<-])[^\s\"'<>]{6,})",
        anchored=True,
        proof=is_given,
    ),
    Format(
        "command-here-string",
        "A password written behind a command that reads one.",
        ("<<<",),
        r"(?<=[ \d])<<<\s?[\"']?(?P<s>(?![$<-])[^\s\"'<>]{8,256})",
        anchored=True,
        proof=is_told_loosely,
    ),
    Format(
        "command-substitution",
        "A password that a shell writes for a command to read.",
        ("(echo ",),
        r"(?:pass\w{0,12}|key|token|secret)[\w-]{0,20}[= ][<$]\((?:echo|printf) [\"']?"
        r"(?P<s>(?![$<-])[^\s\"')<>]{4,256})",
        proof=is_given,
    ),
    Format(
        "script-send",
        "What a script sends where a password is asked for.",
        ("send ",),
        r"send (?:-- )?\\?[\"'](?P<s>[^\s\"'\\<>]{6,64})\\{1,2}[rn]",
        anchored=True,
        proof=is_told,
    ),
    Format(
        "job-command",
        "A value that a job tells its runner to hide.",
        ("::add-mask::", "issecret=true"),
        r"(?:::add-mask::|issecret=true[\w;=]{0,64}\])(?P<s>[^\s\"'<>*][^\s\"'<>]{3,512})",
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
        (
            "env ",
            "arg ",
            "setenv ",
            "printenv ",
            "setx ",
            "config ",
            "configure set ",
            "config:set ",
            "authtoken ",
            "login ",
        ),
        rf"{WORD}"
        r"(?:ENV|ARG|setenv|printenv|setx|(?:config|configure)(?: |:)(?:set |--global )?(?:--[\w-]{1,24} ){0,3}"
        r"|ngrok(?= authtoken)) ?"
        r"[\w.:/-]{0,80}(?:password|passwd|pwd|passphrase|secret|token|api_?key|access_?key|private_?key)[\w.-]{0,40}"
        r"(?: |(?:\r?\n|\\n))[\"']?"
        r"(?P<s>(?![$<{-])[^\s\"'<>]{8,})",
        proof=is_given,
    ),
    Format(
        "command-account",
        "The password of an account that a command makes or uses, behind its name.",
        ("htpasswd", "smbclient", "rpcclient", "lftp", "nmcli", "net user", "rabbitmqctl", "mc alias", "mc config"),
        r"(?:net user \S{1,64} |rabbitmqctl (?:add_user|change_password|authenticate_user) \S{1,64} "
        r"|mc (?:alias|config) [^\n;|]{0,64}?https?://\S{1,128} [\w-]{1,128} |htpasswd (?:-\w{1,6} (?:\d{1,2} )?){0,3}"
        r"(?:\S{1,128} )?[\w.@'\"-]{1,64} |(?:smbclient|rpcclient) "
        r"[^\n;|]{0,128}?-U ?[\"']?[\w\\./-]{1,64}%"
        r"|lftp [^\n;|]{0,64}?-u ?[\"']?[\w.@-]{1,64},|nmcli [^\n;|]{0,128}?password )[\"']?(?P<s>(?![$<-])"
        r"[^\s\"'<>]{4,})",
        anchored=True,
        proof=is_given,
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
        "secure-string",
        "A password turned into a secure string.",
        ("convertto-securestring",),
        r"securestring\s{1,3}(?:-string\s{1,3})?[\"'](?P<s>[^\s\"'<>]{3,})[\"']",
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
