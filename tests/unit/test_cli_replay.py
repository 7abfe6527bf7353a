"""What `faultline replay` and `faultline rejected` say of what they do."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from streams.cli import rejected as commands
from streams.cli.replay import _Shown
from streams.replay.look import Looked
from streams.replay.run import Wanted
from streams.settings import Settings


@pytest.mark.parametrize(("is_dry", "times"), [(False, 2), (True, 0)])
def test_the_job_is_named_before_anything_is_sent(capsys: pytest.CaptureFixture[str], is_dry: bool, times: int) -> None:
    wanted = Wanted(
        topic=None,
        archive=None,
        from_ms=None,
        to_ms=None,
        is_backfill=False,
        counts_again=False,
        rate=None,
        job="replay-17",
        app_version="1",
    )
    shown = _Shown(wanted, Settings.read({}), is_dry=is_dry, now_ms=0)
    shown.looked(Looked())
    told = capsys.readouterr().err
    shown.close()
    assert told.count("replay-17") == times
    assert ("--job replay-17 goes on" in told) is not is_dry


@pytest.mark.parametrize(("more", "did"), [((), "would be deleted; with --yes they are"), (("--yes",), "deleted")])
def test_a_purge_counts_offsets_and_says_that_they_are_no_records(
    monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], did: str
) -> None:
    async def purge(*_: object, **__: object) -> dict[int, int]:
        return {0: 600, 3: 14}

    monkeypatch.setattr("streams.rejected.purge", purge)
    out = CliRunner().invoke(commands.app, ["purge", "--to", "1m", *more]).output
    assert out.splitlines()[-1] == f"614 offsets, those of transactions' marks among them, {did}"
