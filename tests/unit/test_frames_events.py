"""Errors as trackers print them: one problem is one group, whatever lines, addresses, hashes and values it shows."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from streams.core.alias import grouped
from streams.core.fingerprint import fingerprint
from streams.core.frames.parse import parse

EVENTS = [
    (head.strip(), text.rstrip("\n"))
    for head, _, text in (
        case.partition("\n")
        for case in Path(__file__).with_name("events.txt").read_text(encoding="utf-8").split("====== ")[1:]
    )
]
"""(problem, text)."""

KNOWN_SPLIT = {("py-rel", "py-rel")}
"""One frame of one's own does not say where a failure comes from without its message."""

KNOWN_MERGED = {("lib-a", "lib-b")}
"""Frames of libraries alone do not tell two failures with one message apart."""


def test_events_of_one_problem_are_one_group_and_those_of_two_are_two() -> None:
    groups = grouped([fingerprint(origin="ci", message=text) for _, text in EVENTS])
    pairs = [(EVENTS[i][0], EVENTS[j][0], groups[i] == groups[j]) for i, j in combinations(range(len(EVENTS)), 2)]
    assert {(a, b) for a, b, is_one in pairs if a == b and not is_one} == KNOWN_SPLIT
    assert {(a, b) for a, b, is_one in pairs if a != b and is_one} == KNOWN_MERGED


RENDERED = (
    "    at {name}({file}:{line}:5)",
    "  {name} in {file}:{line}",
    "  {name} ({file}:{line})",
    "  {file}:{line} in {name}",
    "  {file}:{line}:{name}",
    "  {file} in {name} at line {line}",
    "  [{file}:{line}] {name}",
    "  File {file}, line {line}, in {name}",
    "#2 {name} at {file}:{line}",
)
CALLS = {
    "js": (("renderCart", "https://x.example/static/main.{hash}.js"), ("update", "https://x.example/static/app.js")),
    "java": (("com.shop.Cart.total", "Cart.java"), ("com.shop.Checkout.run", "Checkout.java")),
    "ruby": (("total", "app/models/cart.rb"), ("show", "app/controllers/carts.rb")),
    "native": (("Store::read(int)", "src/store.cc"), ("Store::open()", "src/store.cc")),
}


def rendered(form: str, calls: tuple[tuple[str, str], ...], *, said: str, line: int) -> str:
    lines = [form.format(name=name, file=file.format(hash=f"{line:08x}"), line=line) for name, file in calls]
    return "\n".join([f"StoreError: {said}", *lines])


@pytest.mark.parametrize("form", RENDERED)
def test_a_stack_is_read_however_a_tracker_renders_it(form: str) -> None:
    events = [
        (language, rendered(form, calls, said=said, line=line))
        for language, calls in CALLS.items()
        for said, line in (("item 8 has no price", 12), ("the whole cart is gone", 31))
    ]
    groups = grouped([fingerprint(origin="ci", message=text) for _, text in events])
    together = {(a, b) for a, b in combinations(range(len(events)), 2) if groups[a] == groups[b]}
    assert together == {(a, b) for a, b in combinations(range(len(events)), 2) if events[a][0] == events[b][0]}


@pytest.mark.parametrize(
    "text",
    [
        "src/a.c:12:3: error: no such member\nsrc/b.c:14:3: error: no such member\nBuild: stopped",
        "TypeError: no price\n  see docs.py (a.py:3)\n",
        "  src/cart.test.ts (5.2 s)\n  src/api.test.ts (1.1 s)\nTests: 2 failed",
    ],
)
def test_what_compilers_and_prose_say_of_files_is_no_stack(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    "root",
    ["/home/runner/work/shop/shop", "/builds/acme/shop", "/__w/shop/shop", "/workspace", "/home/vsts/work/1/s", "/app",
     "/var/jenkins_home/workspace/shop_PR-12", "D:/a/shop/shop", "/drone/src"],
)  # fmt: skip
def test_a_file_has_one_name_wherever_a_ci_system_keeps_it(root: str) -> None:
    text = 'Traceback (most recent call last):\n  File "{}/train.py", line 9, in main\n    fit(x)\nValueError: 7 rows\n'
    script = "TypeError: x is not a function\n    at fit ({}/train.js:3:1)\n"
    for form in (text, script):
        here, there = (parse(form.format(place)) for place in (root, "/github/workspace"))
        assert here is not None
        assert there is not None
        assert [frame.module for frame in here.frames] == [frame.module for frame in there.frames]
