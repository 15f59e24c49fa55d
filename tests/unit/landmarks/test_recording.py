"""Recordings: written, read back the same, refused in words when they are something else, and never unpickled."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landmarks.files import arrays as array_file
from landmarks.files.atomic import replace_file
from landmarks.recording import (
    Recording,
    RecordingError,
    join_recordings,
    read_labelled_hands,
    read_recording,
    write_recording,
)


def made_recording(windows: int = 3, frames: int = 8, fps: float = 30.0) -> Recording:
    generator = np.random.default_rng(0)
    return Recording(
        hands=generator.uniform(size=(windows, frames, 126)).astype(np.float32),
        label=np.array(["hello", "none", "yes"][:windows]),
        signer=np.array(["ana"] * windows),
        session=np.array(["lunes"] * windows),
        fps=fps,
    )


def make_arrays(recording: Recording) -> dict[str, Any]:
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
        ({"hands": np.full((3, 8, 126), 1e300)}, "not finite"),
        ({"hands": np.zeros((3, 8, 126), np.complex64)}, "a.npz: hands has the type complex64, expected numbers"),
        ({"hands": np.full((3, 8, 126), "x")}, "hands has the type <U1, expected numbers"),
        ({"hands": np.zeros((0, 8, 126), np.float32)}, r"\(0, 8, 126\), expected"),
        ({"hands": np.zeros((3, 0, 126), np.float32)}, r"\(3, 0, 126\), expected"),
        ({"label": np.array(["a"])}, "expected one text for each of 3 windows"),
        ({"signer": np.array([1, 2, 3])}, "signer is int64"),
        ({"fps": np.float32(0)}, "fps is 0.0"),
        ({"fps": np.float32(1e-9)}, "expected 1 to 1000"),
        ({"fps": np.float32("nan")}, "fps is nan"),
        ({"fps": np.array("30")}, "fps has the type <U2, expected numbers"),
        ({"fps": np.zeros(3, np.float32)}, "expected one number"),
        ({"session": None}, r"lacks the arrays \['session'\]"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    arrays = {name: array for name, array in {**make_arrays(made_recording()), **change}.items() if array is not None}
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(RecordingError, match=sentence):
        read_recording(tmp_path / "a.npz")


def test_pickled_arrays_are_refused_without_advice_to_load_them(tmp_path: Path) -> None:
    arrays = make_arrays(made_recording()) | {"label": np.array([{"code": 1}] * 3, dtype=object)}
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(RecordingError, match="label holds Python objects, expected numbers or text") as refused:
        read_recording(tmp_path / "a.npz")
    assert "allow_pickle" not in str(refused.value)


def as_npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def whole_file() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **make_arrays(made_recording()))
    return file.getvalue()


def with_member(name: str, content: bytes) -> bytes:
    """A recording's file with one array's bytes replaced."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, array in make_arrays(made_recording()).items():
            archive.writestr(f"{key}.npy", content if key == name else as_npy(array))
    return file.getvalue()


def claims(shape: str) -> bytes:
    """The header of an array of a shape, with hardly any data."""
    return as_npy(np.zeros((8, 126), np.float32)).replace(b"(8, 126), }     ", f"{shape}, }}".encode().ljust(16))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (lambda: b"", "it is an empty file, expected a whole .npz file of NumPy"),
        (lambda: b"PK\x03\x04 but no archive", "expected a whole .npz file of NumPy"),
        (lambda: b"my notes", "it is a file that begins with b'my notes', expected a whole .npz file of NumPy"),
        (lambda: as_npy(np.zeros(3)), "begins with b..x93NUMPY"),
        (lambda: whole_file()[:-200], "it is cut off, expected a whole .npz file of NumPy"),
        (lambda: whole_file()[:200] + b"!" * 50 + whole_file()[250:], "it is damaged: copy or record it again$"),
        (lambda: with_member("hands", b"no array"), "it is damaged"),
        (lambda: with_member("hands", claims("(99999999, 9)")), "hands has 4032 bytes, expected 3599999964"),
        (lambda: with_member("hands", claims("(-1, -1008)")), "it is damaged"),
        (lambda: with_member("label", b"\x93NUMPY\x09\x00" + bytes(200)), "it is damaged"),
    ],
)
def test_another_file_is_refused_in_words_of_our_own(
    tmp_path: Path, content: Callable[[], bytes], sentence: str
) -> None:
    (tmp_path / "a.npz").write_bytes(content())
    with pytest.raises(RecordingError, match=rf"a.npz can't be read as a recording: .*{sentence}") as refused:
        read_recording(tmp_path / "a.npz")
    assert "allow_pickle" not in str(refused.value)


def test_a_file_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "a.npz", **make_arrays(made_recording()) | {"hands": np.zeros((3, 3000, 126))})
    assert (tmp_path / "a.npz").stat().st_size < 100_000
    monkeypatch.setattr(array_file, "MAX_BYTES", 1_000_000)
    with pytest.raises(RecordingError, match=r"it has arrays of 90\d+ bytes, expected at most 1000000"):
        read_recording(tmp_path / "a.npz")
    monkeypatch.setattr(array_file, "MAX_BYTES", 1000)
    with pytest.raises(RecordingError, match=r"it has \d+ bytes, expected at most 1000"):
        read_recording(tmp_path / "a.npz")


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8])
def test_numbers_of_another_type_are_read(tmp_path: Path, dtype: type[np.generic]) -> None:
    np.savez(tmp_path / "a.npz", **make_arrays(made_recording()) | {"hands": np.ones((3, 8, 126), dtype)})
    assert read_recording(tmp_path / "a.npz").hands.dtype == np.float32


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"the only copy")
    with pytest.raises(KeyboardInterrupt), replace_file(path) as file:
        file.write(b"half of")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"the only copy"
    assert [found.name for found in tmp_path.iterdir()] == ["a.npz"]


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


def test_a_file_of_hands_and_labels_alone_is_read_as_labelled_hands(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", hands=np.ones((2, 8, 84), np.float16), label=np.array([1, 2]))
    found = read_labelled_hands(tmp_path / "a.npz")
    assert found.hands.dtype == np.float32 and found.hands.shape == (2, 8, 84)
    assert (found.label.tolist(), found.signer, found.session, found.fps) == (["1", "2"], None, None, None)


def test_a_column_of_bytes_that_are_no_text_is_rejected(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", hands=np.ones((1, 8, 84), np.float32), label=np.array([b"\xff"]))
    with pytest.raises(RecordingError, match=r"a.npz: label is \|S1 \(1,\), expected one text for each of 1 windows"):
        read_labelled_hands(tmp_path / "a.npz")


def test_labelled_hands_have_a_limit_of_their_own(tmp_path: Path) -> None:
    write_recording(made_recording(), tmp_path / "a.npz")
    assert read_labelled_hands(tmp_path / "a.npz").fps == 30.0
    with pytest.raises(RecordingError, match="expected at most 100"):
        read_labelled_hands(tmp_path / "a.npz", max_bytes=100)
