"""What frames may hold, and every refusal with its sentence."""

import math

import numpy as np
import pytest

from landmarks.pose import POINT, POSE_NAMES
from landmarks.shots.keypoints import (
    Frame,
    Keypoint,
    KeypointsError,
    ShotWindow,
    build_track,
    list_frames,
    resample_to_30_fps,
)


def made_frames(count: int = 3) -> list[Frame]:
    """Frames at 10 a second; each point at its own place."""
    return [
        Frame(number, number / 10, [Keypoint(name, index / 40, 0.5, 0.9) for index, name in enumerate(POSE_NAMES)])
        for number in range(count)
    ]


def with_point(keypoint: Keypoint) -> list[Frame]:
    frames = made_frames()
    frames[1].keypoints[16] = keypoint
    return frames


def test_points_go_to_their_place_whatever_their_order() -> None:
    frames = made_frames()
    for frame in frames:
        frame.keypoints.reverse()
    track = build_track(frames)
    np.testing.assert_allclose(track.points[0, :, 0], np.arange(33) / 40, rtol=1e-6)
    assert track.times.tolist() == [0.0, 0.1, 0.2]


def test_a_point_that_is_left_out_counts_as_not_seen() -> None:
    frames = made_frames()
    del frames[1].keypoints[POINT["left_wrist"]]
    assert build_track(frames).points[1, POINT["left_wrist"]].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("frames", "sentence"),
    [
        ([], "frames is empty, expected at least one frame"),
        (
            with_point(Keypoint("elbow", 0, 0, 1)),
            r"\[1\].keypoints\[16\].name is 'elbow', expected one of the 33",
        ),
        (with_point(Keypoint("nose", 0, 0, 1)), r"\[1\].keypoints\[16\].name is 'nose' a second time"),
        (with_point(Keypoint("right_wrist", math.nan, 0, 1)), r"keypoints\[16\].x is nan, expected a finite number"),
        (with_point(Keypoint("right_wrist", 0, math.inf, 1)), r"keypoints\[16\].y is inf, expected a finite number"),
        (with_point(Keypoint("right_wrist", 640, 0, 1)), r"x is 640, expected 0 to 1 of the image \(are these pixels"),
        (
            with_point(Keypoint("right_wrist", 0, 0, 1.2)),
            r"\[16\].v is 1.2, expected a visibility from 0 to 1",
        ),
        (with_point(Keypoint("right_wrist", 0, 0, math.nan)), r"v is nan, expected a visibility from 0 to 1"),
        (
            [Frame(0, 0.2, []), Frame(1, 0.1, [])],
            r"frames\[1\].time_sec is 0.1, expected more than 0.2: times go backwards",
        ),
        ([Frame(0, 0.2, []), Frame(1, 0.2, [])], r"frames\[1\].time_sec is 0.2, expected more than 0.2"),
        ([Frame(0, math.nan, [])], r"frames\[0\].time_sec is nan, expected a finite number of seconds"),
    ],
)
def test_frames_that_cannot_be_used_are_refused_with_a_sentence(frames: list[Frame], sentence: str) -> None:
    with pytest.raises(KeypointsError, match=sentence):
        build_track(frames)


def test_width_wants_height() -> None:
    with pytest.raises(KeypointsError, match="one of width and height is missing"):
        build_track(made_frames(), width=640)


@pytest.mark.parametrize(("width", "height", "aspect"), [(1280, 640, 2.0), (None, None, 1.0)])
def test_the_aspect_is_square_where_nobody_says(width: int | None, height: int | None, aspect: float) -> None:
    assert build_track(made_frames(), width=width, height=height).aspect == aspect


def test_a_window_keeps_the_frames_from_before_to_after_the_release() -> None:
    cut = build_track(made_frames(20), width=640, height=480, fps=10).cut(ShotWindow(1.0, 500, 200))
    assert cut.indices == tuple(range(5, 13))
    assert cut.times[[0, -1]].tolist() == [0.5, 1.2]
    assert (cut.width, cut.fps) == (640, 10)


def test_a_window_outside_the_frames_is_refused() -> None:
    with pytest.raises(KeypointsError, match=r"0 frames lie from 8.500 s to 9.200 s, expected at least 2"):
        build_track(made_frames(20)).cut(ShotWindow(9.0))


def test_frames_come_back_as_they_went_in_and_inside_the_image() -> None:
    frames = made_frames()
    frames[0].keypoints[0] = Keypoint("nose", -0.25, 1.5, 0.5)
    back = list_frames(build_track(frames))
    assert back[0].keypoints[0] == Keypoint("nose", 0.0, 1.0, 0.5)
    assert back[2].keypoints[4].x == pytest.approx(0.1)
    assert [frame.time_sec for frame in back] == [0.0, 0.1, 0.2]


@pytest.mark.parametrize(("count", "seconds"), [(3, 0.2), (21, 2.0)])
def test_a_track_comes_to_the_models_thirty_frames_a_second(count: int, seconds: float) -> None:
    frames = made_frames(count)
    frames = [
        Frame(frame.index, frame.time_sec, [Keypoint("nose", frame.index / 40, 0.5, 1.0), *frame.keypoints[1:]])
        for frame in frames
    ]
    poses = resample_to_30_fps(build_track(frames))
    assert poses.shape == (round(seconds * 30) + 1, 33, 3) and poses.dtype == np.float32
    np.testing.assert_allclose(poses[:, 0, 0], np.arange(len(poses)) / 30 / 4, atol=1e-6)
