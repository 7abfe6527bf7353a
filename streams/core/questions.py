"""Which fingerprints the llm is to be asked about, and when again. The rows `asked` hold it; time comes as records."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from streams.contract.fold import SealedFold
from streams.contract.verdict import UNKNOWN, Unanswered, Verdict, VerdictSource
from streams.core.rows import AskedRow, FingerprintRow
from streams.core.tables import Tables
from streams.core.touched import Touched

LOST_MS = 7 * 86_400_000
"""A question that got no answer of any sort for so long is lost: its topic does not keep it longer."""
ASKED_AGAIN_MAX = 500
"""Questions that come again with one input record, about 2 KB each; the rest comes with the next ones. After an outage
of the llm all are due at once, and have to fit into transactions."""
SUCCESSION_MS = 60_000
"""How long a fingerprint that was another under the rules before is not asked about: its verdict may be on its way."""
NOTHING_KNOWN_MS = 30 * 86_400_000
"""After an answer `unknown` that does not say itself when to ask again."""


class Questions:
    """What was asked in one partition, and what is due."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._due: list[tuple[int, str]] = []
        """When to ask again, soonest first; an entry that the rows no longer bear out is passed over."""
        for key in tables.asked:
            row = tables.asked.get(key)
            if row is not None and not row.answered:
                self._due.append((row.again_ms, key))
        heapq.heapify(self._due)

    def answered(self, row: FingerprintRow, verdict: Verdict, touched: Touched) -> None:
        """What a verdict says about asking again: never of a person's, else when it says so itself."""
        key = verdict.fingerprint
        asked = self._tables.asked.get(key)
        if row.verdict.source is VerdictSource.HUMAN:
            again_ms = None
        elif verdict.source is VerdictSource.LLM:
            again_ms = verdict.recheck_after_ms
            if again_ms is None and verdict.kind == UNKNOWN:
                again_ms = verdict.decided_at_ms + NOTHING_KNOWN_MS
        else:
            return
        touched.asking.pop(key, None)
        if again_ms is not None:
            self._tables.asked.put(key, AskedRow(asked.attempts if asked else 1, again_ms, answered=True))
        elif asked is not None:
            self._tables.asked.delete(key)

    def unanswered(self, told: Unanswered) -> None:
        """The llm gave no verdict: when to ask again."""
        asked = self._tables.asked.get(told.fingerprint)
        if asked is not None and not asked.answered:
            self._wait(told.fingerprint, AskedRow(asked.attempts, told.retry_at_ms))

    def _wait(self, key: str, asked: AskedRow) -> None:
        self._tables.asked.put(key, asked)
        heapq.heappush(self._due, (asked.again_ms, key))

    def ask(self, folds: Iterable[SealedFold], at_ms: int, touched: Touched, succeeding: AbstractSet[str]) -> None:
        """Ask about what is new, what was asked and not answered, and what an answer said to look at again.

        `succeeding`: fingerprints whose verdict may be on its way from what they were before; they wait a little.
        """
        for fold in folds:
            key = fold.fingerprint
            asked = self._tables.asked.get(key)
            if asked is not None and asked.answered and asked.again_ms <= at_ms:
                self._asking(key, "recheck", asked.attempts + 1, at_ms, touched)
            elif asked is None and touched.fingerprints[key].verdict.source.rank < VerdictSource.LLM.rank:
                if key in succeeding:
                    self._wait(key, AskedRow(0, at_ms + SUCCESSION_MS))
                else:
                    self._asking(key, "new", 1, at_ms, touched)
        room = ASKED_AGAIN_MAX
        while room and self._due and self._due[0][0] <= at_ms:
            again_ms, key = heapq.heappop(self._due)
            asked = self._tables.asked.get(key)
            if asked is not None and not asked.answered and asked.again_ms == again_ms:
                self._asking(key, "retry", asked.attempts + 1, at_ms, touched)
                room -= 1

    def _asking(self, key: str, why: str, attempt: int, at_ms: int, touched: Touched) -> None:
        touched.asking[key] = why, attempt
        self._wait(key, AskedRow(attempt, at_ms + LOST_MS))
