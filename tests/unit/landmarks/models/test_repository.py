from pathlib import Path

import pytest

from landmarks.models.card import ModelError
from landmarks.models.repository import list_version_folders, open_newest, parse_versions
from testkit.model_files import write_version


def test_versions_are_numbers_in_ascii_digits_oldest_first() -> None:
    assert parse_versions(["10", "9", "²", "latest", "", "-1", "1.0", ".3.partial"]) == [9, 10]


def test_folders_of_versions_have_a_card_and_come_newest_first(tmp_path: Path) -> None:
    two, ten = (write_version(tmp_path, version) for version in (2, 10))
    (tmp_path / "gesture" / "11").mkdir()
    assert list_version_folders(tmp_path / "gesture") == [ten, two]


def test_the_newest_version_that_loads_is_opened(tmp_path: Path) -> None:
    write_version(tmp_path, 1)
    (write_version(tmp_path, 2) / "model.onnx").write_bytes(b"no model")
    session, version = open_newest(tmp_path / "gesture")
    assert (version, session.kind) == ("1", "gesture")
    with pytest.raises(ModelError, match=r"no version that can be loaded: 2: .*; 1: .*gesture model, expected a shot"):
        open_newest(tmp_path / "gesture", kind="shot")
