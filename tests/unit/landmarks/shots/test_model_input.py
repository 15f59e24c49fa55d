"""One shot from two cameras, trackers or hands is one input of the model."""

from dataclasses import replace

import numpy as np
import pytest

from landmarks.pose import MIRRORED, POINT
from landmarks.shots.keypoints import PoseTrack, ShotWindow
from landmarks.shots.model_input import make_model_input
from testkit.shots import TIMES, made_body

WINDOW = ShotWindow(1.45)


def filmed() -> PoseTrack:
    """The made body from its right, 4 m high and 3 m wide, every point seen."""
    body = made_body(dimensions=2)
    points = np.ones((90, 33, 3), np.float32)
    points[..., 0], points[..., 1] = 0.5 + body[..., 0] / 3, 1 - body[..., 1] / 4
    return PoseTrack(points, TIMES, tuple(range(90)), 900, 1200)


def test_the_input_is_the_window_at_thirty_frames_a_second() -> None:
    assert make_model_input(filmed(), WINDOW, "right").shape == (21, 33, 3)


def test_a_mirrored_player_gives_the_same_input() -> None:
    track = filmed()
    points = track.points[:, list(MIRRORED)].copy()
    points[..., 0] = 1 - points[..., 0]
    expected = make_model_input(track, WINDOW, "right")
    np.testing.assert_allclose(make_model_input(replace(track, points=points), WINDOW, "left"), expected, atol=1e-6)


def test_black_bars_do_not_change_the_persons_shape() -> None:
    track = filmed()
    points = track.points.copy()
    points[..., 0] = 0.5 + (points[..., 0] - 0.5) / 2
    wide = replace(track, points=points, width=1800)
    np.testing.assert_allclose(
        make_model_input(wide, WINDOW, "right"), make_model_input(track, WINDOW, "right"), atol=1e-6
    )


@pytest.mark.parametrize("visibility", [0.05, 0.29, 0.31, 0.6])
def test_how_sure_the_tracker_is_of_a_joint_does_not_matter(visibility: float) -> None:
    track = filmed()
    points = track.points.copy()
    points[:, POINT["left_wrist"], 2] = visibility
    np.testing.assert_array_equal(
        make_model_input(replace(track, points=points), WINDOW, "right"), make_model_input(track, WINDOW, "right")
    )


def test_fingers_and_feet_that_are_not_given_lie_on_the_arm_and_at_the_ankle() -> None:
    track = filmed()
    points = track.points.copy()
    points[:, [POINT["right_index"], POINT["right_heel"]]] = 0
    given = make_model_input(replace(track, points=points), WINDOW, "right")
    wrist, elbow = given[:, POINT["right_wrist"]], given[:, POINT["right_elbow"]]
    np.testing.assert_allclose(given[:, POINT["right_index"], :2], (wrist + 0.411 * (wrist - elbow))[:, :2], atol=1e-3)
    np.testing.assert_array_equal(given[:, POINT["right_heel"]], given[:, POINT["right_ankle"]])
