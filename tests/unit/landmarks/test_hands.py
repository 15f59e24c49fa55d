"""The window's layout, worked by hand."""

import numpy as np
import pytest

from landmarks.hands import apply_mask, compute_presence, drop_z, feature_dim, hand_box_normalise, split_hands


def window_with(left: float, right: float, use_z: bool = False) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    half = feature_dim(use_z) // 2
    return np.concatenate([np.full((3, half), left), np.full((3, half), right)], axis=1).astype(np.float32)


@pytest.mark.parametrize(("use_z", "width"), [(False, 84), (True, 126)])
def test_a_frame_is_two_hands_of_21_points(use_z: bool, width: int) -> None:
    assert feature_dim(use_z) == width
    assert split_hands(np.zeros((5, width), np.float32)).shape == (5, 2, 21, width // 42)


def test_a_window_of_another_width_is_refused_with_what_was_found() -> None:
    with pytest.raises(ValueError, match="84 or 126 numbers a frame, found 85"):
        split_hands(np.zeros((5, 85), np.float32))


def test_the_left_hand_comes_first() -> None:
    hands = split_hands(window_with(1.0, 2.0))
    assert (hands[:, 0] == 1.0).all()
    assert (hands[:, 1] == 2.0).all()


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [(0.5, 0.5, [1, 1]), (0.0, 0.5, [0, 1]), (0.5, 0.0, [1, 0]), (0.0, 0.0, [0, 0]), (-0.5, 0.5, [1, 1])],
)
@pytest.mark.parametrize("use_z", [False, True])
def test_a_hand_is_present_where_any_number_is_not_zero(
    left: float, right: float, expected: list[int], use_z: bool
) -> None:
    presence = compute_presence(window_with(left, right, use_z))
    assert presence.dtype == np.float32
    assert presence.tolist() == [expected] * 3


def test_one_number_is_enough_to_be_present() -> None:
    window = np.zeros((1, 84), np.float32)
    window[0, 83] = 1e-3
    assert compute_presence(window).tolist() == [[0.0, 1.0]]


def test_the_mask_multiplies_its_own_hand_only() -> None:
    mask = np.array([[1, 0], [0, 1], [0.5, 1]], dtype=np.float32)
    hands = split_hands(apply_mask(window_with(1.0, 2.0), mask))
    assert hands[:, :, 0, 0].tolist() == [[1, 0], [0, 2], [0.5, 2]]


def test_dropping_z_keeps_every_x_and_y_in_place() -> None:
    window = np.arange(126, dtype=np.float32)[None]
    assert drop_z(window)[0, :6].tolist() == [0, 1, 3, 4, 6, 7]
    assert drop_z(drop_z(window)).shape == (1, 84)


def test_hand_box_maps_a_present_hand_to_its_own_box_and_leaves_an_absent_one_zero() -> None:
    window = np.zeros((1, 1, 2, 21, 2), np.float32)
    window[0, 0, 0, :, 0] = np.linspace(0.2, 0.4, 21)
    window[0, 0, 0, :, 1] = np.linspace(0.9, 0.5, 21)
    boxed = split_hands(hand_box_normalise(window.reshape(1, 1, 84)))
    np.testing.assert_allclose(boxed[0, 0, 0, :, 0], np.linspace(0, 1, 21), atol=1e-6)
    np.testing.assert_allclose(boxed[0, 0, 0, :, 1], np.linspace(1, 0, 21), atol=1e-6)
    assert (boxed[0, 0, 1] == 0).all()


def test_hand_box_standardises_z_over_the_points_of_a_hand() -> None:
    window = np.random.default_rng(0).uniform(0.1, 0.9, size=(4, 126)).astype(np.float32)
    z = split_hands(hand_box_normalise(window))[..., 2]
    np.testing.assert_allclose(z.mean(axis=-1), 0, atol=1e-5)
    np.testing.assert_allclose(z.std(axis=-1), 1, atol=1e-4)


def test_a_hand_that_is_a_single_point_maps_to_the_corner_of_its_box() -> None:
    assert (hand_box_normalise(window_with(0.3, 0.3)) == 0).all()
