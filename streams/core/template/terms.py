"""Words and forms whose digits name something: keys of codes, technical terms, error codes."""

import re

# A number right after one of these keys (`code=5`, `"code":5`, `code:5`) names the problem.
_CODE_KEYS = """
code errcode errorcode errorno exitcode returncode resultcode retcode rc exitstatus errno signal
signum hresult ntstatus winerror
"""
_STATUS_KEYS = "status statuscode httpstatus httpcode httpstatuscode responsecode"
_STATE_KEYS = "sqlstate sqlcode"
_COUNTED = "CPU|GPU|TID|PID|UID|GID|ID|SEQ|ROW|COL|VM|PC|TASK|JOB|NODE|HOST|SLOT|PORT|CORE|PART|RACK"
_CODE_FORM = rf"(?!(?:{_COUNTED})\d)[A-Z]{{1,5}}\d{{3,6}}"
_NUMBER = re.compile(rf"-?\d{{1,6}}|\d[xX][0-9a-fA-F]{{1,8}}|{_CODE_FORM}")
_STATUS = re.compile(r"\d{3}|-\d{1,3}")
_STATE = re.compile(r"[0-9A-Z]{5}|-?\d{1,5}")
# The enhanced status of mail (RFC 3463): delivered, try again, refused, each with its reason.
_NEGATIVE = re.compile(r"-\d{1,3}")
_MAIL_STATUS = re.compile(r"\d\.\d{1,3}\.\d{1,3}")
# The error of a graphics card; the transactions and requests that others call so have longer numbers.
_CARD_ERROR = re.compile(r"\d{1,3}")
KEPT_AFTER: dict[str, re.Pattern[str]] = (
    dict.fromkeys(_CODE_KEYS.split(), _NUMBER)
    | dict.fromkeys(_STATUS_KEYS.split(), _STATUS)
    | dict.fromkeys(_STATE_KEYS.split(), _STATE)
    | {"dsn": _MAIL_STATUS, "ret": _NEGATIVE, "retval": _NEGATIVE, "xid": _CARD_ERROR}
)
"""Key, in lower case and without `_-.`, and the form that its value keeps."""

_PLACES = """
user username login logname ruser host hostname rhost server node nodename pod podname container instance session
sessionid tenant customer account machine vm agent runner peer client remote region zone cluster namespace ns
shard broker owner uid relay upstream addr address database dbname vhost image
"""
PLACE_KEYS = frozenset(_PLACES.split())
"""Keys, in lower case, whose value says who or where: `user=bob`; it goes, whatever word it is."""

_KEY_ENDINGS = ("_name", "-name", "Name", "_id", "-id", "Id", "ID")


def is_place_key(key: str) -> bool:
    """Whether a key is one of `PLACE_KEYS`, or one with `name` or `id` behind it (`containerName`, `pod_id`)."""
    if key.lower() in PLACE_KEYS:
        return True
    return key.endswith(_KEY_ENDINGS) and re.sub("[_-]?(?:name|id)$", "", key.lower()) in PLACE_KEYS


_SWITCHES = "true false True False TRUE FALSE null NULL none None nil undefined"
SWITCHES = frozenset(_SWITCHES.split())

# Shapes (every digit written 0) of terms whose number tells two things apart: it stays.
_TERMS = """
sha0 sha-0 sha000 sha-000 ipv0 http000 int0 int00 int000 uint0 uint00 uint000 float00 float000 bfloat00 bf00 fp00
python0 python00 tlsv0 tlsv0.0 sslv0 sslv0.0 tls0.0 c++00 utf0 utf00 utf-0 utf-00 sm_00 compute_00
glibc_0.0 glibc_0.00 glibcxx_0.0.0 glibcxx_0.0.00 cxxabi_0.0.0 cxxabi_0.0.00 cp00 cp000
"""
TERMS = frozenset(_TERMS.split())

# Shapes of terms that are names all the same: their letters stay.
_NAMES = """
md0 base00 x00 x00_00 x00-00 amd00 arm00 aarch00 win00 wow00 k0s ec0 http0 oauth0 log0j
p0p b0b e0e i00n a00y latin0 bzip0 lua0 h0 web0 c0
"""
NAMES = frozenset(_NAMES.split())

_OWN_CODE = re.compile(
    r"(?:ORA|PLS|TNS|DPI|RMAN|JBAS|WFLY|BEA)-?\d{4,6}|AADSTS\d{5,7}|CVE-\d{4}-\d{4,7}|SQL\d{4,5}[NCW]|HY\d{3}"
    r"|(?:TS|CS|LNK|MSB|NU|SC|DL|NETSDK|SYSLIB|BC|FS|CA|RS)\d{3,5}"
    # the status of Windows for an error, in eight digits: an address of Go has ten
    r"|\d[xX][Cc]\d{3}[0-9A-Fa-f]{4}"
)
_HEX_PREFIX = frozenset("xX")
_CODE = re.compile(_CODE_FORM)
_CODE_BEFORE_COLON = re.compile(rf"{_CODE_FORM}|[A-Z]{{2,5}}[-_]\d{{3,5}}")


def is_code(word: str) -> bool:
    """Whether a word has the form of a tool's error code (`E1001`); where it stands must say the rest."""
    return word[-1:].isdigit() and word[:1].isupper() and bool(_CODE.fullmatch(word))


def is_error_code(atom: str, after: str) -> bool:
    """Whether an atom is a tool's own error code; `after` is the character behind it.

    Well-known families are codes anywhere, other capitals with a number only as a label: `XY123:` or `[XY123]`.
    """
    if not atom[0].isupper() and atom[1:2] not in _HEX_PREFIX:
        return False
    if _OWN_CODE.fullmatch(atom):
        return True
    return bool(after and after in ":]" and _CODE_BEFORE_COLON.fullmatch(atom))
