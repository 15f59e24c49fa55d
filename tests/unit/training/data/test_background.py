from dataclasses import replace

import numpy as np

from training.data.background import GROUP, fit_background, mix_in_background, read_background
from training.data.windows import Windows


def made(labels: tuple[str, ...], width: int = 126) -> Windows:
    target = np.arange(4, dtype=np.int64) % len(labels)
    points = np.random.default_rng(0).random((4, 12, width), dtype=np.float32)
    return Windows(points, target, labels, np.array(["ana"] * 4), "signer")


def test_both_halves_of_the_background_are_movements_of_hands_and_share_no_window() -> None:
    train, held_out = (read_background(held_out=held_out) for held_out in (False, True))
    assert train.shape == held_out.shape and train.shape[2] == 126
    assert train.any(axis=(1, 2)).all() and train.min() > -1 and train.max() < 2
    assert not {window.tobytes() for window in train} & {window.tobytes() for window in held_out}


def test_the_background_becomes_windows_as_those_it_joins() -> None:
    assert fit_background(made(("a", "b"), width=84), held_out=False).shape[1:] == (12, 84)
    assert fit_background(made(("a", "b")), held_out=True).shape[1:] == (12, 126)


def test_mixed_in_it_is_none_which_becomes_a_label_in_its_place() -> None:
    windows = made(("point", "wave"))
    mixed = mix_in_background(windows)
    assert mixed.class_labels == ("none", "point", "wave")
    names = np.asarray(mixed.class_labels)[mixed.target]
    assert names[:4].tolist() == ["point", "wave", "point", "wave"]
    assert set(names[4:]) == {"none"} and set(mixed.group[4:]) == {GROUP}
    assert np.array_equal(mixed.points[:4], windows.points)


def test_who_recorded_none_keeps_the_labels() -> None:
    windows = replace(made(("none", "wave")))
    assert mix_in_background(windows).class_labels == ("none", "wave")
