"""Credentials that are known by what they stand in: armour, tokens of several parts, URLs, hooks, headers."""

from __future__ import annotations

from typing import Final

from streams.core.credentials.row import Format, begins
from streams.core.credentials.values import (
    is_given,
    is_random,
    is_random_run,
    is_random_run_or_uuid,
    is_value,
    may_be_key,
)

PLACES: Final[tuple[Format, ...]] = (
    # Blocks and structures first: they hold lines that later rows would cut in pieces.
    Format(
        "private-key",
        "A private key in PEM or PGP armour, also cut off or with escaped line ends.",
        ("-----begin",),
        r"-----BEGIN[ A-Z0-9_-]{0,60}(?:PRIVATE KEY(?: BLOCK)?|STATIC KEY V1)-----[^-]*(?:-(?!----)[^-]*)*"
        r"(?:-----END[ A-Z0-9_-]{0,60}-----)?",
        anchored=True,
        needs=("PRIVATE KEY", "private key", "Private Key", "Static key"),
    ),
    Format(
        "ssh2-key",
        "A private key as RFC 4716 wraps it.",
        ("---- begin ssh2 encrypted",),
        r"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----[^-]*(?:-(?!---)[^-]*)*"
        r"(?:---- END SSH2 ENCRYPTED PRIVATE KEY ----)?",
        anchored=True,
    ),
    begins(
        "private-key-bytes",
        "The bytes of a private key without its armour: PKCS 1 and 8, SEC 1, OpenSSH; the lines behind, too.",
        ("mii", "mig", "mic", "mc4caq", "mhcc", "b3blbnnzac1rzxktdje"),
        r"(?:MII[A-Za-z0-9+/]{3}IBA(?:AK|DAN)|MIIC[A-Za-z0-9+/]{2}[IA][BC]A[AQ]|MIG[A-Za-z0-9+/]{1,3}AgEAM"
        r"|MC4CAQAwBQYDK2V|MHcCAQEEI|b3BlbnNzaC1rZXktdjE)[A-Za-z0-9+/]{8,8192}={0,2}"
        r"(?:(?:[\s\"',+]|\\{1,4}[nr]){1,8}[A-Za-z0-9+/]{32,80}={0,2}){0,120}"
        r"(?:(?:[\s\"',+]|\\{1,4}[nr]){1,8}[A-Za-z0-9+/]{4,80}={1,2})?",
        exact=True,
        needs=("IBAAK", "IBADAN", "AgEAM", "MC4CAQ", "MHcCAQ", "b3BlbnNz", "IBAA", "CAQA"),
    ),
    Format(
        "tls-secret",
        "A secret of a TLS session, as key logs and clients print it.",
        ("client_random ", "_secret_0 "),
        r"(?:client_random |_secret_0 )[0-9a-f]{64} (?P<s>[0-9a-f]{48,128})",
        anchored=True,
    ),
    Format(
        "json-web-key",
        "The private numbers of a JSON Web Key.",
        ('"kty', '\\"kty'),
        r"[\"'](?:d|k|p|q|dp|dq|qi)\\{0,8}[\"']\s{0,2}:\s{0,2}\\{0,8}[\"'](?P<s>[\w-]{20,})",
    ),
    begins(
        "paseto", "A PASETO token.", ("v1.", "v2.", "v3.", "v4."), r"v[1-4]\.(?:local|public)\.[\w-]{40,}(?:\.[\w-]+)?"
    ),
    Format("age-key", "A private key of age.", ("age-secret-key-1",), r"AGE-SECRET-KEY-1[0-9A-Z]{40,}", anchored=True),
    Format(
        "putty-key",
        "A private key of PuTTY.",
        ("private-lines:",),
        r"Private-Lines: \d+(?P<s>(?:(?:\r?\n|\\n)[A-Za-z0-9+/=]{8,})+(?:(?:\r?\n|\\n)Private-MAC: [0-9a-f]{40,64})?)",
        anchored=True,
    ),
    begins(
        "private-key-base64",
        "A private key whose armour is in base64, too.",
        ("ls0tls1crudjti",),
        r"LS0tLS1CRUdJTi(?:BSU0EgUFJJV|BQUklWQVRF|BPUEVOU1NI|BFQyBQUklW|BFTkNSWVBURUQ|BEU0EgUFJJV|BQR1AgUFJJV)"
        r"[A-Za-z0-9+/\\]{20,}(?:\s{1,8}[A-Za-z0-9+/]{40,80}){0,200}={0,2}",
        exact=True,
    ),
    Format(
        "xml-key",
        "The private numbers of a key in XML.",
        ("</exponent>",),
        r"</exponent>(?P<s>(?:\s{0,16}<(?:P|Q|DP|DQ|InverseQ|D)>[^<]{8,8192}</\w{1,8}>){1,6})",
        anchored=True,
    ),
    begins("fernet", "A token of Fernet.", ("gaaaaa",), r"gAAAAA[\w-]{60,}={0,2}", exact=True),
    begins(
        "jwt",
        "A JSON Web Token, signed or not.",
        ("eyj",),
        r"(?<![_-])eyJ[A-Za-z0-9_-]{11,}={0,2}(?:\.{1,2}[A-Za-z0-9_/\\-]{8,}={0,2}){1,4}",
        exact=True,
        needs=(".",),
    ),
    begins(
        "jwt-like",
        "Two parts and a signature, as a JSON Web Token has them.",
        ("ey",),
        r"(?<![_-])ey[A-Za-z0-9]{17,}\.ey[A-Za-z0-9/\\_-]{17,}(?:\.[A-Za-z0-9/\\_-]{0,4096}={0,2})?",
        exact=True,
        needs=(".ey",),
    ),
    begins(
        "jwt-base64",
        "A JSON Web Token in base64, perhaps over several lines.",
        ("zxlk", "zxlq"),
        r"ZXl[KQ][A-Za-z0-9+/_\\-]{10,}(?:\r?\n[A-Za-z0-9+/_\\-]{8,}){0,50}={0,2}",
        exact=True,
    ),
    begins("grafana-key", "A Grafana API key.", ("eyjrijoi",), r"eyJrIjoi[A-Za-z0-9+/]{40,}={0,3}"),
    Format(
        "1password-service",
        "A 1Password service account.",
        ("ops_eyj",),
        r"ops_eyJ[A-Za-z0-9+/=_-]{40,}",
        anchored=True,
    ),
    begins(
        "1password-secret-key",
        "A 1Password secret key.",
        ("a3-",),
        r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}",
    ),
    Format(
        "url-password",
        "A password in a URL.",
        ("://",),
        r"://[^\s/:@\"'<>?#|]{0,128}:(?:(?P<s>(?!<)[^\s/\"'<|]{1,256})"
        r"|(?P<t>[A-Za-z0-9+/]{40,128}={0,2}))@(?=[\w\[.%-])",
        anchored=True,
        needs=("@",),
        proof=is_value,
    ),
    Format(
        "url-user-token",
        "A token as the user of a URL, with a password that says nothing.",
        ("://",),
        r"://(?P<s>[\w~.%-]{16,256}:[^\s/@\"'<>|]{0,24})@(?=[\w\[.%-])",
        anchored=True,
        needs=("@",),
        proof=is_random_run,
    ),
    Format(
        "url-userinfo",
        "A token as the user of a URL.",
        ("://",),
        r"://(?P<s>(?=[A-Za-z_~.%-]{0,60}\d)[A-Za-z0-9_~.%-]{20,256})@(?=[\w\[.%-])",
        anchored=True,
        needs=("@",),
    ),
    # Places where webhooks are posted to: who knows the address may write.
    Format(
        "slack-webhook",
        "A Slack webhook or workflow address.",
        ("hooks.slack.com",),
        r"hooks\.slack\.com/(?P<s>(?:services|workflows|triggers)/[A-Za-z0-9+/_-]{20,})",
        anchored=True,
    ),
    Format(
        "discord-webhook",
        "A Discord webhook.",
        ("/api/webhooks/",),
        r"/api/webhooks/(?P<s>\d{10,}/[\w-]{20,})",
        anchored=True,
    ),
    Format(
        "teams-webhook",
        "A Microsoft Teams webhook.",
        ("webhook.office.com", "outlook.office.com"),
        r"(?:webhook|outlook)\.office\.com/(?P<s>webhook(?:b2)?/[A-Za-z0-9@/_-]{40,})",
    ),
    Format("google-chat-webhook", "A Google Chat webhook.", ("chat.googleapis.com",), r"(?<=[?&]token=)[\w%-]{20,}"),
    Format(
        "zapier-webhook",
        "A Zapier hook.",
        ("hooks.zapier.com",),
        r"hooks\.zapier\.com/(?P<s>hooks/catch/[\w/]{8,})",
        anchored=True,
    ),
    Format(
        "hook-path",
        "The random part of an address that data or messages are posted to, or of one that holds a key.",
        (
            "hooks/",
            "hook/",
            "inputs/",
            "receiver/",
            "webhooks/",
            "webhook/",
            "/v2/",
            "/v3/",
            "/input/",
            "/t/an-",
            "with/key/",
            "integration/",
            "integrations/",
            "hc-ping.com/",
        ),
        r"(?:hooks?/(?:catch/)?(?P<t>[\w=-]{16,}/[\w=-]{16,})|(?:hooks?/(?:catch/)?|/inputs?/|/receiver/v1/http/|(?:infura\.io|alchemy\.com|quiknode\.pro)/"
        r"(?:ws/)?v[23]/|/t/(?=an-)|/with/key/|/integrations?/(?:generic/\d{1,20}/alert/)?|hc-ping\.com/)"
        r"(?P<s>[\w=-]{16,}))",
        proof=is_random_run_or_uuid,
    ),
    Format(
        "query-key",
        "A code or key in a query.",
        (
            *("code=", "key=", "appid=", "auth=", "access_key=", "apikey=", "ticket=", "magic=", "state=", "jwt="),
            *("hmac=", "sig=", "signature=", "oauth_verifier=", "verifier=", "nonce="),
        ),
        r"(?<=[?&#])(?:code|key|appid|auth|access_key|apikey|ticket|magic|state|jwt|hmac|sig|signature|oauth_verifier"
        r"|verifier|nonce)=(?P<s>[\w%+/.~-]{16,}={0,2})",
        anchored=True,
        needs=("=",),
        proof=is_random_run_or_uuid,
    ),
    Format(
        "query-pair",
        "A key beside a token.",
        ("key=",),
        r"key=(?P<s>[0-9a-f]{32})(?=&token=)",
        anchored=True,
        needs=("&token=",),
    ),
    Format(
        "google-code",
        "A code of Google that is exchanged for tokens.",
        ("4/0a",),
        r"(?<![\w/])4/0A[\w-]{30,}",
        anchored=True,
        token=True,
    ),
    # Headers.
    Format(
        "authorization",
        "An Authorization header.",
        ("authorization",),
        r"authorization[\"'\\]{0,3}\s{0,3}[:=,]{1,2}>?\s{0,3}[\"'\\]{0,3}"
        r"(?:(?:bearer|basic|token|digest|negotiate|apikey|api-key|api-token|key|bot|aws4-hmac-sha256|splunk"
        r"|ntlm|oauth|hmac|genie"
        r"key|sso-key|ssws)(?:[ :=]{1,3}|%20|\+)[\"'\\]{0,2}"
        r"(?P<s>(?!(?:header|token|scheme|realm|auth|prefix|format)\b)"
        r"[^\s\"'\\,;<>{}$*][^\s\"'\\,;<>{}]{5,})"
        r"|(?P<t>(?=[\w.~+/=@:-]{0,40}\d)[\w.~+/=@:-]{8,}))",
        anchored=True,
    ),
    Format(
        "authorization-other",
        "An Authorization header of a scheme that is not in the list.",
        ("authorization",),
        r"authorization[\"'\\]{0,8}\s{0,3}[:=,]{1,2}>?\s{0,3}[\"'\\]{0,8}[a-z][\w-]{1,24}[ ]{1,3}(?P<s>"
        r"[\w.~+/=@:-]{12,})",
        anchored=True,
        proof=is_random,
    ),
    Format(
        "oauth-header",
        "A signature or token of OAuth 1.0.",
        ("oauth_signature=", "oauth_token=", 'mac="', 'mac=\\"'),
        r"(?:oauth_signature|oauth_token|(?<=[ ,])mac)=\\{0,8}\"?(?P<s>[\w%+/.~-]{8,}={0,2})",
        anchored=True,
    ),
    Format(
        "signed-body",
        "The signature of a webhook.",
        ("-signature",),
        r"-signature(?:-256)?[\"'\\]{0,8}\s{0,2}[:=]\s{0,2}[\"'\\]{0,8}(?:sha(?:1|256|512)=|v\d=|t=\d+,\s?v1=)"
        r"(?P<s>[0-9a-f]{32,})",
        anchored=True,
    ),
    Format(
        "sasl-plain",
        "Name and password in a mail dialogue.",
        ("auth plain ", "auth login ", "authenticate plain "),
        r"auth(?:enticate)? (?:plain|login) (?P<s>[A-Za-z0-9+/]{8,}={0,2})(?![\w-])",
        anchored=True,
    ),
    Format(
        "mail-login",
        "A password in a dialogue with a mail or file server.",
        (" login ", "pass ", "auth "),
        r"(?:(?<=[a-z]\d) LOGIN [\w.@+-]{1,64} |(?:(?<=-> )|(?<=> )|(?<=C: )|(?<=ed\n)|(?<=ed\\n))PASS |(?<=> )AUTH )"
        r"(?P<s>(?!\w{1,16}/)[^\s\"'\\<>]{6,128})",
        exact_case=True,
        proof=is_given,
    ),
    Format(
        "imap-login",
        "Name and password in a mail dialogue.",
        (" login ",),
        r"(?<=[\w.]) LOGIN [\w.@+-]{1,64} \\{0,8}\"(?P<s>[^\"\\\r\n]{4,128})",
        exact_case=True,
    ),
    Format(
        "bearer",
        "A bearer token.",
        ("bearer ",),
        r"bearer[ ]{1,3}(?P<s>(?:v\d:)?(?=[\w.~+/-]{0,40}\d)[\w.~+/-]{16,}={0,3}"
        r"(?:(?:\r?\n|\\n)[ \t]{1,16}(?=[\w.~+/-]{0,40}\d)[\w.~+/-]{16,}={0,3}(?=[\s\"'\\]|\Z))?)",
        anchored=True,
    ),
    begins(
        "negotiated",
        "A token of Kerberos or NTLM.",
        ("ntlm ", "negotiate "),
        r"(?:ntlm|negotiate) (?P<s>[A-Za-z0-9+/]{20,}={0,2})",
    ),
    Format(
        "proxmox",
        "A token of Proxmox.",
        ("pveapitoken=",),
        r"PVEAPIToken=[^\s=]{1,128}=(?P<s>[0-9a-f-]{36})",
        anchored=True,
    ),
    Format(
        "header-entry",
        "A value whose header is named behind it.",
        ('"name":', '\\"name\\":'),
        r"value\\{0,8}\":\s?\\{0,8}\"(?P<s>[^\"\\\n<]{8,512})\\{0,8}\",\s{0,4}\\{0,8}\"name\\{0,8}\":\s?\\{0,8}\"[\w-]{0,32}"
        r"(?:key|token|secret|password|authorization|cookie)\\{0,8}\"",
        proof=is_given,
    ),
    Format(
        "mail-dialogue",
        "A password that a mail server asked for.",
        ("334 ugfzc3dvcmq6",),
        r"334 UGFzc3dvcmQ6(?:\s|\\r|\\n){1,4}(?:C: )?(?P<s>[A-Za-z0-9+/]{4,}={0,2})",
        anchored=True,
    ),
    Format(
        "basic",
        "Credentials of HTTP basic authentication.",
        ("basic ",),
        r"basic[ ]{1,2}(?P<s>(?=[A-Za-z0-9+/]{0,24}\d)[A-Za-z0-9+/]{12,}={0,2})(?![\w-])",
        anchored=True,
    ),
    Format(
        "cookie",
        "The cookies of a header.",
        ("cookie:", "cookie':", 'cookie":', 'cookie\\":', "cookie ="),
        r"cookie2?[\"'\\]{0,3} ?[:=]\s{0,3}[\"'\\]{0,3}(?P<s>(?!samesite=)[^\s\"'\\=;<>]{1,128}=[^\r\n\"'\\<>]{4,})",
        anchored=True,
    ),
    Format(
        "cookie-jar",
        "A cookie as a jar prints it: a name, and a value of random letters and digits.",
        ("cookies={", "cookies =", "<cookie ", "\ttrue\t", "\tfalse\t", "\\tfalse\\t", "\\ttrue\\t"),
        r"(?:cookies ?= ?\{[\"'][\w.-]{1,64}[\"']: ?[\"']|<cookie [\w.-]{1,64}="
        r"|(?:\t|\\t)(?:true|false)(?:\t|\\t)\d{1,12}(?:\t|\\t)[\w.-]{1,64}(?:\t|\\t))(?P<s>[\w%+/.~=-]{8,})",
        anchored=True,
        proof=may_be_key,
    ),
    Format(
        "session-cookie",
        "A session cookie.",
        ("_session=", "sessionid=", "session_id=", "phpsessid=", "jsessionid=", "connect.sid="),
        r"(?:_session|sessionid|session_id|phpsessid|jsessionid|connect\.sid)=(?P<s>[^\s\"';,<>&]{8,})",
        anchored=True,
        needs=("=",),
    ),
)
