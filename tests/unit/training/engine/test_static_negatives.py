import numpy as np
import pytest
import torch

from training.data.windows import Windows
from training.engine.static_negatives import find_static_labels, make_static_windows
from training.synthetic.hands import make_windows


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_a_window_held_still_is_one_of_its_moments_all_the_time() -> None:
    sequence = torch.rand(4, 9, 84, generator=generator())
    held, presence = make_static_windows(sequence, torch.ones(4, 9, 2), 0.0, generator())
    assert (presence == 1).all()
    for before, after in zip(sequence, held, strict=True):
        assert torch.equal(after, after[:1].expand(9, -1))
        assert any(torch.equal(after[0], frame) for frame in before)


def test_what_is_held_is_a_moment_at_which_something_is_there() -> None:
    presence = torch.zeros(200, 9, 2)
    presence[:, 4, 1] = 1
    sequence = torch.rand(200, 9, 84, generator=generator()) * presence.repeat_interleave(42, dim=-1)
    held, there = make_static_windows(sequence, presence, 0.01, generator())
    assert (there == torch.tensor([0.0, 1.0])).all()
    assert (held[..., :42] == 0).all() and (held[..., 42:] != 0).all()


def test_the_trackers_noise_stays() -> None:
    held, _ = make_static_windows(torch.zeros(50, 9, 84), torch.ones(50, 9, 2), 0.01, generator())
    assert held.std() == pytest.approx(0.01, rel=0.05)


def labelled(*, still: bool) -> Windows:
    arrays = make_windows(windows_each=3, signers=2, frames=12, seed=0)
    hands = arrays["hands"].astype(np.float32)
    labels, target = np.unique(arrays["label"].astype(np.str_), return_inverse=True)
    if still:
        wave = target == labels.tolist().index("made-wave")
        hands[wave] = hands[wave][:, :1]
    return Windows(hands, target.astype(np.int64), tuple(labels.tolist()), arrays["signer"].astype(np.str_), "signer")


def test_labels_that_move_are_not_still() -> None:
    assert find_static_labels(labelled(still=False)) == ()


def test_a_label_whose_windows_hardly_move_is_still() -> None:
    assert find_static_labels(labelled(still=True)) == ("made-wave",)


def test_windows_that_show_nothing_say_nothing_about_their_label() -> None:
    windows = labelled(still=False)
    windows.points[windows.target == 0] = 0
    assert find_static_labels(windows) == ()


def test_a_batch_of_which_no_window_was_chosen_stays_empty() -> None:
    still, there = make_static_windows(torch.zeros(0, 20, 84), torch.zeros(0, 20, 2), 0.004, torch.Generator())
    assert still.shape == (0, 20, 84)
    assert there.shape == (0, 20, 2)
