import numpy as np
import pytest

from landmarks.hands import compute_presence, split_hands
from training.synthetic.hands import GESTURES, Signer, make_window, make_windows


@pytest.mark.parametrize("name", GESTURES)
def test_a_made_gesture_shows_the_hands_it_uses(name: str) -> None:
    draw = np.random.default_rng(0)
    window = make_window(GESTURES[name], Signer.sample(draw), 20, draw)
    assert window.shape == (20, 126)
    assert window.dtype == np.float32
    assert (compute_presence(window) == [float(GESTURES[name].both_hands), 1.0]).all()


def test_made_windows_move_little_from_frame_to_frame() -> None:
    arrays = make_windows(windows_each=2, signers=2, frames=20, seed=0)
    hands = split_hands(np.asarray(arrays["hands"], dtype=np.float32))
    assert np.abs(np.diff(hands[..., 0, :2], axis=1)).max() < 0.15


def test_the_same_seed_makes_the_same_data() -> None:
    first, second = (make_windows(windows_each=1, signers=1, frames=6, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first["hands"], second["hands"])
