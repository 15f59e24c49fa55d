"""The order of the points, and poses that stay the same wherever and however large a person is."""

import numpy as np
import pytest

from landmarks.pose import (
    BONES,
    MIRRORED,
    POINT,
    POSE_NAMES,
    SHOULDERS_OVER_TRUNK,
    Array,
    compute_body_scale,
    normalise_pose,
    to_square_pixels,
)


def made_pose(frames: int = 4) -> Array:
    """Random points of a person, all seen."""
    draw = np.random.default_rng(3)
    return np.concatenate([draw.uniform(0.3, 0.7, (frames, 33, 2)), np.ones((frames, 33, 1))], -1).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "index"),
    [("nose", 0), ("left_ear", 7), ("left_shoulder", 11), ("right_wrist", 16), ("left_hip", 23), ("right_heel", 30)],
)
def test_points_have_mediapipes_indices(name: str, index: int) -> None:
    assert POINT[name] == index


def test_there_are_33_different_names() -> None:
    assert len(POSE_NAMES) == 33 == len(set(POSE_NAMES))


def test_mirroring_swaps_left_and_right_and_twice_is_nothing() -> None:
    assert MIRRORED[POINT["left_wrist"]] == POINT["right_wrist"]
    assert MIRRORED[POINT["mouth_right"]] == POINT["mouth_left"]
    assert MIRRORED[POINT["nose"]] == POINT["nose"]
    assert [MIRRORED[index] for index in MIRRORED] == list(range(33))


def test_bones_join_different_points() -> None:
    assert all(first != second for first, second in BONES)
    assert (POINT["left_knee"], POINT["left_ankle"]) in BONES


def test_a_pose_does_not_depend_on_place_or_size() -> None:
    pose = made_pose()
    moved = pose.copy()
    moved[..., :2] = pose[..., :2] * 0.5 + [0.2, -0.1]
    np.testing.assert_allclose(normalise_pose(moved), normalise_pose(pose), atol=2e-5)


def test_the_pelvis_is_the_origin_of_every_frame() -> None:
    normalised = normalise_pose(made_pose())
    hips = normalised[:, [POINT["left_hip"], POINT["right_hip"]], :2]
    np.testing.assert_allclose(hips.mean(axis=1), 0, atol=1e-6)


def test_points_without_visibility_become_zero() -> None:
    pose = made_pose()
    pose[2, POINT["nose"], 2] = 0
    assert (normalise_pose(pose)[2, POINT["nose"]] == 0).all()


def standing(breadth: float) -> Array:
    pose = made_pose(3)
    pose[:, POINT["left_shoulder"], :2] = [0.5 + breadth / 2, 0.3]
    pose[:, POINT["right_shoulder"], :2] = [0.5 - breadth / 2, 0.3]
    pose[:, POINT["left_hip"], :2] = pose[:, POINT["right_hip"], :2] = [0.5, 0.6]
    return pose


@pytest.mark.parametrize(("breadth", "scale"), [(0.4, 0.4), (0.0, 0.3 * SHOULDERS_OVER_TRUNK)])
def test_the_scale_is_the_shoulders_or_from_the_side_the_trunk(breadth: float, scale: float) -> None:
    assert compute_body_scale(standing(breadth)) == pytest.approx(scale, rel=1e-5)


def test_frames_with_hidden_shoulders_do_not_set_the_scale() -> None:
    pose = standing(0.4)
    pose[0, POINT["left_shoulder"]] = [9.0, 9.0, 0.1]
    assert compute_body_scale(pose) == pytest.approx(0.4, rel=1e-5)


def test_square_pixels_stretches_x_alone() -> None:
    pose = made_pose()
    square = to_square_pixels(pose, 1280, 720)
    np.testing.assert_allclose(square[..., 0], pose[..., 0] * 16 / 9, rtol=1e-6)
    assert (square[..., 1:] == pose[..., 1:]).all()
