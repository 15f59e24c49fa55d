"""Recordings: written, read back the same, refused in words when they are something else, and never unpickled."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landmarks.recording import Recording, RecordingError, join_recordings, read_recording, write_recording


def made_recording(windows: int = 3, frames: int = 8, fps: float = 30.0) -> Recording:
    generator = np.random.default_rng(0)
    return Recording(
        hands=generator.uniform(size=(windows, frames, 126)).astype(np.float32),
        label=np.array(["hello", "none", "yes"][:windows]),
        signer=np.array(["ana"] * windows),
        session=np.array(["lunes"] * windows),
        fps=fps,
    )


def arrays_of(recording: Recording) -> dict[str, Any]:
    return {
        "hands": recording.hands,
        "label": recording.label,
        "signer": recording.signer,
        "session": recording.session,
        "fps": np.float32(recording.fps),
    }


def test_what_was_written_is_read(tmp_path: Path) -> None:
    recording = made_recording()
    write_recording(recording, tmp_path / "a.npz")
    again = read_recording(tmp_path / "a.npz")
    assert (again.hands == recording.hands).all()
    for name in ("label", "signer", "session"):
        assert getattr(again, name).tolist() == getattr(recording, name).tolist()
    assert again.fps == 30.0


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    write_recording(made_recording(), tmp_path / "a.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"hands": np.zeros((3, 8, 84), np.float32)}, r"\(3, 8, 84\), expected \(N, T, 126\)"),
        ({"hands": np.full((3, 8, 126), np.inf, np.float32)}, "not finite"),
        ({"label": np.array(["a"])}, "expected one text for each of 3 windows"),
        ({"signer": np.array([1, 2, 3])}, "signer is int64"),
        ({"fps": np.float32(0)}, "fps is 0.0"),
        ({"fps": np.zeros(3, np.float32)}, "expected one number"),
        ({"session": None}, r"lacks the arrays \['session'\]"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    arrays = {name: array for name, array in {**arrays_of(made_recording()), **change}.items() if array is not None}
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(RecordingError, match=sentence):
        read_recording(tmp_path / "a.npz")


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    arrays = arrays_of(made_recording()) | {"label": np.array([{"code": 1}] * 3, dtype=object)}
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(RecordingError, match="can't be read"):
        read_recording(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 but no archive", b"hello"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(RecordingError, match="can't be read"):
        read_recording(tmp_path / "a.npz")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"nowhere\.npz"):
        read_recording(tmp_path / "nowhere.npz")


def test_recordings_of_one_shape_are_joined() -> None:
    joined = join_recordings(made_recording(2), made_recording(3))
    assert joined.hands.shape == (5, 8, 126)
    assert joined.label.tolist() == ["hello", "none", "hello", "none", "yes"]


@pytest.mark.parametrize("other", [made_recording(frames=9), made_recording(fps=15)])
def test_recordings_of_different_shape_are_not(other: Recording) -> None:
    with pytest.raises(RecordingError, match="can't share a file"):
        join_recordings(made_recording(), other)
