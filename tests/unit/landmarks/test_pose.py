"""The order of the points, left and right, and the bones between them."""

import pytest

from landmarks.pose import BONES, MIRRORED, POINT, POSE_NAMES


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
