"""Sending failures, or showing them; and a ledger in which each is in exactly one line.

What goes wrong here never stops the rest: a publishing step must not break the job whose failures it tells.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Protocol

from streams.cli import interrupt
from streams.cli.options import DEADLINE_S, url_name
from streams.cli.outgoing import chunks, outgoing
from streams.cli.screen import is_watched, line, say, tell
from streams.cli.server import Refusal, Server, Unreachable
from streams.contract.failure import Failure

COMPLAINTS_MAX: Final = 20
"""Lines about single losses; the rest is in the ledger's counts."""
REASON_CHARS_MAX: Final = 100
"""Of a reason in the ledger's line."""
EVENTS: Final = "/v1/events"
NDJSON: Final = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that was not sent: an input or a part of one that is `unreadable`, a failure `refused` or `unsent`."""

    fate: Literal["unreadable", "refused", "unsent"]
    where: str
    reason: str
    count: int = 1
    is_said: bool = False
    """Whether a person was told already, because what follows takes its time."""


@dataclass(slots=True)
class Ledger:
    """What became of everything."""

    sent: int = 0
    losses: list[Loss] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, Counter[str]] = field(default_factory=dict)
    place: str = ""
    """Where it went."""
    damaged: set[str] = field(default_factory=set)
    """Names of unreadable inputs: one with three complaints is one."""
    held: dict[tuple[str, str], Loss] = field(default_factory=dict)
    """Losses of no place, by fate and reason: one outage costs many chunks, and is said once."""

    def lose(self, loss: Loss) -> None:
        """Count it, and say it while there are not too many. What names no place is said by `end`, with its count."""
        if loss.fate != "unreadable" or not loss.where or loss.where not in self.damaged:
            self.counts[loss.fate] += loss.count
        if loss.fate == "unreadable" and loss.where:
            self.damaged.add(loss.where)
        self.reasons.setdefault(loss.fate, Counter())[line(loss.reason, REASON_CHARS_MAX)] += loss.count
        if loss.is_said:
            self.losses.insert(0, loss)
        elif loss.fate != "unreadable" and not loss.where:
            before = self.held.get((loss.fate, loss.reason))
            self.held[loss.fate, loss.reason] = replace(loss, count=loss.count + (before.count if before else 0))
        else:
            self._complain(loss)

    def end(self) -> None:
        """Say what was held back to be counted."""
        for loss in self.held.values():
            self._complain(loss)
        self.held.clear()

    def _complain(self, loss: Loss) -> None:
        if len(self.losses) < COMPLAINTS_MAX:
            number = f"{loss.count} " if loss.count > 1 else ""
            tell(f"{number}{loss.fate}: {line(f'{loss.where}: {loss.reason}' if loss.where else loss.reason)}")
        elif len(self.losses) == COMPLAINTS_MAX:
            tell("more was lost; the ledger below counts it")
        if len(self.losses) <= COMPLAINTS_MAX:
            self.losses.append(loss)

    @property
    def is_clean(self) -> bool:
        """Whether everything was sent."""
        return not self.counts

    def summary(self, sent: str) -> str:
        """The ledger as one line; `sent` is the word for what was done.

        Reasons were said when it happened; they stand here again only where not all could be said.
        """
        parts = [f"{self.sent} {sent}"]
        for fate in ("refused", "unreadable", "unsent"):
            most = ""
            if len(self.losses) > COMPLAINTS_MAX:
                most = "; ".join(f"{n} x {reason}" for reason, n in self.reasons.get(fate, Counter()).most_common(3))
            parts.append(f"{self.counts[fate]} {fate}" + (f" ({most})" if most else ""))
        return ", ".join(parts)

    def data(self) -> dict[str, Any]:
        """The ledger for programs."""
        fates = {fate: self.counts[fate] for fate in ("refused", "unreadable", "unsent")}
        losses = [{"fate": x.fate, "where": x.where, "reason": x.reason, "count": x.count} for x in self.losses]
        return {"sent": self.sent, **fates, "losses": losses[:COMPLAINTS_MAX]}


class Way(Protocol):
    """A way out of this process."""

    @property
    def place(self) -> str:
        """Where it leads, for people."""

    def send(self, members: list[Failure], body: bytes, ledger: Ledger) -> str:
        """Send some failures and tell the ledger what became of each; `body` has them as NDJSON.

        Returns why none of them, and nothing after them, can be sent any more; then the ledger was told nothing.
        Raises: `ConfigurationError`.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How to deliver, as the options say."""

    url: str
    to: Literal["http", "kafka"] = "http"
    deadline_s: float | None
    """As it was given; None: DEADLINE_S to send, and input is read to its end."""

    dry_run: bool
    as_json: bool
    strict: bool

    def __call__(self, found: Iterable[Failure | Loss]) -> int:
        """Deliver, and print the ledger. Returns the exit status.

        Raises:
            ConfigurationError: the address is none; for Kafka: a setting is wrong, or a topic is missing.
        """
        ledger = self.show(found) if self.dry_run else self.send(found)
        if self.as_json and not self.dry_run:
            say(json.dumps(ledger.data()))
        elif not self.as_json:
            say(ledger.summary("not sent (dry run)" if self.dry_run else f"sent to {ledger.place}"))
        return 0 if ledger.is_clean or not self.strict else 1

    def send(self, found: Iterable[Failure | Loss]) -> Ledger:
        """Send all that can be sent. Raises: as the call."""
        ledger = Ledger()
        failures = self._kept(found, ledger)
        if is_watched() and not self.as_json:
            failures = _watched(failures)
        with self._way() as way:
            ledger.place = way.place
            interrupt.raises()
            try:
                self._send(failures, way, ledger)
            except KeyboardInterrupt:
                tell(f"Ctrl-C: {ledger.sent} sent, the rest not")
                raise
            finally:
                ledger.end()
        return ledger

    def _way(self) -> AbstractContextManager[Way]:
        deadline_s = self.deadline_s or DEADLINE_S
        if self.to == "kafka":
            from streams.cli.to_kafka import ToKafka

            return ToKafka(deadline_s)
        return nullcontext(_ToServer(Server(self.url, deadline_s=deadline_s)))

    def _kept(self, found: Iterable[Failure | Loss], ledger: Ledger) -> Iterator[Failure]:
        for one in found:
            if isinstance(one, Loss):
                ledger.lose(one)
            else:
                yield outgoing(one)

    def _send(self, failures: Iterable[Failure], way: Way, ledger: Ledger) -> None:
        gone = ""
        for members, body in chunks(failures):
            gone = gone or way.send(members, body, ledger)
            if gone:
                ledger.lose(Loss("unsent", "", gone, len(members)))

    def show(self, found: Iterable[Failure | Loss]) -> Ledger:
        """Print what would be sent, with fingerprints and verdicts."""
        from streams.cli.reading import Reader

        ledger, reader = Ledger(), Reader()
        told: list[dict[str, Any]] = []
        for failure in self._kept(found, ledger):
            ledger.sent += 1
            reading = reader.read(failure)
            if self.as_json:
                told.append(reading.data())
            else:
                say(reading.summary())
        if self.as_json:
            say(json.dumps(ledger.data() | {"sent": 0, "dry_run": True, "failures": told}))
        return ledger


class _ToServer:
    """The HTTP of a running server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def place(self) -> str:
        return self._server.url

    def send(self, members: list[Failure], body: bytes, ledger: Ledger) -> str:
        try:
            answer = self._server.post(EVENTS, body, NDJSON).value
        except Unreachable as error:
            return str(error)
        except Refusal as error:
            answer = error.value
            if not (isinstance(answer, dict) and "items" in answer):
                ledger.lose(Loss("refused", "", str(error), len(members)))
                return ""
        self._record(answer, members, ledger)
        return ""

    def _record(self, answer: Any, members: list[Failure], ledger: Ledger) -> None:
        """What the server says became of each."""
        if not isinstance(answer, dict) or not isinstance(answer.get("accepted"), int):
            reason = f"the answer is not that of a faultline server; check {url_name(self.place)}"
            ledger.lose(Loss("unsent", "", reason, len(members)))
            return
        items = answer.get("items")
        items = items if isinstance(items, list) else []
        refused = [item for item in items if isinstance(item, dict) and "error" in item]
        ledger.sent += answer["accepted"]
        for item in refused:
            index = item.get("index")
            where = ""
            if isinstance(index, int) and 0 <= index < len(members):
                where = "/".join(filter(None, members[index].where))
            ledger.lose(Loss("refused", where, f"{item['error']} (at {item.get('place', '$')})"))
        unnamed = len(members) - answer["accepted"] - len(refused)
        if unnamed > 0:
            ledger.lose(Loss("refused", "", "the server gives no reason", unnamed))


def _watched(failures: Iterable[Failure]) -> Iterator[Failure]:
    """The same, with a count for the person who waits."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("sending", total=None)
        for failure in failures:
            yield failure
            progress.advance(task)


def unreadable(reason: str, where: str = "") -> Loss:
    """An input that cannot be read. `where` is its name, empty when the reason names it."""
    return Loss("unreadable", where, reason)
