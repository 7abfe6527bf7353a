"""What builders of images print as text -> failures: BuildKit (plain and terminal, `docker buildx bake` too), the
classic `docker build`, podman and buildah, kaniko; also with the time stamps that a CI system puts before the lines.

Each says which step goes on (`#7 [build 2/4] RUN make`, `Step 3/5 : RUN make`, `STEP 3/5: RUN make`, `INFO[0003] RUN
make`), and then that it failed. BuildKit runs steps side by side, with their numbers before what they print, and tells
the end of the failed ones again (`> [build 2/4] RUN make:`), which the terminal form tells only there.
The steps' failures are read as in `buildkit.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from streams.core.extract.clean import undecorated
from streams.core.extract.image_step import Step, step_of
from streams.producers.buildkit import CANCELLED, step_failures
from streams.producers.lines import lines_of
from streams.producers.report import Collected, Limits, Reading, Reported

_VERTEX: Final = re.compile(r"^#(\d{1,6}) (.*)$")
_PRINTED: Final = re.compile(r"^(\d{1,6}\.\d{1,6}) ?(.*)$")
_QUIET: Final = re.compile(
    r"^(?:\.\.\.$|sha256:|transferring |resolve |extracting |naming to |exporting |writing |pushing )"
)
_ERROR: Final = re.compile(r"^ERROR: (.*)$")
_TTY_ERROR: Final = re.compile(r"^\s*=> ERROR (.*?)\s+\d+\.\d+s$")
_RECAP: Final = re.compile(r"^ ?> (\[.*|resolve .*|importing .*|exporting .*):$")
_RULER: Final = re.compile(r"^-{6}$")
_PLACE: Final = re.compile(r"^([\w./-]*(?:Dockerfile|Containerfile)[\w./-]*):(\d{1,6})$")
_SOLVE: Final = re.compile(
    r"^(?:ERROR: |error: |Error: )?(?:[\w.-]+: )?failed to (?:build: failed to )?solve(?: with frontend \S+)?: (.*)$"
)
_CLASSIC: Final = re.compile(r"^Step (\d{1,4}/\d{1,4}) : (.*)$")
_CLASSIC_FAILED: Final = re.compile(
    r"^(The command '.*' returned a non-zero code: \d{1,10}|(?:COPY|ADD) failed: .*"
    r"|(?:Error response from daemon: )(?:dockerfile parse error|pull access denied|manifest for|.*not found).*)$"
)
_BUILDAH: Final = re.compile(r"^(?:\[\d{1,4}/\d{1,4}\] )?STEP (\d{1,4}(?:/\d{1,4})?): (.*)$")
_BUILDAH_FAILED: Final = re.compile(r"^(?:Error: )?(?:error )?building at STEP \".*\": (.*)$")
_KANIKO: Final = re.compile(
    r"^INFO\[\d+\] ((?:RUN|COPY|ADD|FROM|WORKDIR|ENV|USER|CMD|ENTRYPOINT|ARG|LABEL|EXPOSE|VOLUME)\b.*)$"
)
_KANIKO_STAGE: Final = re.compile(r"^INFO\[\d+\] Building stage '([^']*)'")
_KANIKO_FAILED: Final = re.compile(r"^error building image: (.*)$")
_KANIKO_SAYS: Final = re.compile(r"^(?:INFO|WARN|DEBU)\[\d+\] ")
_FROM_AS: Final = re.compile(r"^FROM\s+.*\bas\s+(\S+)", re.IGNORECASE)
STEPS_MAX: Final = 2_000
"""Steps of one build of which the output is held."""


@dataclass(slots=True)
class _Step:
    name: str
    output: Collected
    error: str = ""
    failed: bool = False
    retold: Collected | None = None
    """What the builder tells again at the end."""


class ImageBuild(Reading):
    """See `Reading`. A build's failures come at its end, for BuildKit tells the reason last."""

    form = "image build output"

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        super().__init__(limits)
        self._stream = stream
        self._steps: dict[str, _Step] = {}
        """BuildKit's, by number, or by name where it gives no number."""
        self._names: dict[str, _Step] = {}
        self._recap: _Step | None = None
        self._place: tuple[str, int] | None = None
        self._serial: _Step | None = None
        """The step of a builder that makes one after the other."""
        self._serial_step = Step("")
        self._stage = ""
        self._reported = False
        """The build that goes on has told why it failed."""

    def __iter__(self) -> Iterator[Reported]:
        for raw in lines_of(self._stream, self.limits, self._lost):
            line = raw if raw.startswith("#") and raw.isprintable() else undecorated(raw)
            if self._recap is not None and not _RULER.match(line):
                if (again := _RECAP.match(line)) is None:
                    self._retold(self._recap, line)
                    continue
                self._recap = self._named(again.group(1))
            elif (vertex := _VERTEX.match(line)) is not None:
                self._vertex(vertex.group(1), vertex.group(2))
            else:
                yield from self._other(line)
        yield from self._ended("")

    def _collected(self) -> Collected:
        half = self.limits.text_chars_max // 2
        return Collected(head_max=half, tail_max=half)

    def _step(self, key: str, name: str) -> _Step:
        step = self._steps.get(key)
        if step is None:
            self.cases += 1
            if len(self._steps) >= STEPS_MAX:
                oldest = next((key for key, one in self._steps.items() if not one.failed), next(iter(self._steps)))
                self._names.pop(self._steps.pop(oldest).name, None)
                self._note(f"output of more than {STEPS_MAX} steps")
            step = self._steps[key] = _Step(name, self._collected())
        if name:
            step.name = name
            self._names[name] = step
        return step

    def _named(self, name: str) -> _Step:
        step = self._names.get(name) or self._step(name, name)
        step.failed = True
        return step

    def _vertex(self, number: str, said: str) -> None:
        if printed := _PRINTED.match(said):
            self._step(number, "").output.add(printed.group(2) + "\n")
        elif error := _ERROR.match(said):
            step = self._step(number, "")
            step.error = error.group(1)
            step.failed = not step.error.endswith(CANCELLED)
        elif said.startswith(("DONE", "CACHED", "CANCELED")):
            ended = self._steps.get(number)
            if ended is not None:  # maybe run again; it went well
                ended.failed = False
                ended.output = self._collected()
        elif not _QUIET.match(said):
            self._step(number, said if number not in self._steps else "")

    def _retold(self, step: _Step, line: str) -> None:
        if step.retold is None:
            step.retold = self._collected()
        printed = _PRINTED.match(line)
        step.retold.add((printed.group(2) if printed else line) + "\n")

    def _other(self, line: str) -> Iterator[Reported]:
        if _RULER.match(line):
            self._recap = None
        elif recap := _RECAP.match(line):
            self._recap = self._named(recap.group(1))
        elif error := _TTY_ERROR.match(line):
            self._named(error.group(1))
        elif place := _PLACE.match(line):
            self._place = place.group(1), int(place.group(2))
        elif solve := _SOLVE.match(line):
            yield from self._ended(solve.group(1))
        elif step := _CLASSIC.match(line) or _BUILDAH.match(line):
            self._serially(step.group(2), step.group(1))
        elif step := _KANIKO.match(line):
            self._serially(step.group(1), "")
        elif stage := _KANIKO_STAGE.match(line):
            self._stage = stage.group(1)
        elif failed := _CLASSIC_FAILED.match(line) or _BUILDAH_FAILED.match(line) or _KANIKO_FAILED.match(line):
            yield from self._serial_failed(failed.group(1))
        elif self._serial is not None and not _KANIKO_SAYS.match(line) and not line.startswith(" ---> "):
            self._serial.output.add(line + "\n")

    def _serially(self, instruction: str, position: str) -> None:
        """The next step of a builder that makes one after the other."""
        self.cases += 1
        if named := _FROM_AS.match(instruction):
            self._stage = named.group(1)
        self._serial = _Step(instruction, self._collected())
        self._serial_step = Step(instruction, self._stage, position)

    def _serial_failed(self, error: str) -> Iterator[Reported]:
        step, self._serial = self._serial, None
        printed = "" if step is None else step.output.get()
        yield from self._told(step_failures(self._serial_step, error, printed))
        self._serial_step = Step("")

    def _ended(self, error: str) -> Iterator[Reported]:
        """The end of a build: `error` is BuildKit's last word, "" at the end of the output."""
        failed = [one for one in self._steps.values() if one.failed]
        file, line = self._place or ("", None)
        if len(failed) > 1:  # whose it is, is not said
            file, line = "", None
        for step in failed:
            printed = step.output.get() or (step.retold.get() if step.retold is not None else "")
            told = step.error or (error if len(failed) == 1 else "")
            yield from self._told(step_failures(step_of(step.name), told, printed, file=file, line=line))
        if error and not failed and not self._reported:
            yield from self._told(step_failures(Step(""), error, "", file=file, line=line))
        self._reported = bool(error)
        self._steps.clear()
        self._names.clear()
        self._recap = self._place = None

    def _told(self, found: list[Reported]) -> Iterator[Reported]:
        for one in found:
            if self._has_room():
                yield one


def read_image_build(stream: BinaryIO, *, limits: Limits | None = None) -> ImageBuild:
    """Begins to read what a builder printed; nothing is read before it is iterated over."""
    return ImageBuild(stream, limits or Limits())
