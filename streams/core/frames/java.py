"""Stack traces of the JVM: Java, Kotlin, Scala, Groovy, Clojure, Android."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from streams.core.frames.stack import CHAIN_MAX, FRAMES_MAX, MESSAGE_CHARS_MAX, Found, Frame, Trace, collapse

LANGUAGE = "java"
MARKS = ("\tat ", " at ", "at ", "Caused by: ")

_FRAME = re.compile(
    r"\s*at (?:[\w.@-]{0,100}/){0,2}((?:[\w$-]{1,150}\.){0,30}[\w$<>-]{1,150}(?:/0x[0-9a-f]{1,16}|/\d{1,20})?)"
    r"\.([\w$<>-]{1,200})\(([\w$.-]{1,150}(?::-?\d{1,9})?|Native [Mm]ethod|Unknown Source|<generated>|<[\w ]{1,60}>)\)"
)
_RAISED = re.compile(
    r"(?:Exception in thread \"[^\"]{0,200}\" |Caused by: |Wrapped by: |Suppressed: |== Java Exception: "
    r"|\[?(?:ERROR|WARN|FATAL|SEVERE|E)\]?[ /:]\s?)?"
    r"((?:[\w$-]{1,100}[./]){1,20}[\w$]{1,150}|[A-Z]\w{0,100}(?:Exception|Error))(?:: ?(.*))?$"
)
_LINK = re.compile(r"(\s*)(Caused by|Wrapped by|Suppressed): ")
_MORE = re.compile(r"\s*\.\.\. \d{1,9} (?:more|common frames omitted)")
_INDENT_MAX = 200
_HEADER_DISTANCE_MAX = 20
"""Lines between an exception's first line and its first frame: a message may have several lines."""

_GENERATED = re.compile(
    r"\$\$(?:Lambda|EnhancerBy|FastClassBy|Spring|_javassist|Proxy|_Weld).{0,300}|\$\$\w{0,200}$|\$MockitoMock\$\d{1,20}"
    r"|_jvst\w{1,40}$|\$HibernateProxy\$\w{0,40}|\$ByteBuddy\$\w{0,40}"
)
_NUMBERED = re.compile(r"((?:Generated(?:Method|Constructor|SerializationConstructor)Accessor|\$Proxy))\d{1,9}")
_LAMBDA_NUMBER = re.compile(r"((?:lambda|\$anonfun)\$[\w$]{0,150}?)\$\d+$|(access)\$\d{3,}$")
_RUNTIME = (
    "java.", "javax.", "jdk.", "sun.", "com.sun.", "kotlin.", "kotlinx.", "scala.", "groovy.", "org.codehaus.groovy.",
    "org.apache.groovy.", "clojure.", "android.", "androidx.", "dalvik.", "com.android.internal.", "libcore.",
)  # fmt: skip
_FRAMEWORKS = (
    "org.junit.", "junit.", "org.testng.", "org.hamcrest.", "org.assertj.", "org.mockito.", "org.opentest4j.",
    "org.gradle.", "org.apache.maven.", "worker.org.gradle.", "org.springframework.", "org.apache.catalina.",
    "org.apache.tomcat.", "org.hibernate.", "io.netty.", "net.bytebuddy.", "org.eclipse.jetty.", "reactor.",
    "com.intellij.rt.", "org.kohsuke.", "hudson.", "jenkins.", "org.jenkinsci.", "org.scalatest.", "sbt.",
    "com.code_intelligence.jazzer.", "io.ktor.", "io.micronaut.", "io.quarkus.", "io.vertx.", "io.undertow.",
    "io.grpc.", "io.reactivex.", "rx.internal.", "akka.", "org.apache.pekko.", "play.api.", "play.core.", "zio.",
    "cats.effect.", "com.zaxxer.hikari.", "com.fasterxml.jackson.", "com.google.common.", "com.google.inject.",
    "okhttp3.", "retrofit2.", "feign.", "org.apache.http.", "org.apache.hc.", "org.glassfish.", "org.jboss.",
    "org.wildfly.", "org.postgresql.", "com.mysql.", "org.spockframework.", "io.kotest.", "io.mockk.",
    "org.robolectric.", "munit.", "org.scalacheck.", "leakcanary.",
)  # fmt: skip


@dataclass(slots=True)
class _Block:
    at: int
    link: str
    indent: int
    raised: str
    message: str
    calls: list[re.Match[str]] = field(default_factory=list)


