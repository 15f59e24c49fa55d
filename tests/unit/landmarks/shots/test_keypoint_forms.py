"""Forms of keypoints that mean one thing only are read; for the others a message says how to convert them."""

from typing import Any

import msgspec
import numpy as np
import pytest

from landmarks.pose import POINT
from landmarks.shots.keypoints import Frame, KeypointsError, PoseTrack, build_track


def read(frames: list[dict[str, Any]], **fields: Any) -> PoseTrack:
    return build_track(msgspec.convert(frames, list[Frame]), **fields)


def frames(*points: dict[str, Any], count: int = 4, step: float = 0.1) -> list[dict[str, Any]]:
    return [{"index": number, "time_sec": number * step, "keypoints": list(points)} for number in range(count)]


def test_visibility_is_read_for_v() -> None:
    track = read(frames({"name": "nose", "x": 0.5, "y": 0.2, "visibility": 0.7}))
    assert track.points[0, POINT["nose"]] == pytest.approx([0.5, 0.2, 0.7])


@pytest.mark.parametrize("fields", [{}, {"v": 0.5, "visibility": 0.6}])
def test_a_point_has_one_visibility(fields: dict[str, float]) -> None:
    with pytest.raises(KeypointsError, match=r"frames\[0\].keypoints\[0\] has v and visibility, or neither"):
        read(frames({"name": "nose", "x": 0.5, "y": 0.2} | fields))


def test_body_25_names_are_read_and_those_without_a_point_left_out() -> None:
    names = {"RWrist": "right_wrist", "LBigToe": "left_foot_index", "Nose": "nose", "Neck": None, "MidHip": None}
    track = read(frames(*({"name": name, "x": 0.3, "y": 0.4, "v": 1} for name in names)))
    assert np.flatnonzero(track.points[0, :, 2]).tolist() == sorted(POINT[ours] for ours in names.values() if ours)


def test_pixels_are_read_where_the_size_is_given() -> None:
    points = frames({"name": "nose", "x": 320, "y": 120, "v": 1}, {"name": "left_hip", "x": 160, "y": 360, "v": 1})
    track = read(points, width=640, height=480)
    assert track.points[0, POINT["nose"], :2] == pytest.approx([0.5, 0.25])
    with pytest.raises(KeypointsError, match=r"x is 320, .* \(are these pixels\? Send width and height\)"):
        read(points)


def test_times_follow_from_fps_where_no_frame_has_one() -> None:
    bare: list[dict[str, Any]] = [{"index": number, "keypoints": []} for number in (0, 1, 3)]
    assert read(bare, fps=10.0).times == pytest.approx([0, 0.1, 0.3])
    with pytest.raises(KeypointsError, match=r"frames\[0\].time_sec is missing, .* fps beside frames"):
        read(bare)
    with pytest.raises(KeypointsError, match=r"frames\[1\].time_sec is missing"):
        read([bare[0] | {"time_sec": 0.0}, bare[1]], fps=10.0)


def test_milliseconds_are_told_from_seconds() -> None:
    with pytest.raises(KeypointsError, match=r"frames 33 s apart, expected seconds: divide milliseconds by 1000"):
        read(frames(step=33))


def test_a_point_at_zero_was_not_found() -> None:
    track = read(frames({"name": "nose", "x": 0, "y": 0, "v": 0.9}))
    assert track.points[0, POINT["nose"], 2] == 0
