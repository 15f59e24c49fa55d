"""The flags that the service is started with are the file's, all of them."""

from pathlib import Path

import pytest

from testkit import service
from testkit.processes import StartError
from testkit.service import read_fast_path


def test_the_flags_are_the_lines_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "FAST_PATH", tmp_path / "fastpath.env")
    service.FAST_PATH.write_text("# why\nRAY_SERVE_ENABLE_HA_PROXY=1\n\nQUOTED='a b'\n")
    assert read_fast_path() == {"RAY_SERVE_ENABLE_HA_PROXY": "1", "QUOTED": "a b"}


def test_a_line_without_a_value_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "FAST_PATH", tmp_path / "fastpath.env")
    service.FAST_PATH.write_text("RAY_SERVE_ENABLE_HA_PROXY\n")
    with pytest.raises(StartError, match="RAY_SERVE_ENABLE_HA_PROXY without a value"):
        read_fast_path()