def find(lines: Sequence[str]) -> Found | None:
    """Return the root cause of the last stack trace that has a frame, or None."""
    chain: list[_Block] = []
    latest: list[_Block] = []
    candidate: _Block | None = None
    for number, line in enumerate(lines):
        called = "at " in line[:_INDENT_MAX]
        if called and chain and len(chain[-1].calls) >= FRAMES_MAX and line.lstrip().startswith("at "):
            continue
        frame = _FRAME.match(line) if called else None
        if frame:
            if candidate is not None and number - candidate.at <= _HEADER_DISTANCE_MAX:
                if not candidate.link:
                    chain = []
                if len(chain) < CHAIN_MAX:
                    chain.append(candidate)
            elif candidate is None and not chain:
                chain = [_Block(number, "", 0, "", "")]
            candidate = None
            latest = chain
            if chain and len(chain[-1].calls) < FRAMES_MAX:
                chain[-1].calls.append(frame)
            continue
        if ("." not in line and "rror" not in line and "xception" not in line) or _MORE.match(line):
            continue
        header = _header(number, line)
        if header is None:
            continue
        if header.link and not chain and candidate is not None:
            chain = [candidate]
        if candidate is None or header.link or _is_better(candidate, header, number):
            candidate = header
        if header.link and chain and len(chain) < CHAIN_MAX:
            chain.append(header)
            latest, candidate = chain, None
    return _root(latest)


def _header(number: int, line: str) -> _Block | None:
    link = _LINK.match(line)
    indent = len(line) - len(line.lstrip())
    raised = _RAISED.match(line.lstrip())
    if not raised:
        return None
    name = raised[1].replace("/", ".") if raised[1].count("/") else raised[1]
    last = name.rsplit(".", 1)[-1]
    if not link and not (last[:1].isupper() and (raised[2] is not None or line.rstrip().endswith(last))):
        return None
    kind = link[2] if link else ""
    return _Block(number, kind, indent, name, (raised[2] or "")[:MESSAGE_CHARS_MAX])


def _is_better(old: _Block, new: _Block, number: int) -> bool:
    """Say whether a later header replaces one still without frames; a line of a message seldom names a throwable."""
    if number - old.at > _HEADER_DISTANCE_MAX:
        return True
    thrown = ("Exception", "Error", "Throwable", "Failure")
    return new.raised.endswith(thrown) or not old.raised.endswith(thrown)


def _root(chain: Sequence[_Block]) -> Found | None:
    """Follow the causes of the outermost exception; what was suppressed, and its own causes, are left out."""
    if not chain:
        return None
    first = chain[0]
    causes, wrapped, suppressed = [first], False, -1
    for block in chain[1:]:
        if block.link == "Suppressed":
            suppressed = block.indent
        elif suppressed >= 0 and block.indent >= suppressed:
            continue
        else:
            suppressed = -1
            wrapped = wrapped or block.link == "Wrapped by"
            causes.append(block)
    if wrapped:
        causes.reverse()
    root = causes[-1]
    calls = root.calls or next((b.calls for b in reversed(causes) if b.calls), [])
    if not calls:
        return None
    frames = collapse(_frame(call[1], call[2], call[3]) for call in calls)
    chain_types = tuple(b.raised for b in causes if b.raised)
    return Found(first.at, Trace(LANGUAGE, root.raised, root.message, frames, chain_types))


def frame_of(line: str) -> Frame | None:
    """Return the call that a line shows, or None."""
    call = _FRAME.match(line)
    return _frame(call[1], call[2], call[3]) if call else None


def class_frame(owner: str, method: str) -> Frame:
    """Return the frame of a method whose place is not known."""
    return _frame(owner, method, "")


def _frame(owner: str, method: str, place: str) -> Frame:
    module = stable_class(owner)
    function = stable_method(method)
    file, _, line = place.partition(":")
    in_app, reason = (False, "generated") if "$$Lambda" in owner or place == "<generated>" else _in_app(module)
    named = "" if " " in file or "<" in file else file
    return Frame(function, module, named, int(line) if line.isdigit() else None, in_app, reason)


def stable_class(name: str) -> str:
    """Return a class name without what proxies, lambdas and code generators append to it."""
    if "$" in name or "Accessor" in name or "_jvst" in name:
        name = _NUMBERED.sub(r"\1", _GENERATED.sub("", name))
    return name


def stable_method(name: str) -> str:
    """Return a method name without the number the compiler gave a lambda or an accessor."""
    if "$" not in name:
        return name
    return _LAMBDA_NUMBER.sub(lambda m: m[1] or m[2], name)


def _in_app(module: str) -> tuple[bool, str]:
    name = module + "."
    if name.startswith(_RUNTIME):
        return False, "runtime"
    if name.startswith(_FRAMEWORKS):
        return False, "framework"
    if "GeneratedMethodAccessor" in name or name.startswith(("$Proxy", "com.sun.proxy")):
        return False, "generated"
    return True, "own class"
