"""The flags that the service is started with are the file's, all of them."""

from pathlib import Path

import pytest

from bench import BenchError
from bench.peer import fast_path_flags


def test_the_flags_are_the_lines_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "fastpath.env"
    path.write_text("# why\nRAY_SERVE_ENABLE_HA_PROXY=1\n\nQUOTED='a b'\n")
    assert fast_path_flags(path) == {"RAY_SERVE_ENABLE_HA_PROXY": "1", "QUOTED": "a b"}


def test_a_line_without_a_value_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fastpath.env"
    path.write_text("RAY_SERVE_ENABLE_HA_PROXY\n")
    with pytest.raises(BenchError, match="RAY_SERVE_ENABLE_HA_PROXY has no value"):
        fast_path_flags(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"nothing\.env is missing"):
        fast_path_flags(tmp_path / "nothing.env")
