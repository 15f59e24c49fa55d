import lightning as L
import numpy as np
import pytest
import torch

from training.data.windows import DataError, Windows
from training.engine.config import CONFIGS
from training.evaluation.cross_validation import (
    as_recorded,
    first_frames,
    inner_folds,
    leave_labels_out,
    leave_one_group_out,
    predict,
    resample_to,
    train_fold,
)
from training.synthetic.hands import make_windows


@pytest.fixture(scope="module")
def made() -> Windows:
    arrays = make_windows(windows_each=3, signers=3, frames=8, seed=0)
    labels, target = np.unique(arrays["label"].astype(np.str_), return_inverse=True)
    hands, signer = arrays["hands"].astype(np.float32), arrays["signer"].astype(np.str_)
    return Windows(hands, target.astype(np.int64), tuple(labels.tolist()), signer, "signer")


@pytest.mark.parametrize("view, frames", [(resample_to(30), 30), (first_frames(10), 10), (as_recorded, 20)])
def test_a_view_asks_for_times_inside_the_window(view: object, frames: int) -> None:
    times = view(20)  # type: ignore[operator]
    assert times.shape == (frames,)
    assert times.min() >= 0 and times.max() <= 19
    assert torch.all(times.diff() > 0)


def test_the_first_frames_of_a_shorter_window_are_all_of_it() -> None:
    assert first_frames(10)(6).tolist() == [0, 1, 2, 3, 4, 5]


def test_every_group_is_held_out_once_and_never_trained_with(made: Windows) -> None:
    folds = leave_one_group_out(made)
    assert [fold.name for fold in folds] == ["made_0", "made_1", "made_2"]
    for fold in folds:
        assert fold.held_out.groups == (fold.name,)
        assert fold.name not in fold.train.groups
        assert len(fold.train) + len(fold.held_out) == len(made)


def test_inner_folds_hold_each_person_of_the_training_out_and_never_know_the_one_held_out(made: Windows) -> None:
    (fold, *_) = leave_one_group_out(made)
    inner = inner_folds(fold)
    assert [each.name for each in inner] == ["made_0, then made_1", "made_0, then made_2"]
    for each, held in zip(inner, ("made_1", "made_2"), strict=True):
        assert each.held_out.groups == (held,)
        assert set(each.train.groups) == {"made_1", "made_2"} - {held}


def test_one_group_alone_can_not_be_left_out(made: Windows) -> None:
    with pytest.raises(DataError, match="fewer than two"):
        leave_one_group_out(made.select(made.group == "made_0"))


def test_labels_left_out_are_never_trained_and_count_as_unknown(made: Windows) -> None:
    vocabulary = ["made-clap", "made-grab", "made-point"]
    (fold,) = leave_labels_out(made, vocabulary, [["made-grab"]], ["made_1"], never=[])
    assert fold.train.class_labels == ("made-clap", "made-point")
    assert "made_1" not in fold.train.groups
    names = np.asarray(made.class_labels)[made.target[made.group == "made_1"]]
    expected = [{"made-clap": 0, "made-point": 1}.get(name, -1) for name in names]
    assert fold.held_out.target.tolist() == expected
    assert -1 in expected


def test_labels_that_development_looked_at_are_not_held_out(made: Windows) -> None:
    vocabulary = ["made-clap", "made-grab", "made-point"]
    (fold,) = leave_labels_out(made, vocabulary, [["made-grab"]], ["made_1"], never=["made-wave"])
    assert len(fold.held_out) == 9


def test_each_fold_is_trained_anew_and_answers_in_every_view(made: Windows) -> None:
    config, networks = CONFIGS["bigru"], []
    for fold in leave_one_group_out(made)[:2]:
        networks.append(train_fold(fold, config, seed=0, max_epochs=1, batch_size=16, progress=L.Callback()))
        for view in (as_recorded, resample_to(30), first_frames(4)):
            held = predict(networks[-1], fold.held_out, config, view)
            assert held.probabilities.shape == (12, 4)
            np.testing.assert_allclose(held.probabilities.sum(axis=1), 1)
    assert networks[0] is not networks[1]
