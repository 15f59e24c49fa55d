import os
from pathlib import Path

import numpy as np
import pytest

from training.command_line import DATA_DIR
from training.data.public_datasets import KINECT_FRAMES, read_kinect, read_natops, stretch_sequence
from training.data.skeletons import KINECT_BODY, NATOPS_ARMS
from training.data.windows import DataError

NAMES = {"X": np.ones((3, 9, 60), np.float32), "L": np.array([4, 9, 1]), "word": np.array(["b", "a", "b"])}
MADE = {**NAMES, "subj": np.array(["S1", "S2", "S2"])}


def test_kinect_sequences_are_read_at_one_length_without_their_padding(tmp_path: Path) -> None:
    padded = np.zeros((3, 9, 60), np.float32)
    padded[0, :4] = np.arange(1, 5)[:, None]
    np.savez(tmp_path / "made.npz", **{**MADE, "X": padded})  # type: ignore[arg-type]
    windows = read_kinect(tmp_path)
    assert windows.points.shape == (3, KINECT_FRAMES, 60)
    assert windows.layout == KINECT_BODY and windows.grouped_by == "signer"
    assert (windows.class_labels, windows.target.tolist()) == (("a", "b"), [1, 0, 1])
    # Around the neck's mean, from the first frame to the last that counts.
    assert windows.points[0, 0, 0] == pytest.approx(-1.5) and windows.points[0, -1, 0] == pytest.approx(1.5)


@pytest.mark.parametrize(
    "arrays, reason",
    [
        (NAMES, r"lacks the arrays \['subj'\]"),
        ({**MADE, "X": np.ones((3, 9, 57), np.float32)}, "expected"),
        (None, "0 .npz files"),
    ],
)
def test_other_kinect_files_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray] | None, reason: str) -> None:
    if arrays is not None:
        np.savez(tmp_path / "made.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=reason):
        read_kinect(tmp_path)


@pytest.mark.parametrize("frames", [1, 3, 5, 9])
def test_stretching_keeps_a_straight_line_straight(frames: int) -> None:
    line = np.linspace(0, 4, 5, dtype=np.float32)[:, None]
    np.testing.assert_allclose(stretch_sequence(line, frames)[:, 0], np.linspace(0, 4, frames), atol=1e-6)
    assert stretch_sequence(line[:1], frames).shape == (frames, 1)


def write_ts(folder: Path, part: str, labels: list[str], channels: int = 24) -> None:
    lines = ["#made", "@data"]
    for number, label in enumerate(labels):
        values = [f"{channel + number}.5,{channel + number}.25" for channel in range(channels)]
        lines.append(":".join([*values, label]))
    (folder / f"NATOPS_{part}.ts").write_text("\n".join(lines) + "\n")


def test_the_official_split_is_read_from_its_two_files(tmp_path: Path) -> None:
    write_ts(tmp_path, "TRAIN", ["2.0", "1.0"])
    write_ts(tmp_path, "TEST", ["1.0", "2.0", "2.0"])
    train, test = read_natops(tmp_path)
    assert (train.points.shape, test.points.shape) == ((2, 2, 24), (3, 2, 24))
    assert train.layout == NATOPS_ARMS
    assert train.target.tolist() == [1, 0]
    assert test.points[1, 1, 3] == 4.25


def test_a_split_that_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    write_ts(tmp_path, "TRAIN", ["1.0"])
    write_ts(tmp_path, "TEST", ["2.0"])
    with pytest.raises(DataError, match="differ in classes"):
        read_natops(tmp_path)
    write_ts(tmp_path, "TEST", ["1.0"], channels=3)
    with pytest.raises(DataError, match="3 channels, expected 24"):
        read_natops(tmp_path)


@pytest.mark.skipif(DATA_DIR not in os.environ, reason=f"{DATA_DIR} names no folder of the public data sets")
def test_the_public_sets_have_the_sizes_that_were_published() -> None:
    root = Path(os.environ[DATA_DIR])
    assert (len(read_kinect(root / "isl30_kinect")), len(read_kinect(root / "isl30_kinect").groups)) == (2700, 10)
    assert [len(part) for part in read_natops(root / "natops")] == [180, 180]
