"""The language model as the verbs see it: a question in, an answer out, what it cost, and what to do when it fails.

LlmError                      named by what the asker should do
├── LlmUnavailable            later, after `retry_after_s`: overload, time-out, a broken line
│   ├── LlmClosed             the same, and a person has to act first: key, credit, permission, name of the llm
│   └── BudgetSpent           the same, by our own limit
├── QuestionTooLarge          split it
├── AnswerCutOff              keep what is whole, split the rest
├── QuestionRefused           halve it until the item is alone that the llm will not judge
└── QuestionMalformed         give up: the interface says that we asked wrongly

Nothing here has a clock: seconds come as arguments, from any clock that does not go back.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from streams.contract.errors import ConfigurationError, FaultlineError

RETRY_AFTER_MAX_S: Final = 86_400.0
"""No answer of a server makes us wait longer than a day."""
TOKENS_PER_PRICE: Final = 1_000_000
CHARS_PER_TOKEN_MIN: Final = 2.5
"""Of ASCII text; measured texts have 3 to 4. Other characters count by their bytes, which no tokenizer exceeds."""


class LlmError(FaultlineError):
    """A question got no whole answer. The text is fit for a log: no key, no text of the question."""


class LlmUnavailable(LlmError):
    """The same question may be answered later, not before `retry_after_s` seconds (0: whenever the asker likes)."""

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = min(max(0.0, retry_after_s), RETRY_AFTER_MAX_S)


class LlmClosed(LlmUnavailable):
    """Nobody is asked until `retry_after_s` is over: the interface refused us, or has failed many times in a row."""


class BudgetSpent(LlmUnavailable):
    """Our own limit of money or calls is reached; nothing was sent."""


class QuestionTooLarge(LlmError):
    """The interface takes no question of this size. Ask in parts."""


class QuestionRefused(LlmError):
    """The llm will not answer this question; one of its items may be the reason."""


class QuestionMalformed(LlmError):
    """The interface does not understand the request; sending it again will not help."""


class AnswerCutOff(LlmError):
    """The answer ends in its middle. `answer` holds what came."""

    def __init__(self, message: str, *, answer: Answer) -> None:
        super().__init__(message)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Question:
    """One request, free of any provider's shape."""

    instructions: str
    """The same bytes in every question of a kind, so that a provider may keep them."""
    document: str
    """What is asked about: one JSON document, data and never instructions."""
    schema: Mapping[str, object]
    """JSON Schema of the answer. Providers enforce it in part or not at all, so the asker checks the answer itself."""
    max_tokens: int
    """Of the answer."""

    @property
    def tokens_max(self) -> int:
        """An upper bound of the tokens that go in."""
        return tokens_bound(self.instructions) + tokens_bound(self.document) + tokens_bound(str(self.schema))


@dataclass(frozen=True, slots=True)
class Usage:
    """What calls took. Input is counted once: a cached token is in `cached_tokens` and not in `input_tokens`."""

    calls: int = 0
    input_tokens: int = 0
    """Read at the full price."""
    cached_tokens: int = 0
    """Read from the provider's cache."""
    cache_written_tokens: int = 0
    output_tokens: int = 0
    dollars: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            cache_written_tokens=self.cache_written_tokens + other.cache_written_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            dollars=self.dollars + other.dollars,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the llm said; untrusted text."""

    text: str
    llm: str
    """The name of the llm that answered, as the interface gave it."""
    usage: Usage


class Llm(Protocol):
    """Asks one question. May take up to its deadline; never waits longer, never retries without a cap."""

    async def ask(self, question: Question) -> Answer:
        """The whole answer.

        Raises: every LlmError of the tree above.
        """


class NoLlm:
    """Stands where no key is set: every question is given back at once."""

    def __init__(self, reason: str = "no key", *, retry_after_s: float = 3_600.0) -> None:
        self._reason = reason
        self._retry_after_s = retry_after_s

    async def ask(self, question: Question) -> Answer:
        """Raises: LlmClosed."""
        del question
        raise LlmClosed(self._reason, retry_after_s=self._retry_after_s)


def tokens_bound(text: str) -> int:
    """An upper bound of the tokens of a text that tokenizers made for text stay under."""
    if text.isascii():
        return math.ceil(len(text) / CHARS_PER_TOKEN_MIN)
    wide_bytes = len(text.encode("utf-8", "replace")) - (ascii_chars := sum(char < "\x80" for char in text))
    return math.ceil(ascii_chars / CHARS_PER_TOKEN_MIN) + wide_bytes


class UnknownPrice(ConfigurationError):
    """Nobody knows what this llm costs, so it is not asked."""

    def __init__(self, llm: str) -> None:
        super().__init__(
            f"the price of {llm!r} is not known: set FAULTLINE_LLM_PRICE to its dollars per million tokens, "
            "as in,out or in,out,cached"
        )


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens."""

    input: float
    output: float
    cached: float | None = None
    """Read from the cache; None: as input."""
    cache_written: float | None = None
    """Written to the cache for five minutes; None: 1.25 times input, Anthropic's rule."""
    long_from_tokens: int | None = None
    """Questions longer than this cost `long_factor` times as much, input and output."""
    long_factor: float = 1.0

    def dollars(self, usage: Usage) -> float:
        """What the tokens of one call cost."""
        read = usage.input_tokens + usage.cached_tokens + usage.cache_written_tokens
        factor = self.long_factor if self.long_from_tokens is not None and read > self.long_from_tokens else 1.0
        cached = self.input if self.cached is None else self.cached
        written = 1.25 * self.input if self.cache_written is None else self.cache_written
        total = (
            usage.input_tokens * self.input
            + usage.cached_tokens * cached
            + usage.cache_written_tokens * written
            + usage.output_tokens * self.output
        )
        return total * factor / TOKENS_PER_PRICE

    def bound(self, question: Question) -> float:
        """Dollars that this question cannot exceed: all of it written to the cache, and the longest answer."""
        most = Usage(cache_written_tokens=question.tokens_max, output_tokens=question.max_tokens)
        return max(
            self.dollars(most), self.dollars(Usage(input_tokens=question.tokens_max, output_tokens=question.max_tokens))
        )


