"""Poses over time: typed frames of JSON, checked and stacked to arrays, and windows cut around a release.

Used for the frames of ``/analyze`` and, by ``keypoint_files.py``, for those of a file.
"""

import math
from dataclasses import dataclass, replace
from typing import Annotated, Final

import msgspec
import numpy as np

from landmarks.pose import POINT, POSE_NAMES, POSE_POINTS, Array, Floats
from landmarks.shots.keypoint_forms import BODY_25, IGNORED, are_pixels, count_times, explain_times, read_visibility

SHOT_LABELS: Final = ("baja_transferencia", "muneca_adelantada", "pickup_inconsistente", "brazo_no_alineado")
SHOT_TARGETS: Final = ("ite", "delay_ms")
# From legs to arm a shot takes a fraction of a second; what lies beyond is in another unit.
TARGET_RANGES: Final = {"ite": (0.0, 100.0), "delay_ms": (-5_000.0, 5_000.0)}
PRE_MS: Final = 500.0
POST_MS: Final = 200.0
MODEL_FPS: Final = 30.0  # of the frames that shot models take

# Trackers guess a little beyond the image; far beyond it the numbers are pixels.
FARTHEST: Final = 10.0
# A thousandth of a pixel of a 4K image is 2.6e-7.
DIGITS: Final = 6

Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=60_000)]
Seconds = Annotated[float, msgspec.Meta(ge=-1e7, le=1e7)]
Pixels = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
FramesPerSecond = Annotated[float, msgspec.Meta(gt=0, le=100_000)]


class KeypointsError(ValueError):
    """A keypoints file or its frames can't be used; the message names the field, what was found and expected."""


class Keypoint(msgspec.Struct, frozen=True):
    """One point: its name, x and y in 0..1 of the image, and its visibility ``v`` 0..1, also read as ``visibility``.

    x and y may be pixels where the image's width and height are given.
    """

    name: Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(POSE_NAMES)})]
    x: float
    y: float
    v: float | msgspec.UnsetType = msgspec.UNSET
    visibility: float | msgspec.UnsetType = msgspec.UNSET


class Frame(msgspec.Struct, frozen=True):
    """One frame; a point that is left out counts as not seen. Where no frame has a time it is ``index / fps``."""

    index: int
    time_sec: Annotated[float | msgspec.UnsetType, msgspec.Meta(description="increases from frame to frame")] = (
        msgspec.UNSET
    )
    keypoints: list[Keypoint] = msgspec.field(default_factory=list)


class ShotWindow(msgspec.Struct, frozen=True):
    """The part of a video around a release that is judged: from ``pre_ms`` before it to ``post_ms`` after it."""

    release_time_sec: Seconds
    pre_ms: Milliseconds = PRE_MS
    post_ms: Milliseconds = POST_MS


@dataclass(frozen=True)
class PoseTrack:
    """One person's pose over time.

    ``points`` float32 ``(T, 33, 3)`` (x, y, visibility), ``times`` float64 ``(T,)`` in seconds, ``indices`` the frame
    numbers in the video. ``width`` and ``height`` in pixels are None where the source doesn't state them.
    """

    points: Array
    times: Floats
    indices: tuple[int, ...]
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    source_video: str = ""

    @property
    def aspect(self) -> float:
        """Width over height; 1 where the source doesn't state them."""
        return self.width / self.height if self.width and self.height else 1.0

    def cut(self, window: ShotWindow) -> "PoseTrack":
        """The frames of a window around a release.

        Raises:
            KeypointsError: fewer than 2 frames lie in it.
        """
        first = window.release_time_sec - window.pre_ms / 1000
        last = window.release_time_sec + window.post_ms / 1000
        inside = (self.times >= first - 1e-6) & (self.times <= last + 1e-6)
        if inside.sum() < 2:
            raise KeypointsError(
                f"{inside.sum()} frames lie from {first:.3f} s to {last:.3f} s, expected at least 2 of the frames"
                f" from {self.times[0]:.3f} s to {self.times[-1]:.3f} s"
            )
        kept = tuple(index for index, keep in zip(self.indices, inside, strict=True) if keep)
        return replace(self, points=self.points[inside], times=self.times[inside], indices=kept)


