"""Angles, speeds and peaks on cases worked by hand."""

import numpy as np
import pytest

from landmarks.pose import POINT, Floats
from landmarks.shots.keypoints import PoseTrack
from landmarks.shots.kinematics import (
    Motion,
    MotionError,
    compute_angle,
    compute_image_motion,
    compute_joint_angle,
    compute_joint_angles,
    compute_motion,
    compute_wrist_flexion,
    find_crossing_time,
    find_peak_time,
    smooth,
)

TIMES = np.arange(61) / 60


def motion_with(**places: Floats | list[float]) -> Motion:
    """A motion of one second whose named points are at given places ``(D,)`` or ``(61, D)``."""
    points = np.zeros((61, 33, np.shape(next(iter(places.values())))[-1]))
    for name, place in places.items():
        points[:, POINT[name]] = place
    return Motion(TIMES, points, np.ones(33))


@pytest.mark.parametrize(
    ("first", "second", "degrees"),
    [
        ([1, 0], [0, 2], 90),
        ([1, 0], [3, 0], 0),
        ([1, 0], [-1, 0], 180),
        ([1, 0], [1, 1], 45),
        ([1, 0, 0], [1, 0, np.sqrt(3)], 60),
        ([0, 0], [1, 1], 0),
    ],
)
def test_the_angle_between_two_vectors(first: list[float], second: list[float], degrees: float) -> None:
    assert compute_angle(np.array([first], float), np.array([second], float)) == pytest.approx([degrees])


def test_a_straight_knee_has_180_degrees_and_a_right_angle_90() -> None:
    straight = motion_with(left_hip=[0, 2], left_knee=[0, 1], left_ankle=[0, 0])
    bent = motion_with(left_hip=[1, 1], left_knee=[0, 1], left_ankle=[0, 0])
    assert compute_joint_angle(straight, "left_hip", "left_knee", "left_ankle")[0] == pytest.approx(180)
    assert compute_joint_angle(bent, "left_hip", "left_knee", "left_ankle")[0] == pytest.approx(90)


def test_the_chain_takes_the_mean_of_both_legs_and_the_shooting_arm() -> None:
    motion = motion_with(
        left_hip=[0, 2],
        left_knee=[0, 1],
        right_hip=[1, 1],
        right_knee=[0, 1],
        left_shoulder=[0, 3],
        right_shoulder=[0, 3],
        left_elbow=[0, 4],
        left_wrist=[1, 4],
        left_index=[1, 5],
        left_pinky=[1, 7],
    )
    angles = compute_joint_angles(motion, "left")
    assert angles["knee"][0] == pytest.approx((180 + 90) / 2)
    assert (angles["elbow"][0], angles["wrist"][0]) == pytest.approx((90, 90))


@pytest.mark.parametrize("facing", [1, -1])
@pytest.mark.parametrize(("ahead", "flexed"), [(1.0, 45), (0.0, 0), (-1.0, -45)])
def test_the_wrist_flexes_to_the_palm_whichever_way_the_player_faces(facing: int, ahead: float, flexed: float) -> None:
    # Upper arm ahead, forearm up: bent as before a shot. The hand goes up and ahead (flexed) or back.
    places = {
        "right_shoulder": [0.0, 0.0],
        "right_elbow": [facing, 0.0],
        "right_wrist": [facing, 1.0],
        "right_index": [facing * (1 + ahead), 2.0],
        "right_pinky": [facing * (1 + ahead), 2.0],
    }
    everywhere = np.ones(61, dtype=bool)
    assert compute_wrist_flexion(motion_with(**places), "right", everywhere)[0] == pytest.approx(flexed)
    in_space = {name: [x, 0.0, up] for name, (x, up) in places.items()}
    assert compute_wrist_flexion(motion_with(**in_space), "right", everywhere)[0] == pytest.approx(flexed)


def test_the_speed_of_a_ramp_is_its_slope_at_its_ends_too() -> None:
    motion = motion_with(nose=np.stack([TIMES, 3 * TIMES], axis=1))
    assert motion.speed(motion.height("nose")) == pytest.approx(np.full(61, 3.0))


