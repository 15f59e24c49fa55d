from pathlib import Path

import numpy as np
import pytest

from training.data.recordings import OtherSigns, add_other_signs, parse_other_signs
from training.data.windows import DataError, Windows


def made() -> Windows:
    points = np.random.default_rng(0).random((6, 12, 126), dtype=np.float32)
    target = np.array([0, 1, 2, 3, 0, 1], dtype=np.int64)
    return Windows(points, target, ("a", "hello", "none", "yes"), np.array(["ana"] * 6), "signer")


def write(folder: Path, labels: list[str], frames: int = 40, width: int = 126, **arrays: object) -> Path:
    folder.mkdir()
    hands = np.random.default_rng(1).random((len(labels), frames, width), dtype=np.float32)
    np.savez(folder / "r.npz", hands=hands, label=labels, signer=["x"] * len(labels), **arrays)  # type: ignore[arg-type]
    return folder


@pytest.mark.parametrize(
    "text, folder, same",
    [
        ("data/dgs", "data/dgs", {}),
        ("tut:hello,idle=none", "tut", {"hello": "hello", "idle": "none"}),
    ],
)
def test_a_folder_names_the_labels_that_are_the_same_signs(text: str, folder: str, same: dict[str, str]) -> None:
    assert parse_other_signs(text) == OtherSigns(Path(folder), same)


def test_other_signs_follow_the_labels_and_none_is_the_last_of_these(tmp_path: Path) -> None:
    folder = write(tmp_path / "tut", ["hello", "idle", "bye", "hello"])
    joined = add_other_signs(made(), ["hello", "none", "yes"], [OtherSigns(folder, {"hello": "hello", "idle": "none"})])
    assert (joined.class_labels, joined.other_labels) == (("hello", "yes", "none"), ("tut bye",))
    # Both windows of "a" are left out: it is neither a label nor another sign.
    assert joined.target.tolist() == [0, 2, 1, 0, 0, 2, 3, 0]
    assert joined.points.shape == (8, 30, 126)
    assert joined.group.tolist() == ["ana"] * 4 + ["tut x"] * 4


def test_recordings_of_different_lengths_are_cut_at_their_own_end(tmp_path: Path) -> None:
    hands = np.zeros((2, 40, 126), np.float32)
    hands[0, :10], hands[1] = 0.25, 0.5
    (tmp_path / "dgs").mkdir()
    np.savez(tmp_path / "dgs" / "r.npz", hands=hands, label=["x", "y"], length=[10, 40])
    joined = add_other_signs(made(), None, [OtherSigns(tmp_path / "dgs", {})])
    assert (joined.points[-2] == 0.25).all() and (joined.points[-1] == 0.5).all()


@pytest.mark.parametrize(
    "length, reason",
    [([10], r"length is int64 \(1,\), expected one whole number"), ([0, 41], "length has 0 to 41, expected 1 to 40")],
)
def test_lengths_that_are_none_are_refused(tmp_path: Path, length: list[int], reason: str) -> None:
    folder = write(tmp_path / "dgs", ["x", "y"], length=length)
    with pytest.raises(DataError, match=reason):
        add_other_signs(made(), None, [OtherSigns(folder, {})])


@pytest.mark.parametrize("labels, reason", [(["hello", "yes"], "no none"), (["none", "wave"], r"\['wave'\], which")])
def test_labels_that_cannot_be_chosen_are_refused(labels: list[str], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        add_other_signs(made(), labels, [])


def test_other_signs_of_another_width_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "flat", ["x"], width=84)
    with pytest.raises(DataError, match="has 84 numbers a frame, expected 126"):
        add_other_signs(made(), None, [OtherSigns(folder, {})])
