"""The verdicts that end a run."""

import pytest

from benchmarks.tables import report_pass_fail


@pytest.mark.parametrize(("second", "status"), [(True, 0), (False, 1)])
def test_a_missed_criterion_is_named_and_fails_the_run(
    second: bool, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report_pass_fail({"quick": True, "flat": second}) == status
    assert capsys.readouterr().out.splitlines() == ["met    quick", f"{'met   ' if second else 'MISSED'} flat"]
