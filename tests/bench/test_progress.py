"""Progress says how much is done and how long the rest will take."""

import re

import pytest

from bench.progress import Progress


def test_a_step_moves_the_share_and_the_last_one_leaves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(40.0)
    progress.say("starting")
    progress.step(10.0, "one")
    progress.step(30.0, "two")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "[  0%] starting"
    assert re.fullmatch(r"\[ 25%\] one; about \d+\.\d min left", lines[1])
    assert lines[2] == "[100%] two; about 0.0 min left"


def test_steps_that_nobody_planned_leave_nothing_either(capsys: pytest.CaptureFixture[str]) -> None:
    Progress(0.0).step(10.0, "more")
    assert capsys.readouterr().out == "[100%] more; about 0.0 min left\n"
