"""BuildKit's progress as JSON (`docker buildx build --progress=rawjson`, `buildctl --progress=rawjson`) -> failures.

Source of the format: `SolveStatus`, `Vertex` and `VertexLog` of moby/buildkit, client/graph.go: one status a line,
what a step printed in base64, in pieces that end anywhere. A step that was cancelled because another failed is no
failure.
What a failed step printed is read by the parsers of its tools: each error in it is a failure of its own that carries
the step; where none of them knows it, the step's last line and BuildKit's own word are the error.
"""

from __future__ import annotations

import binascii
import codecs
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final

from streams.contract.errors import UnreadableInput
from streams.contract.failure import Source
from streams.core.extract.image_step import Step, exit_code_of, step_of
from streams.producers.inner import failures_in, reported
from streams.producers.joblog import CODES_THAT_TELL
from streams.producers.lines import lines_of, objects_of
from streams.producers.report import Collected, Limits, Reading, Reported, shortened

_decoder = codecs.getincrementaldecoder("utf-8")
CANCELLED: Final = ("context canceled", "context cancelled")


@dataclass(slots=True)
class _Vertex:
    output: Collected
    decoder: codecs.IncrementalDecoder
    name: str = ""
    error: str = ""


def step_failures(step: Step, error: str, printed: str, *, file: str = "", line: int | None = None) -> list[Reported]:
    """The failures of one failed step: the errors in what it printed, or what the builder says of it.

    `error` is the builder's own word; `file` and `line` are the place in the Dockerfile where it is known.
    """
    code = exit_code_of(error)
    labels = step.labels() | ({"exit_code": str(code)} if code is not None else {})
    if file:
        labels["dockerfile"] = f"{file}:{line}" if line else file
    lines = printed.split("\n") if printed else []
    found = failures_in(lines)
    if found:
        told = [
            (one, {name: text for name, text in one.labels.items() if name != "exit_code"}) for one in reported(found)
        ]
        return [replace(one, source=Source.BUILDKIT, outcome="error", labels=own | labels) for one, own in told]
    error = f"ERROR: {error}" if error.startswith("process ") else error  # as it stands in every log
    last = next((text for raw in reversed(lines) if (text := raw.strip())), "")
    return [
        Reported(
            message="\n".join(filter(None, [last, error])),
            text="\n".join(filter(None, [printed, error])) if printed else "",
            file=file,
            line=line,
            outcome="error",
            source=Source.BUILDKIT,
            exit_code=code if code in CODES_THAT_TELL else None,
            labels=labels,
        )
    ]


class BuildKit(Reading):
    """See `Reading`. A step may fail and be run again: what it says last counts, so failures come at the end."""

    form = "BuildKit rawjson"

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        super().__init__(limits)
        self._stream = stream
        self._vertices: OrderedDict[str, _Vertex] = OrderedDict()
        self._beside = Collected(head_max=limits.text_chars_max // 2, tail_max=limits.text_chars_max // 2)
        self._completed: set[str] = set()

    def __iter__(self) -> Iterator[Reported]:
        statuses = 0
        for one in objects_of(lines_of(self._stream, self.limits, self._lost), self._lost):
            if isinstance(one, str):
                self._beside.add(one + "\n")
            elif {"vertexes", "statuses", "logs", "warnings"} & one.keys():
                statuses += 1
                self._status(one)
        if not statuses:
            raise UnreadableInput("no status of BuildKit in it")
        failed = [one for one in self._vertices.values() if one.error]
        own = [one for one in failed if not one.error.endswith(CANCELLED)]
        self.cases = len(self._vertices) + len(self._completed)
        for vertex in own or failed[:1]:
            printed = vertex.output.get()
            if vertex.output.lost:
                self._note("output of steps, cut in the middle")
            for told in step_failures(step_of(vertex.name), vertex.error, printed):
                if self._has_room():
                    yield told
        if not failed:
            yield from self._said_beside()

    def _said_beside(self) -> Iterator[Reported]:
        """No step failed: what stands between the statuses may tell of a Dockerfile that could not be read."""
        for told in reported(failures_in(self._beside.get().split("\n"))):
            if self._has_room():
                yield replace(told, source=Source.BUILDKIT)

    def _status(self, status: dict[str, Any]) -> None:
        for one in _objects(status.get("vertexes")):
            self._vertex(one)
        for one in _objects(status.get("logs")):
            vertex = self._of(str(one.get("vertex") or ""))
            try:
                data = b64decode(str(one.get("data") or ""), validate=True)
            except (binascii.Error, ValueError):
                self._note("output that is not base64")
                continue
            if vertex is not None:
                vertex.output.add(vertex.decoder.decode(data))

    def _vertex(self, one: dict[str, Any]) -> None:
        digest = str(one.get("digest") or "")
        vertex = self._of(digest)
        if vertex is None:
            return
        vertex.name = str(one.get("name") or vertex.name)
        vertex.error = shortened(str(one.get("error") or ""), self.limits.text_chars_max)
        if one.get("completed") and not vertex.error:  # it ended well; what it printed is not needed
            del self._vertices[digest]
            if len(self._completed) < self.limits.open_max:
                self._completed.add(digest)

    def _of(self, digest: str) -> _Vertex | None:
        vertex = self._vertices.get(digest)
        if vertex is None:
            if len(self._vertices) >= self.limits.open_max:
                self._note(f"more than {self.limits.open_max} steps at one time")
                return None
            half = self.limits.text_chars_max // 2
            vertex = self._vertices[digest] = _Vertex(Collected(head_max=half, tail_max=half), _decoder("replace"))
        return vertex


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def read_buildkit(stream: BinaryIO, *, limits: Limits | None = None) -> BuildKit:
    """Begins to read the statuses; nothing is read before it is iterated over."""
    return BuildKit(stream, limits or Limits())
