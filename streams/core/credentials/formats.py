"""Tokens that are known by their own shape.

A row is searched for only in a text that holds one of its literals at the start of a word (no literals: in a text that
has a long word), so that a text without a credential costs little; `anchored` rows are tried only where a literal is.
Patterns are linear: a run of one class that a match consumes whole, behind a literal start.
Group `s` is what is replaced where the match holds more than the credential.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_START: Final = r"(?<![A-Za-z0-9])"
_FILE: Final = r"[\w./~-]{1,128}\.(?:pem|key|crt|cer|der|json|txt|ya?ml|pub|p12|pfx|jks|cfg|conf|env|toml|ini)(?![\w.])"
_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@dataclass(frozen=True, slots=True, eq=False)
class Format:
    """One published format. Compared by identity: each stands once in the table, and its fields are long to hash."""

    id: str
    reason: str
    """What it is, for people."""
    literals: tuple[str, ...]
    """Lower case; one of them is in every match, and its first letter or digit starts a word there.

    Where that does not tell (none, or a short word that may go on) the literal itself is looked for.
    """
    pattern: str
    exact_case: bool = False
    """Whether case is part of the format. Otherwise a copy in another case is taken as well."""
    anchored: bool = False
    """Whether every match begins with one of the literals."""
    needs: tuple[str, ...] = ()
    """One of these, in exact case, is in every match too, or right in front of it, where the literals are common."""
    word_chars: int = 0
    """So many letters and digits follow each other in every match; asked for where there are no literals."""


def _begins(rule: str, reason: str, literals: tuple[str, ...], pattern: str, *, exact: bool = False) -> Format:
    """A pattern that begins with one of the literals, at the start of a word."""
    return Format(rule, reason, literals, _START + pattern, exact_case=exact, anchored=True)


def _prefixed(
    rule: str, reason: str, *prefixes: str, least: int = 20, body: str = r"[\w-]", exact: bool = False
) -> Format:
    """A prefix, then at least `least` characters of `body`."""
    starts = "|".join(prefix.replace(".", r"\.") for prefix in prefixes)
    lowered = tuple(prefix.lower() for prefix in prefixes)
    return _begins(rule, reason, lowered, rf"(?:{starts}){body}{{{least},}}", exact=exact)


FORMATS: Final[tuple[Format, ...]] = (
    # Blocks and structures first: they hold lines that later rows would cut in pieces.
    Format(
        "private-key",
        "A private key in PEM or PGP armour, also cut off or with escaped line ends.",
        ("-----begin",),
        r"-----BEGIN[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----[^-]*(?:-(?!----)[^-]*)*"
        r"(?:-----END[ A-Z0-9_-]{0,60}-----)?",
        anchored=True,
    ),
    Format("age-key", "A private key of age.", ("age-secret-key-1",), r"AGE-SECRET-KEY-1[0-9A-Z]{40,}", anchored=True),
    Format(
        "putty-key",
        "A private key of PuTTY.",
        ("private-lines:",),
        r"Private-Lines: \d+(?P<s>(?:\r?\n[A-Za-z0-9+/=]{8,})+)",
        anchored=True,
    ),
    _begins(
        "jwt",
        "A JSON Web Token, signed or not.",
        ("eyj",),
        r"(?<![_-])eyJ[A-Za-z0-9_-]{10,}={0,2}(?:\.[A-Za-z0-9_/\\-]{8,}={0,2}){1,4}",
        exact=True,
    ),
    _begins(
        "jwt-like",
        "Two parts and a signature, as a JSON Web Token has them.",
        ("ey",),
        r"(?<![_-])ey[A-Za-z0-9]{17,}\.ey[A-Za-z0-9/\\_-]{17,}(?:\.[A-Za-z0-9/\\_-]{0,4096}={0,2})?",
        exact=True,
    ),
    _begins(
        "jwt-base64",
        "A JSON Web Token in base64, perhaps over several lines.",
        ("zxlk", "zxlq"),
        r"ZXl[KQ][A-Za-z0-9+/_\\-]{4,}(?:\r?\n[A-Za-z0-9+/_\\-]{8,}){0,50}={0,2}",
        exact=True,
    ),
    _begins("grafana-key", "A Grafana API key.", ("eyjrijoi",), r"eyJrIjoi[A-Za-z0-9+/]{40,}={0,3}"),
    Format(
        "1password-service",
        "A 1Password service account.",
        ("ops_eyj",),
        r"ops_eyJ[A-Za-z0-9+/=_-]{40,}",
        anchored=True,
    ),
    _begins(
        "1password-secret-key",
        "A 1Password secret key.",
        ("a3-",),
        r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}",
    ),
    Format(
        "url-password",
        "A password in a URL.",
        ("://",),
        r"://[^\s/:@\"'<>?#|]{0,128}:(?P<s>[^\s@/\"'<>|]{1,256})@(?=[\w\[.%-])",
        anchored=True,
        needs=("@",),
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
        ("webhook.office.com",),
        r"webhook\.office\.com/(?P<s>webhookb2/[A-Za-z0-9@/_-]{40,})",
    ),
    Format("google-chat-webhook", "A Google Chat webhook.", ("chat.googleapis.com",), r"(?<=[?&]token=)[\w%-]{20,}"),
    Format(
        "zapier-webhook",
        "A Zapier hook.",
        ("hooks.zapier.com",),
        r"hooks\.zapier\.com/(?P<s>hooks/catch/[\w/]{8,})",
        anchored=True,
    ),
    # Headers.
    Format(
        "authorization",
        "An Authorization header.",
        ("authorization",),
        r"authorization[\"'\\]{0,3}\s{0,3}[:=,]{1,2}>?\s{0,3}[\"'\\]{0,3}"
        r"(?:(?:bearer|basic|token|digest|negotiate|apikey|api-key|api-token|key|bot|aws4-hmac-sha256|splunk|ntlm|oauth|hmac|genie"
        r"key|sso-key|ssws)[ :=]{1,3}[\"'\\]{0,2}(?P<s>[^\s\"'\\,;<>{}$*][^\s\"'\\,;<>{}]{5,})"
        r"|(?P<t>(?=[\w.~+/=@:-]{0,40}\d)[\w.~+/=@:-]{8,}))",
        anchored=True,
    ),
    Format(
        "bearer",
        "A bearer token.",
        ("bearer ",),
        r"bearer[ ]{1,3}(?P<s>(?=[\w.~+/-]{0,40}\d)[\w.~+/-]{16,}={0,3})",
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
        ("cookie:", "cookie':", 'cookie":', 'cookie\\":'),
        r"cookie2?[\"'\\]{0,3}:\s{0,3}[\"'\\]{0,3}(?P<s>[^\s\"'\\=;<>]{1,128}=[^\r\n\"'\\<>]{4,})",
        anchored=True,
    ),
    Format(
        "session-cookie",
        "A session cookie.",
        ("_session=", "sessionid=", "session_id=", "phpsessid=", "jsessionid=", "connect.sid="),
        r"(?:_session|sessionid|session_id|phpsessid|jsessionid|connect\.sid)=(?P<s>[^\s\"';,<>&]{8,})",
        anchored=True,
        needs=("=",),
    ),
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
        rf"(?P<s>(?![\[(<$*{{-]|{_FILE})[^\s\"'<>]{{6,}})",
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
    # Language-model providers.
    _prefixed("anthropic", "An Anthropic key.", "sk-ant-", least=16),
    _prefixed("openrouter", "An OpenRouter key.", "sk-or-", least=16),
    _prefixed("openai", "An OpenAI key.", "sk-proj-", "sk-svcacct-", "sk-admin-", "sk-None-", least=16),
    _begins("openai-legacy", "An OpenAI key, or one of a compatible service.", ("sk-",), r"sk-[A-Za-z0-9]{20,}"),
    _prefixed("groq", "A Groq key.", "gsk_", least=30),
    _prefixed("xai", "An xAI key.", "xai-", least=40),
    _prefixed("perplexity", "A Perplexity key.", "pplx-", least=30),
    _prefixed("replicate", "A Replicate token.", "r8_", least=30),
    _prefixed("fireworks", "A Fireworks key.", "fw_", least=20, body="[A-Za-z0-9]"),
    _prefixed("cerebras", "A Cerebras key.", "csk-", least=30),
    _prefixed("nvidia", "An NVIDIA key.", "nvapi-", least=40),
    _prefixed("tavily", "A Tavily key.", "tvly-", least=20),
    _prefixed(
        "langsmith", "A LangSmith or Langfuse key.", "lsv2_pt_", "lsv2_sk_", "sk-lf-", "pk-lf-", "ls__", least=20
    ),
    _prefixed("hugging-face", "A Hugging Face token.", "hf_", "api_org_", least=28, body="[A-Za-z0-9]"),
    _prefixed("together", "A Together key.", "tgp_v1_", least=20),
    _prefixed("pinecone", "A Pinecone key.", "pcsk_", least=30),
    _prefixed("elevenlabs", "An ElevenLabs or similar key.", "sk_", least=40, body="[0-9a-f]"),
    # Clouds.
    _begins(
        "aws-access-key-id",
        "An AWS access key id.",
        ("akia", "asia", "aroa", "aida", "abia", "acca", "agpa", "aipa", "anpa", "anva", "a3t"),
        r"(?:A3T[A-Z0-9]|AKIA|ASIA|AROA|AIDA|ABIA|ACCA|AGPA|AIPA|ANPA|ANVA)[A-Z0-9]{16}(?![A-Za-z0-9])",
        exact=True,
    ),
    _begins(
        "aws-bedrock",
        "An Amazon Bedrock key.",
        ("absk", "bedrock-api-key-"),
        r"(?:ABSK|bedrock-api-key-)[A-Za-z0-9+/]{20,}={0,2}",
    ),
    _prefixed(
        "aws-session-token",
        "A session token of AWS.",
        *("IQoJb3JpZ2lu", "FwoGZXIvYXdz", "FQoGZXIvYXdz", "AgoJb3JpZ2lu"),
        least=40,
        body="[A-Za-z0-9+/=%]",
        exact=True,
    ),
    Format("aws-mws", "An Amazon marketplace token.", ("amzn.mws.",), rf"amzn\.mws\.{_UUID}", anchored=True),
    Format(
        "signed-url",
        "The signature or session of a signed URL.",
        ("signature=", "sig=", "x-amz-security-token=", "x-amz-credential=", "x-goog-credential="),
        r"(?:[?&;]|,\s?)(?:x-(?:amz|goog)-)?(?:signature|sig|security-token|credential)=(?P<s>[\w%+/.~=-]{16,})",
    ),
    _begins("google-api", "A Google API key.", ("aiza",), r"AIza[\w-]{30,}"),
    _begins(
        "google-oauth",
        "A Google OAuth secret or token.",
        ("gocspx-", "ya29."),
        r"(?:GOCSPX-[\w-]{20,}|ya29\.[\w.-]{20,})",
    ),
    _begins("google-refresh", "A Google refresh token.", ("1//0",), r"1//0[\w-]{30,}"),
    _begins(
        "google-oauth-client",
        "A Google OAuth client.",
        (".apps.googleusercontent.com",),
        r"\d{8,}-[0-9a-z]{20,}(?=\.apps\.googleusercontent\.com)",
    ),
    Format(
        "azure-client-secret",
        "A secret of a Microsoft Entra application, from the mark in it on.",
        ("q~",),
        r"(?<=[\w~.]{3}\d)Q~[\w~.-]{31,34}(?![\w~-])",
        exact_case=True,
        anchored=True,
    ),
    Format(
        "azure-connection-string",
        "The key of an Azure connection string.",
        ("accountkey=", "sharedaccesskey=", "sharedaccesssignature=", "accesskey="),
        r"(?:account|sharedaccess|access)(?:key|signature)=(?P<s>[A-Za-z0-9+/%=&_.-]{16,})",
        anchored=True,
    ),
    Format(
        "azure-function-key",
        "An Azure key with its checksum mark.",
        (),
        r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{28,80}(?:AzFu|\+ASt|ACDb|AAaC|AzSe|APIM|\+ACR|AIoT|JQQJ99)[A-Za-z0-9+/]{4,44}={0,2}",
        exact_case=True,
        needs=("AzFu", "+ASt", "ACDb", "AAaC", "AzSe", "APIM", "+ACR", "AIoT", "JQQJ99"),
    ),
    _prefixed("alibaba", "An Alibaba access key id.", "LTAI", least=16, body="[A-Za-z0-9]", exact=True),
    _begins("tencent", "A Tencent secret id.", ("akid",), r"AKID[A-Za-z0-9]{30,}", exact=True),
    _prefixed("digitalocean", "A DigitalOcean token.", "dop_v1_", "doo_v1_", "dor_v1_", least=40, body="[0-9a-f]"),
    _begins("cloudflare-origin", "A Cloudflare origin key.", ("v1.0-",), r"v1\.0-[0-9a-f]{20,}-[0-9a-f]{100,}"),
    _prefixed("heroku", "A Heroku key.", "HRKU-", least=30),
    _prefixed("vercel", "A Vercel token.", "vercel_blob_rw_", "vcp_", "vci_", "vca_", "vcr_", "vck_", least=20),
    _prefixed("netlify", "A Netlify token.", "nfp_", "nfc_", "nfo_", least=30),
    _begins(
        "fly-io",
        "A Fly.io token.",
        ("fo1_", "fm1", "fm2_"),
        r"(?:fo1_[\w-]{30,}|fm1[ar]_[A-Za-z0-9+/]{40,}={0,3}|fm2_[A-Za-z0-9+/]{40,}={0,3})",
    ),
    _begins(
        "supabase",
        "A Supabase key.",
        ("sbp_", "sb_secret_", "sb_publishable_"),
        r"(?:sbp_[0-9a-f]{30,}|sb_(?:secret|publishable)_[\w-]{20,})",
    ),
    _prefixed("render", "A Render key.", "rnd_", least=24, body="[A-Za-z0-9]"),
    _prefixed("neon", "A Neon key.", "napi_", least=30),
    _prefixed("scalingo", "A Scalingo token.", "tk-us-", "tk-eu-", least=40),
    _prefixed("oracle-ocid", "An Oracle token.", "ocid1.credential", least=20, body=r"[\w.-]"),
    _begins(
        "yandex",
        "A Yandex Cloud token or key.",
        ("aqvn", "t1.", "ycaj", "yca", "ycm", "y0_", "y1_", "yc"),
        r"(?:AQVN[\w-]{30,}|t1\.[A-Z0-9a-z_-]{4,}={0,2}\.[A-Z0-9a-z_-]{80,}={0,2}|YC[\w-]{38}(?![\w-])|y[0-3]_[\w-]{50,})",
        exact=True,
    ),
    _prefixed(
        "planetscale",
        "A PlanetScale credential.",
        "pscale_tkn_",
        "pscale_pw_",
        "pscale_oauth_",
        least=30,
        body=r"[\w.=-]",
    ),
    _prefixed("databricks", "A Databricks token.", "dapi", "dose", "dkea", least=32, body="[0-9a-f-]"),
    _prefixed("tailscale", "A Tailscale key.", "tskey-", least=16),
    _prefixed("ngrok", "An ngrok key.", "ngrok_", "ak_2", "cr_2", least=24, body=r"[A-Za-z0-9_]"),
    Format("terraform", "A Terraform Cloud token.", (".atlasv1.",), r"[A-Za-z0-9]{10,20}\.atlasv1\.[\w=-]{40,}"),
    _prefixed("vault", "A HashiCorp Vault token.", "hvs.", "hvb.", "hvr.", least=20, exact=True),
    Format(
        "vault-legacy",
        "A HashiCorp Vault token of an earlier form.",
        (),
        r"(?<![\w.])[sb]\.(?=[A-Za-z]*\d)[A-Za-z0-9]{24}(?![\w.(-])",
        exact_case=True,
        needs=("s.", "b."),
        word_chars=24,
    ),
    _prefixed("pulumi", "A Pulumi token.", "pul-", least=36, body="[0-9a-f]"),
    _prefixed(
        "doppler",
        "A Doppler token.",
        "dp.pt.",
        "dp.st.",
        "dp.ct.",
        "dp.sa.",
        "dp.scim.",
        "dp.audit.",
        "dp.said.",
        least=30,
        body=r"[\w.-]",
    ),
    _prefixed("infisical", "An Infisical token.", "st.", least=50, body=r"[0-9a-f.]"),
    _prefixed("harness", "A Harness token.", "pat.", "sat.", least=50, body=r"[\w.-]"),
    _prefixed("openshift", "An OpenShift token.", "sha256~", least=40),
    _prefixed("prefect", "A Prefect key.", "pnu_", "pnb_", least=30, body="[A-Za-z0-9]"),
    _prefixed("octopus", "An Octopus Deploy key.", "API-", least=26, body="[A-Z0-9]", exact=True),
    _prefixed("clickhouse", "A ClickHouse Cloud key.", "4b1d", least=38, body="[A-Za-z0-9]"),
    _prefixed("confluent", "A Confluent Cloud secret.", "cflt", least=50, body=r"[\w+/]"),
    # Code hosts, builds and registries.
    _prefixed("github", "A GitHub token.", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", least=30),
    _prefixed("github-fine-grained", "A fine-grained GitHub token.", "github_pat_", least=30),
    _prefixed("github-app", "A GitHub runner or app token.", "v1.", least=40, body="[0-9a-f]"),
    _prefixed(
        "gitlab",
        "A GitLab token.",
        *("glpat-", "gloas-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "glwt-"),
        *("glsoat-", "glffct-", "GR1348941"),
        least=15,
        body=r"[\w.=-]",
    ),
    _prefixed(
        "bitbucket",
        "A Bitbucket or Atlassian token.",
        "ATBB",
        "ATCTT3",
        "ATATT3",
        "ATOA",
        least=24,
        body=r"[\w=+/-]",
        exact=True,
    ),
    _prefixed("npm", "An npm token.", "npm_", least=30, body="[A-Za-z0-9]"),
    _prefixed("python-package-index", "A token of a Python package index.", "pypi-", least=32),
    _prefixed("rubygems", "A RubyGems key.", "rubygems_", least=40, body="[0-9a-f]"),
    _prefixed("crates", "A crates.io token.", "cio", least=32, body="[A-Za-z0-9]"),
    _prefixed("nuget", "A NuGet key.", "oy2", least=43, body="[a-z0-9]"),
    _prefixed("clojars", "A Clojars token.", "CLOJARS_", least=50, body="[a-z0-9]"),
    _prefixed("docker", "A Docker Hub token.", "dckr_pat_", "dckr_oat_", least=20),
    _prefixed("jfrog", "A JFrog key or token.", "AKCp", "cmVmd", least=40, body="[A-Za-z0-9+/=]", exact=True),
    _prefixed("circleci", "A CircleCI token.", "CCIPAT_", "CCIPRJ_", least=20),
    _prefixed("buildkite", "A Buildkite token.", "bkua_", "bkat_", "bkct_", "bkaj_", least=30, body="[A-Za-z0-9]"),
    _prefixed("sonar", "A Sonar token.", "squ_", "sqp_", "sqa_", "sqb_", least=30),
    _prefixed("sourcegraph", "A Sourcegraph token.", "sgp_", "slk_", least=40),
    _prefixed("snyk", "A Snyk token.", "snyk_uat.", "snyk_sat.", least=20, body=r"[\w.-]"),
    _prefixed("infracost", "An Infracost key.", "ico-", least=30, body="[A-Za-z0-9]"),
    _prefixed("readme", "A ReadMe key.", "rdme_", least=60, body="[a-z0-9]"),
    _prefixed("postman", "A Postman key.", "PMAK-", "PMAT-", least=24),
    _prefixed("linear", "A Linear key.", "lin_api_", "lin_oauth_", least=30),
    _prefixed("settlemint", "A SettleMint token.", "sm_aat_", "sm_pat_", "sm_sat_", least=14, body="[A-Za-z0-9]"),
    _prefixed("intra42", "A 42 secret.", "s-s4t2ud-", "s-s4t2af-", least=50),
    _prefixed("defined-networking", "A Defined Networking key.", "dnkey-", least=40),
    _begins(
        "authress",
        "An Authress key.",
        ("authress_", "scauth_", "sc_", "ext_"),
        r"(?:authress|scauth|sc|ext)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[\w+/=-]{30,}",
    ),
    _prefixed("ory", "An Ory token.", "ory_at_", "ory_rt_", "ory_pat_", "ory_st_", least=20),
    _prefixed("stytch", "A Stytch secret.", "secret-test-", "secret-live-", least=30),
    # Chat, mail, telephony.
    _begins(
        "slack", "A Slack token.", ("xox", "xapp-", "xwfp-"), r"(?:xox[a-z](?:\.xox[a-z])?-|xapp-|xwfp-)[\w.-]{6,}"
    ),
    Format(
        "discord",
        "A Discord bot token.",
        (),
        r"(?<![\w-])[MNO][\w-]{23,28}\.[\w-]{6}\.[\w-]{27,}",
        exact_case=True,
        needs=(".",),
    ),
    Format(
        "telegram",
        "A Telegram bot token, behind the bot's number.",
        (":a",),
        r"(?<=\d{5}):(?P<s>A[\w-]{34})(?![\w-])",
        exact_case=True,
        anchored=True,
    ),
    _prefixed("sendgrid", "A SendGrid key.", "SG.", least=40, body=r"[\w.=-]"),
    _prefixed("sendinblue", "A Brevo key.", "xkeysib-", "xsmtpsib-", least=40, body="[a-z0-9-]"),
    _prefixed("resend", "A Resend key.", "re_", least=30),
    _begins("mailgun", "A Mailgun key.", ("key-", "pubkey-"), r"(?:pub)?key-[0-9a-f]{32}"),
    Format(
        "mailgun-signing",
        "A Mailgun key.",
        (),
        r"(?<![A-Za-z0-9])[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}(?![\w-])",
        needs=("-",),
        word_chars=32,
    ),
    Format("mailchimp", "A Mailchimp key.", ("-us",), r"(?<![A-Za-z0-9])[0-9a-f]{32}-us\d{1,2}(?!\d)"),
    Format(
        "twilio",
        "A Twilio key or account.",
        (),
        r"(?<![A-Za-z0-9])(?:SK|AC)[0-9a-fA-F]{32}(?![A-Za-z0-9])",
        exact_case=True,
        needs=("SK", "AC"),
        word_chars=34,
    ),
    _prefixed(
        "stripe",
        "A Stripe key, or one of a service that follows its form.",
        "sk_test_",
        "sk_live_",
        "sk_prod_",
        "rk_live_",
        "rk_test_",
        "rk_prod_",
        "pk_live_",
        "pk_test_",
        least=10,
    ),
    # Money and shops.
    _prefixed("stripe-webhook", "A webhook signing secret.", "whsec_", least=20, body=r"[\w+/=]"),
    _prefixed("square", "A Square token.", "EAAA", "sq0atp-", "sq0csp-", "sq0idp-", least=20, exact=True),
    _prefixed(
        "facebook",
        "A Facebook token.",
        "EAAM",
        "EAAC",
        "EAAG",
        "EAAB",
        "EAAD",
        "EAAJ",
        "EAAW",
        "EAAX",
        least=20,
        body="[A-Za-z0-9]",
        exact=True,
    ),
    Format(
        "facebook-app",
        "A Facebook app token, behind the app's number.",
        ("|", "%"),
        r"(?<=\d{15})[|%](?:7c)?(?P<s>[\w-]{27,40})(?![\w-])",
        anchored=True,
    ),
    _prefixed("instagram", "An Instagram token.", "IGQV", "IGAA", least=40, exact=True),
    Format(
        "paypal",
        "A PayPal token.",
        ("access_token$production$", "access_token$sandbox$"),
        r"access_token\$(?:production|sandbox)\$[0-9a-z]{10,}\$[0-9a-f]{32}",
        anchored=True,
    ),
    _prefixed(
        "shopify",
        "A Shopify token.",
        "shpat_",
        "shpca_",
        "shppa_",
        "shpss_",
        "shpua_",
        "shptka_",
        "shprt_",
        "shpit_",
        least=24,
    ),
    _prefixed("shippo", "A Shippo token.", "shippo_live_", "shippo_test_", least=30),
    _prefixed("easypost", "An EasyPost key.", "EZAK", "EZTK", least=40, body="[A-Za-z0-9]"),
    _prefixed("duffel", "A Duffel token.", "duffel_test_", "duffel_live_", least=36, body=r"[\w=-]"),
    _prefixed(
        "flutterwave",
        "A Flutterwave key.",
        "FLWSECK_TEST-",
        "FLWPUBK_TEST-",
        "FLWSECK_TEST",
        "FLWSECK-",
        "FLWPUBK-",
        least=12,
    ),
    _prefixed(
        "lob-or-gocardless", "A Lob, GoCardless or similar key.", "live_", "test_", least=34, body=r"[A-Za-z0-9=-]"
    ),
    Format(
        "lob-publishable",
        "A Lob publishable key.",
        ("live_pub_", "test_pub_"),
        r"(?:live|test)_pub_[0-9a-f]{24,}",
        anchored=True,
    ),
    Format(
        "plaid", "A Plaid token.", ("access-",), rf"access-(?:sandbox|development|production)-{_UUID}", anchored=True
    ),
    _prefixed("razorpay", "A Razorpay key.", "rzp_live_", "rzp_test_", least=14, body="[A-Za-z0-9]"),
    _prefixed("frame-io", "A Frame.io token.", "fio-u-", least=50),
    # Watching and data.
    _prefixed("grafana", "A Grafana token.", "glc_", "glsa_", least=30, body=r"[\w+/=]"),
    _prefixed("new-relic", "A New Relic key.", "NRAK-", "NRII-", "NRJS-", "NRIQ-", "NRRA-", "NRSP-", least=16),
    Format("new-relic-ingest", "A New Relic ingest key.", (), r"(?<![0-9A-Za-z])[0-9a-f]{36}NRAL", word_chars=40),
    _prefixed(
        "dynatrace",
        "A Dynatrace token.",
        "dt0c01.",
        "dt0s01.",
        "dt0s02.",
        "dt0s16.",
        "dt0e01.",
        least=60,
        body=r"[\w.]",
    ),
    _prefixed("sentry", "A Sentry token.", "sntrys_", "sntryu_", "sntrya_", least=40, body=r"[\w+/=]"),
    Format(
        "sentry-dsn", "A Sentry DSN.", (".ingest.", "sentry"), r"https?://(?P<s>[0-9a-f]{32})(?=(?::[0-9a-f]{32})?@)"
    ),
    _prefixed("notion", "A Notion token.", "ntn_", "secret_", least=40, body="[A-Za-z0-9]"),
    _prefixed("adafruit", "An Adafruit key.", "aio_", least=24, body="[A-Za-z0-9]"),
    _prefixed("typeform", "A Typeform token.", "tfp_", least=50, body=r"[\w.=-]"),
    _begins("airtable", "An Airtable token.", ("pat",), r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    Format(
        "asana",
        "An Asana token.",
        (),
        r"(?<![\w/])[0-2]/\d{15,17}(?:/\d{15,17})?:[0-9a-f]{32}",
        needs=("/",),
        word_chars=32,
    ),
    _begins("mapbox", "A Mapbox token.", ("pk.", "sk.", "tk."), r"[pst]k\.[A-Za-z0-9]{50,}\.[\w-]{20,}"),
    _prefixed("adobe", "An Adobe client secret.", "p8e-", least=30, body="[A-Za-z0-9]"),
    _prefixed("maxmind", "A MaxMind key.", "mmk_", least=30),
    _begins("maxmind-licence", "A MaxMind licence key.", ("_mmk",), r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"),
    _prefixed("dropbox", "A Dropbox token.", "sl.", least=100, body=r"[\w=-]"),
    _prefixed("figma", "A Figma token.", "figd_", "figo_", "figor_", least=30),
    _prefixed("contentful", "A Contentful token.", "CFPAT-", least=40),
    _prefixed("hubspot", "A HubSpot token.", "pat-na1-", "pat-na2-", "pat-eu1-", "pat-ap1-", least=30),
    _prefixed("posthog", "A PostHog key.", "phc_", "phx_", "phs_", least=40, body="[A-Za-z0-9]"),
    _prefixed("launchdarkly", "A LaunchDarkly key.", "sdk-", "mob-", "api-", least=36, body="[0-9a-f-]"),
    _prefixed("beamer", "A Beamer key.", "b_", least=44, body=r"[\w=-]"),
    _prefixed(
        "twitter-bearer", "A bearer token of X.", "AAAAAAAAAAAAAAAAAAAA", least=40, body=r"[\w%+/=-]", exact=True
    ),
    _prefixed("okta", "An Okta token.", "SSWS ", least=30),
    Format(
        "sidekiq",
        "A Sidekiq licence.",
        ("contribsys",),
        r"contribsys[_.]{1,2}com[\"']?\s{0,3}[=: ]\s{0,3}[\"']?(?P<s>[0-9a-f]{8}:[0-9a-f]{8})",
        anchored=True,
    ),
    _prefixed("deno", "A Deno token.", "ddp_", "ddw_", "ddo_", least=30, body="[A-Za-z0-9]"),
    _prefixed("val-town", "A Val Town token.", "vtwn_", least=20),
    _prefixed("zuplo", "A Zuplo key.", "zpka_", least=30),
    _prefixed("unkey", "An Unkey, Clerk or Polar key.", "unkey_", "polar_pat_", "polar_oat_", "polar_whs_", least=20),
    _prefixed("hcaptcha", "A captcha secret.", "ES_", least=32, body="[0-9a-f]"),
    _begins("recaptcha", "A reCAPTCHA key.", ("6l",), r"6L[ecd][\w-]{37}(?![\w-])", exact=True),
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
