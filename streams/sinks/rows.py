"""What stores answer with: rows of a page, made of the records that a store keeps. Every store's queries share them."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from streams.contract.alias import Alias, weightier
from streams.contract.errors import MalformedRecord
from streams.contract.fingerprint import Fingerprint
from streams.contract.fold import WHERE_SEPARATOR
from streams.contract.rollup import Rollup
from streams.contract.verdict import Verdict
from streams.core.alias import grouped
from streams.core.ladder import strength
from streams.core.redact import redact
from streams.sinks.base import (
    ALIKE_MAX,
    AT_THE_GATEWAY,
    NO_MEMBERS,
    REJECTED_BYTES_SHOWN,
    GroupRow,
    KindSeries,
    Members,
    RejectedRow,
)

HOUR_MS = 3_600_000
SPARK_HOURS = 24
SEARCH_CHARS_MAX = 4_000
SEARCH_WORDS_MAX = 16
WHERE_SHOWN = 5
TITLE_CHARS_MAX = 300
RULE_CHARS_MIN = 3
"""So many of one character at both ends make a line a banner; `--- FAIL: TestPay` is none."""
ALIKE_READ_MAX = 1_000
"""Groups that are looked at for near duplicates of one; about 40 ms."""
SITES_READ_MAX = 1_000
"""Newest documents of a group whose call sites are counted."""
_utf8 = codecs.getincrementaldecoder("utf-8")


@dataclass(frozen=True, slots=True)
class Joined:
    """What is true of all fingerprints of a row together."""

    key: str
    """The group's name, or the fingerprint of one that is alone."""
    is_alone: bool
    fingerprint: str
    fingerprints: int
    count: int
    first_ms: int
    last_ms: int


def whole(rollup: Rollup) -> tuple[Verdict, Fingerprint]:
    """What the row that counts all carries beside its counts. Raises `MalformedRecord` when it does not."""
    if rollup.verdict is None or rollup.parts is None:
        raise MalformedRecord("the row that counts all carries its verdict and its fingerprint", place=rollup.key)
    return rollup.verdict, rollup.parts


def search_text(rollup: Rollup) -> str:
    """Where the words of `GroupFilter.text` are looked for: fingerprint, template and samples, case folded, cut."""
    _, parts = whole(rollup)
    text = "\n".join((rollup.fingerprint, parts.template, *(sample.text for sample in rollup.samples)))
    return text[:SEARCH_CHARS_MAX].casefold()


def search_words(text: str) -> list[str]:
    """The words of a search, all of which a group must hold; at most SEARCH_WORDS_MAX."""
    return text.casefold().split()[:SEARCH_WORDS_MAX]


def spark_hours(now_ms: int) -> tuple[int, int]:
    """Start of the first and of the last hour of a spark."""
    last = now_ms - now_ms % HOUR_MS
    return last - (SPARK_HOURS - 1) * HOUR_MS, last


