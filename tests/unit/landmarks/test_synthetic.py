import numpy as np
import pytest

from landmarks.hands import FINGER_TIPS, WRIST, compute_presence
from landmarks.synthetic import make_hand, make_window


def test_a_closed_hand_has_its_finger_tips_nearer_to_the_wrist_than_an_open_one() -> None:
    opened, closed = make_hand(np.array([np.zeros(5), np.ones(5)]))
    reach = [np.linalg.norm(hand[list(FINGER_TIPS)] - hand[WRIST], axis=1) for hand in (opened, closed)]
    assert (reach[1] < 0.75 * reach[0]).all()
    assert (opened[:, 2] == 0).all() and (opened[list(FINGER_TIPS[1:]), 1] < -1).all()


def test_one_finger_moves_by_itself_and_bones_have_the_length_of_their_proportions() -> None:
    flexion = np.zeros(5)
    flexion[1] = 1
    moved = (make_hand(flexion) != make_hand(np.zeros(5))).any(axis=1)
    assert np.flatnonzero(moved).tolist() == [6, 7, 8]
    hands = [make_hand(flexion, proportions=np.full((5, 3), factor)) for factor in (1.0, 1.5)]
    bones = [np.linalg.norm(np.diff(hand[5:9], axis=0), axis=1) for hand in hands]
    assert bones[1] == pytest.approx(1.5 * bones[0])


def test_bones_keep_their_length_while_fingers_close() -> None:
    hands = make_hand(np.array([0.0, 0.5, 1.0])[:, None] * np.ones(5))
    lengths = np.linalg.norm(np.diff(hands[:, 5:9], axis=1), axis=-1)
    assert hands.shape == (3, 21, 3)
    np.testing.assert_allclose(lengths[1:], np.stack([lengths[0]] * 2))


@pytest.mark.parametrize("use_z, width", [(False, 84), (True, 126)])
def test_a_window_has_two_hands_in_every_frame_inside_the_image(use_z: bool, width: int) -> None:
    for seed in range(50):
        window = make_window(30, use_z=use_z, seed=seed)
        assert window.shape == (30, width) and window.dtype == np.float32
        assert (compute_presence(window) == 1).all()
        xy = window.reshape(30, 2, 21, -1)[..., :2]
        assert xy.min() > 0 and xy.max() < 1
        steps = np.linalg.norm(np.diff(xy[:, :, WRIST], axis=0), axis=-1)
        assert 0 < steps.max() < 0.05


def test_a_seed_gives_the_same_window_again_and_another_seed_another_one() -> None:
    assert np.array_equal(make_window(seed=3), make_window(seed=3))
    assert not np.array_equal(make_window(seed=3), make_window(seed=4))
