from pathlib import Path

import numpy as np
import pytest

from training.datasets import DataError, Windows, read_windows, split_windows
from training.simulate import make_windows


@pytest.fixture
def made(tmp_path: Path) -> Path:
    arrays = make_windows(windows_each=3, signers=3, frames=8, seed=0)
    np.savez(tmp_path / "made.npz", hands=arrays["hands"], label=arrays["label"], signer=arrays["signer"])
    return tmp_path


def test_a_folder_of_windows_is_read(made: Path) -> None:
    windows = read_windows(made)
    assert windows.points.shape == (36, 8, 126)
    assert windows.class_labels == ("made-clap", "made-grab", "made-point", "made-wave")
    assert windows.groups == ("made_0", "made_1", "made_2")
    assert windows.grouped_by == "signer"
    assert windows.presence.shape == (36, 8, 2)


@pytest.mark.parametrize("seed", range(5))
def test_a_split_by_signer_never_leaks_a_signer(made: Path, seed: int) -> None:
    train, validation = split_windows(read_windows(made), "signer", seed)
    assert validation is not None
    assert not set(train.groups) & set(validation.groups)
    assert len(train) + len(validation) == 36
    assert len(validation) == 12


def test_a_random_split_keeps_a_fifth_back_and_none_keeps_nothing(made: Path) -> None:
    train, validation = split_windows(read_windows(made), "random", 0)
    assert validation is not None
    assert (len(train), len(validation)) == (29, 7)
    assert split_windows(read_windows(made), "none", 0)[1] is None


def test_a_split_the_data_does_not_have_is_refused(made: Path) -> None:
    with pytest.raises(DataError, match="grouped by signer"):
        split_windows(read_windows(made), "session", 0)


def test_a_split_of_one_person_is_refused(made: Path) -> None:
    windows = read_windows(made)
    with pytest.raises(DataError, match="at least two groups"):
        split_windows(windows.take(windows.group == "made_0"), "signer", 0)


def test_only_some_labels_keep_their_names(made: Path) -> None:
    windows = read_windows(made)
    some = windows.only_labels(["made-wave", "made-grab"])
    names = np.asarray(windows.class_labels)[windows.target]
    assert some.class_labels == ("made-grab", "made-wave")
    expected = [name for name in names if name in some.class_labels]
    assert [some.class_labels[index] for index in some.target] == expected
    with pytest.raises(DataError, match="made-up"):
        windows.only_labels(["made-up"])


def test_common_labels_are_those_of_every_signer(made: Path) -> None:
    windows = read_windows(made)
    without = (windows.group == "made_1") & (windows.target == 0)
    assert windows.take(~without).common_labels() == ("made-grab", "made-point", "made-wave")


HANDS = np.zeros((2, 4, 84), np.float32)
LABEL = np.array(["a", "b"])


@pytest.mark.parametrize(
    "arrays, reason",
    [
        ({"hands": HANDS}, "no array label"),
        ({"label": LABEL}, "no array hands"),
        ({"hands": HANDS[:, :, :80], "label": LABEL}, "expected"),
        ({"hands": HANDS, "label": LABEL[:1]}, "expected as many each"),
        ({"hands": np.full_like(HANDS, np.nan), "label": LABEL}, "not finite"),
        ({"hands": HANDS, "label": np.array([{}, {}])}, "can't be read"),
    ],
)
def test_a_file_that_is_no_data_set_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray], reason: str) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=reason):
        read_windows(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.npz file"):
        read_windows(tmp_path)


def test_windows_without_a_person_say_so(tmp_path: Path) -> None:
    np.savez(tmp_path / "plain.npz", hands=HANDS, label=LABEL)
    windows: Windows = read_windows(tmp_path)
    assert windows.grouped_by is None