def sparks_of(
    fingerprints: Iterable[str], counted: Iterable[tuple[str, int, int]], first_ms: int
) -> dict[str, tuple[int, ...]]:
    """Counts by hour from `first_ms`, of (fingerprint, start of the hour, count)."""
    sparks = {fingerprint: [0] * SPARK_HOURS for fingerprint in fingerprints}
    for fingerprint, start_ms, number in counted:
        sparks[fingerprint][(start_ms - first_ms) // HOUR_MS] = number
    return {fingerprint: tuple(spark) for fingerprint, spark in sparks.items()}


def series_of(counts: Mapping[tuple[str, str, str], list[int]]) -> tuple[KindSeries, ...]:
    """The lines of a chart, largest first, from counts by (origin, kind, family)."""
    series = (KindSeries(*name, counts=tuple(c), total=sum(c)) for name, c in counts.items())
    return tuple(sorted(series, key=lambda s: (-s.total, s.origin, s.kind, s.family)))


def alike_of(rollup: Rollup, others: list[Rollup]) -> list[Rollup]:
    """Those of `others` that the alias rules would join with the row, in their order, at most ALIKE_MAX."""
    others = [one for one in others if not one.group or one.group != rollup.group]
    names = grouped([whole(one)[1] for one in (rollup, *others)])
    return [one for one, name in zip(others, names[1:], strict=True) if name == names[0]][:ALIKE_MAX]


def aliases_of(rollups: Iterable[Rollup]) -> tuple[Alias, ...]:
    """What rows tell of each other, each alias once; of two words on the same pair the one that holds."""
    found: dict[str, Alias] = {}
    for alias in (alias for rollup in rollups for alias in rollup.aliases):
        found[alias.key] = weightier(found.get(alias.key, alias), alias)
    return tuple(found[key] for key in sorted(found))


def alone(rollup: Rollup) -> Members:
    """The members where there is no other: what was said of it may still be told."""
    return Members(aliases=rollup.aliases) if rollup.aliases else NO_MEMBERS


def group_row(rollup: Rollup, spark: tuple[int, ...]) -> GroupRow:
    verdict, parts = whole(rollup)
    return GroupRow(
        fingerprint=rollup.fingerprint,
        origin=rollup.origin.value,
        template=parts.template,
        title=title_of(rollup.samples[0].text if rollup.samples else "", parts.template, verdict.evidence),
        kind=verdict.kind,
        family=verdict.family,
        source=verdict.source.value,
        confidence=verdict.confidence,
        count=rollup.count,
        first_seen_ms=rollup.first_at_ms,
        last_seen_ms=rollup.last_at_ms,
        where=tuple(largest(rollup.counts)),
        spark=spark,
    )


def joined_row(rollups: Sequence[Rollup], sparks: Mapping[str, Sequence[int]], of_all: Joined) -> GroupRow:
    """The row of fingerprints that aliases join, from those seen last, the last first, and what is true of all."""
    newest = rollups[0]
    best = max(rollups, key=lambda one: (strength(_verdict(one)), one.fingerprint))
    counts: Counter[str] = Counter()
    for one in rollups:
        counts.update(one.counts)
    spark = tuple(map(sum, zip(*(sparks[one.fingerprint] for one in rollups), strict=True)))
    return replace(
        group_row(newest, spark),
        fingerprint=of_all.fingerprint,
        kind=_verdict(best).kind,
        family=_verdict(best).family,
        source=_verdict(best).source.value,
        confidence=_verdict(best).confidence,
        count=of_all.count,
        first_seen_ms=of_all.first_ms,
        last_seen_ms=of_all.last_ms,
        where=tuple(largest(counts)),
        fingerprints=of_all.fingerprints,
    )


def _verdict(rollup: Rollup) -> Verdict:
    return whole(rollup)[0]


def rejected_row(at_ms: int, said: Mapping[str, str], size_bytes: int, head: bytes) -> RejectedRow:
    """A row from a record's headers, as `streams.contract.wire.rejected_headers` writes them, and its beginning."""
    place = said.get("__streams.errors.stacktrace", "")
    return RejectedRow(
        at_ms=at_ms,
        topic=AT_THE_GATEWAY if said.get("dlq.stage") == AT_THE_GATEWAY else said.get("__streams.errors.topic", ""),
        reason=redact(said.get("__streams.errors.message", "").removesuffix(f" (at {place})")),
        place=place,
        size_bytes=size_bytes,
        text=text_of(head),
    )


def text_of(head: bytes) -> str:
    """Bytes as text. What arrived is kept as it was, so credentials are taken out here, before anybody sees them."""
    is_whole = len(head) < REJECTED_BYTES_SHOWN
    # not final: a character that the cut broke is left out
    return redact(_utf8("backslashreplace").decode(head, final=is_whole))


def title_of(sample: str, template: str, evidence: str) -> str:
    """One line for people: the first of the sample, or of the template; the evidence where that line is a banner."""
    first = _first_line(sample or template)
    if evidence and _is_banner(first) and evidence in sample:
        first = _first_line(evidence) or first
    return (first or "(no message)")[:TITLE_CHARS_MAX]


def _first_line(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line), "")


def _is_banner(line: str) -> bool:
    """Whether a line only opens a report: a rule of `=`, `-` or `_`, words in it or not, or a traceback's head."""
    if line.startswith(("Traceback (most recent call last):", 'File "')):
        return True
    rule = line[:1] * RULE_CHARS_MIN
    return line[:1] in ("=", "-", "_") and line.startswith(rule) and line.endswith(rule)


def largest(counts: dict[str, int]) -> Iterable[tuple[str, int]]:
    for place, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:WHERE_SHOWN]:
        yield " / ".join(name for name in place.split(WHERE_SEPARATOR) if name), number