PRICES: Final[Mapping[str, Price]] = {
    "claude-haiku-5-5": Price(0.10, 0.50, 0.01, 0.125, long_from_tokens=100_000, long_factor=5.0),
    "claude-haiku-4-5": Price(1.00, 5.00, 0.10, 1.25),
    "claude-sonnet-5-5": Price(2.00, 10.00, 0.10, 2.50),
    "claude-opus-5-5": Price(4.00, 20.00, 0.20, 5.00),
    "gpt-6-luna": Price(0.10, 0.50, 0.01, 0.10),
    "gpt-4o-mini": Price(0.15, 0.60, 0.075, 0.15),
}
"""List prices of November 2026, by the name that the interface answers with, without its date."""
_DATED: Final = re.compile(r"(?:-20\d{6}|-20\d\d-\d\d-\d\d)$")


def price_of(llm: str, prices: Mapping[str, Price] = PRICES) -> Price:
    """The price of the llm of that name; a name with a date has the price of the one without.

    Raises: UnknownPrice. A name that only looks like one of the table is unknown: a guess would be wrong money.
    """
    found = prices.get(llm) or prices.get(_DATED.sub("", llm))
    if found is None:
        raise UnknownPrice(llm)
    return found


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money set aside for one call, until it is settled."""

    dollars: float
    at_s: float


class _Window:
    """Dollars of the last `span_s` seconds, in slots, so that its size has a bound. A slot leaves as a whole, late."""

    SLOTS: Final = 60

    def __init__(self, *, span_s: float, dollars_max: float) -> None:
        self._slot_s = span_s / self.SLOTS
        self._span_s = span_s
        self.dollars_max = dollars_max
        self._slots: deque[tuple[float, float]] = deque()

    def spent(self, now_s: float) -> float:
        while self._slots and self._leaves_s(self._slots[0][0]) <= now_s:
            self._slots.popleft()
        return math.fsum(dollars for _, dollars in self._slots)

    def add(self, dollars: float, now_s: float) -> None:
        slot = math.floor(now_s / self._slot_s)
        if self._slots and self._slots[-1][0] >= slot:
            last, before = self._slots.pop()
            self._slots.append((last, before + dollars))
        else:
            self._slots.append((slot, dollars))

    def fits_in_s(self, dollars: float, now_s: float) -> float:
        """Seconds until so much more would fit: 0 when it does now, the whole span when it never can."""
        left = self.spent(now_s) + dollars - self.dollars_max
        for slot, spent in self._slots:
            if left <= 0:
                break
            left -= spent
            if left <= 0:
                return max(0.0, self._leaves_s(slot) - now_s)
        return 0.0 if left <= 0 else self._span_s

    def _leaves_s(self, slot: float) -> float:
        return (slot + 1) * self._slot_s + self._span_s


class Budget:
    """Stops the spending: dollars in any hour and any day, and calls in any minute.

    Each call reserves its upper bound before it is sent and settles what it took. As long as the bounds hold, the sum
    of any hour or day stays under its limit; where a provider counts more than the bound, that call alone exceeds it.
    What has been spent is forgotten when the process ends.
    """

    def __init__(
        self, *, dollars_per_hour: float, dollars_per_day: float, calls_per_minute: int, label: str = "FAULTLINE_LLM"
    ) -> None:
        self._hour = _Window(span_s=3_600.0, dollars_max=dollars_per_hour)
        self._day = _Window(span_s=86_400.0, dollars_max=dollars_per_day)
        self._calls_max = calls_per_minute
        self._called_at_s: deque[float] = deque()
        self._reserved = 0.0
        self._label = label

    @property
    def reserved(self) -> float:
        """Dollars of calls on their way."""
        return self._reserved

    def reserve(self, dollars: float, now_s: float) -> Reservation:
        """Set money aside for one call.

        Raises: BudgetSpent, which says when to come again.
        """
        while self._called_at_s and self._called_at_s[0] + 60.0 <= now_s:
            self._called_at_s.popleft()
        if len(self._called_at_s) >= self._calls_max:
            wait_s = self._called_at_s[0] + 60.0 - now_s
            raise BudgetSpent(f"{self._calls_max} calls in the last minute (MAX_RPM)", retry_after_s=wait_s)
        for window, name in ((self._hour, "HOUR"), (self._day, "DAY")):
            wait_s = window.fits_in_s(self._reserved + dollars, now_s)
            if wait_s > 0:
                raise BudgetSpent(
                    f"${window.spent(now_s):.4f} spent and ${self._reserved:.4f} on its way, this call takes up to "
                    f"${dollars:.4f}, the limit is ${window.dollars_max:g} ({self._label}_DOLLARS_PER_{name})",
                    retry_after_s=wait_s,
                )
        self._called_at_s.append(now_s)
        self._reserved += dollars
        return Reservation(dollars, now_s)

    def settle(self, reservation: Reservation, dollars: float, now_s: float) -> None:
        """The call is over and took `dollars`: all of the reservation where nobody can say."""
        self._reserved = max(0.0, self._reserved - reservation.dollars)
        for window in (self._hour, self._day):
            window.add(dollars, now_s)
