"""The tables of a partition, begun anew: counts go, what people and language models said stays, and so do aliases.

The input flows through again afterwards, so everything that is counted comes again. Verdicts that are not computed
from a failure's own text wait for it, and are not asked for a second time.
"""

from __future__ import annotations

from streams.contract.errors import FaultlineError
from streams.core.rows import EPOCH_MAX, PositionRow
from streams.core.tables import Tables


class EpochsSpent(FaultlineError):
    """The tables were built anew as often as versions can tell."""


def epoch_of(rows: dict[str, bytes], partition: int) -> int:
    """How often the tables of a partition were built anew."""
    return (Tables(rows, partition).position.get("") or PositionRow()).epoch


def renewed(rows: dict[str, bytes], partition: int, *, epoch: int, offset: int) -> dict[str, bytes]:
    """The rows that are to stand instead: position, aliases, verdicts that wait, answers that say when to ask again.

    `offset`: of the last input record that is not to be applied. Raises: EpochsSpent.
    """
    if epoch > EPOCH_MAX:
        raise EpochsSpent(f"epoch {epoch}: there are {EPOCH_MAX}; begin anew under another FAULTLINE_TOPIC_PREFIX")
    before = Tables(rows, partition)
    out: dict[str, bytes] = {}
    after = Tables(out, partition)
    waiting = {key: verdict for key in before.pending if (verdict := before.pending.get(key)) is not None}
    for key in list(before.fingerprints):  # a list: reading a row of an earlier form writes another one
        row = before.fingerprints.get(key)
        if row is not None and not row.verdict.source.is_own_text:
            waiting[key] = row.verdict
        asked = before.asked.get(key)
        if asked is not None and asked.answered:
            after.asked.put(key, asked)
    for key, verdict in waiting.items():
        after.pending.put(key, verdict)
    for key in before.aliases:
        if (edge := before.aliases.get(key)) is not None:
            after.aliases.put(key, edge)
    after.position.put("", PositionRow(offset=offset, pending=len(waiting), epoch=epoch))
    return out
