"""BuildKit, docker build, kaniko, buildah: the step of an image that failed.

BuildKit prints `#15 ERROR: process "..." did not complete successfully: exit code: 1` (plain) or
` => ERROR [stage 2/3] RUN ...` (terminal), then a recap of the vertex's last lines between rules, the place in the
Dockerfile, and `ERROR: failed to solve`.
"""

from __future__ import annotations

from typing import Final

from streams.core.extract.rule import rule

RULES: Final = (
    rule(
        "buildkit.vertex",
        "error",
        (
            r"^ERROR: (?:process |executor failed|unexpected status|.*did not complete successfully"
            r"|failed to (?:solve|compute|export|build|push|receive|load|read dockerfile|fetch|do request|authorize))"
        ),
        0.8,
        fatal=True,
        before=15,
        after=1,
    ),
    rule("buildkit.vertex", "error: ", r"^#\d+ ERROR: \S", 0.8, fatal=True, before=15, after=1),
    rule("buildkit.vertex", "error [", r"^(?:#\d+ |\s*=> )?ERROR \[[^\]]*\]", 0.78, fatal=True, before=2),
    rule(
        "buildkit.recap",
        "> [",
        r"^\s?> \[[^\]]*\b\d+/\d+\] |^\s?> \[(?:internal|auth)\b",
        0.85,
        fatal=True,
        until=r"^-{6}\s*$",
        lines_max=40,
    ),
    rule(
        "buildkit.solve",
        "failed to solve",
        r"(?i)failed to solve(?: with frontend)?\b",
        0.6,
        fatal=True,
        back=r"^\s*(?:>>>|\d+ \||\d+ +)|^-{4,}$|Dockerfile:\d+",
    ),
    rule(  # of what is cleaned up: seldom the reason
        "docker.absent",
        "no such",
        r"^(?:Error|Error response from daemon): No such (?:container|volume|network)\b",
        0.55,
    ),
    rule("docker.daemon", "error response", r"Error response from daemon: ", 0.88, after=1),
    rule(
        "docker.daemon",
        "docker daemon|failed to start",
        r"Cannot connect to the Docker daemon|^dependency failed to start: ",
        0.9,
    ),
    rule("docker.denied", "denied: ", r"^(?:denied|unauthorized): \S", 0.88),
    rule(
        "docker.command",
        "returned a non-zero code",
        r"^The command '.*' returned a non-zero code: \d+",
        0.3,
        fatal=True,
        before=15,
    ),
    rule("kaniko.build", "error building image", r"error building image: ", 0.8, fatal=True),
    rule(
        "buildah.run",
        "error building at step",
        r"(?i)error: building at step|error building at STEP",
        0.8,
        fatal=True,
        before=10,
    ),
    rule(
        "docker.pull",
        "manifest|pull access denied",
        r"(?i)manifest (?:for \S+ not found|unknown)|pull access denied",
        0.88,
    ),
)
