"""The annotations of GitHub's check runs, and documents that carry their messages -> failures.

Source of the format: GitHub's REST API, `GET /repos/{owner}/{repo}/check-runs/{id}/annotations` (a list; `gh api
--paginate` puts lists one behind the other), and the GraphQL names of the same fields. Levels `failure` and `error`
count, `notice` and `warning` do not. A job's document of the earlier collector carries `s_annotation_messages`, joined
by ` | `: each part counts, for the levels are lost there.
That a process ended with an exit code is told only where nothing else is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from streams.contract.errors import UnreadableInput
from streams.contract.failure import Source
from streams.core.extract.error import error_in
from streams.producers.json_elements import TOP, elements
from streams.producers.lines import lines_of, objects_of
from streams.producers.report import Limits, Reading, Reported, shortened

_LEVELS: Final = frozenset({"failure", "error"})
_CONSEQUENCE: Final = re.compile(r"^(?:Error: )?Process completed with exit code (\d{1,10})\.?$")
_LISTS: Final = ("annotations", "nodes")
MESSAGES: Final = "s_annotation_messages"


class Annotations(Reading):
    """See `Reading`. `cases` counts annotations of every level."""

    form = "annotations"

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        super().__init__(limits)
        self._stream = stream
        self._consequence: Reported | None = None

    def __iter__(self) -> Iterator[Reported]:
        for _, one in elements(self._stream, {TOP: 0} | dict.fromkeys(_LISTS, 1), self.limits, self._lost):
            yield from self._of_either(one)
        yield from self._last()

    def _of_either(self, one: Mapping[str, Any]) -> Iterator[Reported]:
        listed = [inner for name in _LISTS if isinstance(inner := one.get(name), list)]
        if MESSAGES in one:
            yield from self._of_document(one)
        elif listed:
            for inner in listed[0]:
                if isinstance(inner, dict):
                    yield from self._of(inner)
        else:
            yield from self._of(one)

    def _of(self, one: Mapping[str, Any]) -> Iterator[Reported]:
        self.cases += 1
        level = str(one.get("annotation_level") or one.get("annotationLevel") or one.get("level") or "").lower()
        if level not in _LEVELS:
            return
        title, message = _text(one, "title"), _text(one, "message")
        details = _text(one, "raw_details", "rawDetails")
        line = one.get("start_line", one.get("startLine"))
        told = Reported(
            message=shortened(_titled(title, message), self.limits.text_chars_max),
            text=shortened("\n".join(filter(None, [message if details else "", details])), self.limits.text_chars_max),
            file=_text(one, "path"),
            line=line if isinstance(line, int) and 0 <= line < 2**31 else None,
            source=Source.GITHUB_ANNOTATION,
            labels={"annotation_level": level},
        )
        yield from self._counted(told)

    def _of_document(self, one: Mapping[str, Any]) -> Iterator[Reported]:
        """Each message of a job's or a step's document."""
        step = _text(one, "s_step_name")
        for part in _text(one, MESSAGES).split("|"):
            if part.strip():
                self.cases += 1
                message = shortened(part, self.limits.text_chars_max)
                yield from self._counted(Reported(message=message, step=step, source=Source.GITHUB_ANNOTATION))

    def _counted(self, told: Reported) -> Iterator[Reported]:
        if _CONSEQUENCE.match(told.message):
            self._consequence = self._consequence or told
        elif self._has_room():
            yield told

    def _last(self) -> Iterator[Reported]:
        if self._consequence is not None and not self.failures and self._has_room():
            yield self._consequence


class AnnotationLines(Annotations):
    """The same, one annotation or document a line."""

    form = "annotations, one a line"

    def __iter__(self) -> Iterator[Reported]:
        for one in objects_of(lines_of(self._stream, self.limits, self._lost), self._lost):
            if isinstance(one, dict):
                yield from self._of_either(one)
            elif one.strip():
                self._note("lines that are no annotation")
        if not self.cases:
            raise UnreadableInput("no annotation in it")
        yield from self._last()


def _text(one: Mapping[str, Any], *names: str) -> str:
    return next((value for name in names if isinstance(value := one.get(name), str)), "")


def _titled(title: str, message: str) -> str:
    """Title and message; of a traceback its error, and no title that the message repeats."""
    message = error_in(message) or message
    if not title or message.startswith(title):
        return message
    return f"{title}: {message}" if message else title


def read_annotations(stream: BinaryIO, *, limits: Limits | None = None) -> Annotations:
    """Begins to read a list of annotations; nothing is read before it is iterated over."""
    return Annotations(stream, limits or Limits())


def read_annotation_lines(stream: BinaryIO, *, limits: Limits | None = None) -> AnnotationLines:
    """Begins to read annotations or documents, one a line."""
    return AnnotationLines(stream, limits or Limits())