def test_smoothing_leaves_a_line_a_line_and_weakens_a_spike() -> None:
    line = np.stack([2 * TIMES, 1 - TIMES], axis=1)
    np.testing.assert_allclose(smooth(line, 2.4), line, atol=1e-9)
    spike = np.zeros(61)
    spike[30] = 1.0
    out = smooth(spike[:, None], 2.4)[:, 0]
    assert out[30] == pytest.approx(1 / (2.4 * np.sqrt(2 * np.pi)), rel=0.01)
    assert out.sum() == pytest.approx(1)


@pytest.mark.parametrize("centre", [0.3, 0.5, 0.512])
def test_a_peak_is_found_between_the_samples(centre: float) -> None:
    bump = np.exp(-0.5 * ((TIMES - centre) / 0.05) ** 2)
    assert find_peak_time(bump, TIMES, 0, 1) == pytest.approx(centre, abs=0.004)


def test_only_peaks_inside_the_limits_count_and_nothing_positive_is_the_middle() -> None:
    two = np.exp(-0.5 * ((TIMES - 0.2) / 0.03) ** 2) + 3 * np.exp(-0.5 * ((TIMES - 0.8) / 0.03) ** 2)
    assert find_peak_time(two, TIMES, 0, 0.5) == pytest.approx(0.2, abs=0.005)
    assert find_peak_time(-two, TIMES, 0.2, 0.6) == pytest.approx(0.4)


def test_a_level_is_crossed_between_the_samples_or_at_the_last() -> None:
    assert find_crossing_time(TIMES**2, TIMES, 0.25, 0, 60) == pytest.approx(0.5, abs=1e-3)
    assert find_crossing_time(TIMES * 0, TIMES, 0.25, 0, 40) == TIMES[40]


def test_hidden_frames_are_bridged_and_counted() -> None:
    times = np.arange(31) / 30
    points = np.zeros((31, 33, 2))
    points[..., 0] = times[:, None]
    points[10:15, POINT["nose"]] = 99.0
    visibility = np.ones((31, 33))
    visibility[10:15, POINT["nose"]] = 0.0
    motion = compute_motion(points, visibility, times)
    assert motion.at("nose")[:, 0] == pytest.approx(motion.times, abs=1e-9)
    assert motion.seen[POINT["nose"]] == pytest.approx(26 / 31)


def test_uneven_frames_come_out_even() -> None:
    times = np.array([0, 0.01, 0.1, 0.15, 0.3, 0.5, 0.9, 1.0])
    points = np.repeat(np.stack([times, -times], axis=1)[:, None], 33, axis=1)
    motion = compute_motion(points, np.ones((8, 33)), times)
    assert motion.times == pytest.approx(TIMES)
    assert motion.at("nose") == pytest.approx(np.stack([TIMES, -TIMES], axis=1), abs=1e-9)


def test_an_image_becomes_square_and_its_heights_grow_upwards() -> None:
    points = np.zeros((31, 33, 3), dtype=np.float32)
    points[..., 0], points[..., 1], points[..., 2] = 0.5, 0.25, 1.0
    motion = compute_image_motion(PoseTrack(points, np.arange(31) / 30, tuple(range(31)), 1600, 800))
    assert motion.at("nose")[5] == pytest.approx([1.0, 0.75])


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        ([0, 0.1, 0.2, 0.3, 0.4], "5 frames, expected at least 6"),
        ([0, 1, 2, 3, 4, 5, 1e6], "the frames span 1000000.0 s, expected at most 60 s"),
        ([0, 1e-3, 2e-3, 3e-3, 4e-3, 5e-3], "the frames span 0.005 s, expected at least 0.083 s"),
    ],
)
def test_frames_without_a_motion_are_refused(times: list[float], sentence: str) -> None:
    count = len(times)
    with pytest.raises(MotionError, match=sentence):
        compute_motion(np.zeros((count, 33, 2)), np.ones((count, 33)), np.array(times))
