"""Aims: the verdicts that end a run."""

import pytest

from bench.aims import judged


@pytest.mark.parametrize(("second", "status"), [(True, 0), (False, 1)])
def test_a_missed_aim_is_named_and_fails_the_run(second: bool, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert judged({"quick": True, "flat": second}) == status
    assert capsys.readouterr().out.splitlines() == ["met    quick", f"{'met   ' if second else 'MISSED'} flat"]