def build_track(
    frames: list[Frame],
    *,
    width: int | None = None,
    height: int | None = None,
    fps: float | None = None,
    source_video: str = "",
) -> PoseTrack:
    """Check decoded frames and stack them.

    Raises:
        KeypointsError: there are none, a name is unknown or there twice, a number isn't finite or out of range, or
            times don't increase.
    """
    if not frames:
        raise KeypointsError("frames is empty, expected at least one frame")
    if (width is None) != (height is None):
        raise KeypointsError("one of width and height is missing, expected both or neither")
    times = _read_times(frames, fps)
    coordinates = [value for frame in frames for point in frame.keypoints for value in (point.x, point.y)]
    size = (width, height) if width and height and are_pixels(coordinates, width, height) else (1, 1)
    points = np.zeros((len(frames), POSE_POINTS, 3), dtype=np.float32)
    for number, frame in enumerate(frames):
        seen: set[int] = set()
        for place, keypoint in enumerate(frame.keypoints):
            if keypoint.name in IGNORED:
                continue
            where = f"frames[{number}].keypoints[{place}]"
            index = POINT.get(BODY_25.get(keypoint.name, keypoint.name))
            if index is None:
                raise KeypointsError(
                    f"{where}.name is {keypoint.name[:60]!r}, expected one of the 33 names from"
                    f" {POSE_NAMES[0]!r} to {POSE_NAMES[-1]!r}, or BODY_25's"
                )
            if index in seen:
                raise KeypointsError(f"{where}.name is {keypoint.name!r} a second time, expected each name once")
            seen.add(index)
            points[number, index] = _read_point(keypoint, size, where)
    return PoseTrack(points, times, tuple(frame.index for frame in frames), width, height, fps, source_video)


def _read_times(frames: list[Frame], fps: float | None) -> Floats:
    given = [frame.time_sec for frame in frames if not isinstance(frame.time_sec, msgspec.UnsetType)]
    if not given and fps:
        given = count_times([frame.index for frame in frames], fps)
    if len(given) < len(frames):
        number = next(at for at, frame in enumerate(frames) if isinstance(frame.time_sec, msgspec.UnsetType))
        raise KeypointsError(
            f"frames[{number}].time_sec is missing, expected it in all frames, or in none and fps beside frames"
        )
    for number, time in enumerate(given):
        if not math.isfinite(time) or abs(time) > 1e7:
            raise KeypointsError(f"frames[{number}].time_sec is {time:g}, expected a finite number of seconds")
        if number and time <= given[number - 1]:
            raise KeypointsError(
                f"frames[{number}].time_sec is {time:g}, expected more than {given[number - 1]:g}: times go backwards"
                " or stand still"
            )
    message = explain_times(given)
    if message:
        raise KeypointsError(message)
    return np.array(given, dtype=np.float64)


def _read_point(keypoint: Keypoint, size: tuple[int, int], where: str) -> tuple[float, float, float]:
    """x and y in 0..1 of the image and visibility; a point at exactly (0, 0) was not found."""
    x, y = keypoint.x / size[0], keypoint.y / size[1]
    for axis, value in (("x", x), ("y", y)):
        if not math.isfinite(value):
            raise KeypointsError(f"{where}.{axis} is {value:g}, expected a finite number")
        if abs(value) > FARTHEST:
            raise KeypointsError(
                f"{where}.{axis} is {value:g}, expected 0 to 1 of the image (are these pixels? Send width and height)"
            )
    visibility = read_visibility(keypoint.v, keypoint.visibility)
    if visibility is None:
        raise KeypointsError(f"{where} has v and visibility, or neither, expected one of them")
    if not 0 <= visibility <= 1:  # false for NaN too
        raise KeypointsError(f"{where}.v is {visibility:g}, expected a visibility from 0 to 1")
    return x, y, visibility if x or y else 0.0


def resample_to_30_fps(track: PoseTrack) -> Array:
    """A track's poses float32 ``(T, 33, 3)`` at the shot models' 30 frames a second, by straight lines."""
    # Times that were rounded to milliseconds must not cost the last frame.
    times: Floats = np.arange(int((track.times[-1] - track.times[0]) * MODEL_FPS + 1.02)) / MODEL_FPS + track.times[0]
    flat = track.points.reshape(len(track.points), -1).astype(np.float64)
    columns = [np.interp(times, track.times, flat[:, column]) for column in range(flat.shape[1])]
    return np.stack(columns, axis=1).reshape(len(times), *track.points.shape[1:]).astype(np.float32)


def list_frames(track: PoseTrack) -> list[Frame]:
    """A track's frames as the files and ``/analyze`` have them."""
    rows = np.concatenate([np.clip(track.points[..., :2], 0, 1), track.points[..., 2:]], axis=-1)
    rounded = np.round(rows.astype(np.float64), DIGITS).tolist()
    return [
        Frame(
            index,
            round(float(time), DIGITS),
            [Keypoint(name, *point) for name, point in zip(POSE_NAMES, points, strict=True)],
        )
        for index, time, points in zip(track.indices, track.times, rounded, strict=True)
    ]
