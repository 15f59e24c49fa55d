"""The motion of a body: smoothed points on an even time grid, joint angles, speeds, and when a speed peaks.

Works alike on image points ``(T, 33, 2)`` and on bodies in three dimensions ``(T, 33, 3)``; the last axis is up. What a
shot's motion means is in ``rules.py``.
"""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from landmarks.pose import POINT, POSE_POINTS, Floats
from landmarks.shots.gaps import SEEN, find_lost
from landmarks.shots.keypoints import PoseTrack

GRID_HZ: Final = 60.0
# Gaussian smoothing. Its -3 dB point is 0.1325 / SMOOTH_S = 3.3 Hz; shots are analysed from film with low-pass filters
# of 4 to 8 Hz, on marker positions that are several times more exact than a pose tracker's.
SMOOTH_S: Final = 0.04
LONGEST_S: Final = 60.0
FEWEST_FRAMES: Final = 6


class MotionError(ValueError):
    """No motion can be computed from a track; the message says what was found and what was expected."""


@dataclass(frozen=True)
class Motion:
    """A body over time, on an even grid of ``GRID_HZ``.

    ``times`` ``(N,)`` in seconds, ``points`` ``(N, 33, D)`` in one unit on all axes with up last and positive upwards,
    ``seen`` ``(33,)`` the share of frames in which each point was seen, ``visibility`` ``(33,)`` its mean visibility. A
    point of visibility 0 is not known: its path means nothing.
    """

    times: Floats
    points: Floats
    seen: Floats
    visibility: Floats = field(default_factory=lambda: np.ones(POSE_POINTS))

    def at(self, name: str) -> Floats:
        """A point's path ``(N, D)``."""
        return np.asarray(self.points[:, POINT[name]])

    def knows(self, *names: str) -> bool:
        """Whether all of these points are known."""
        return all(self.visibility[POINT[name]] > 0 for name in names)

    def middle(self, part: str) -> Floats:
        """The path ``(N, D)`` halfway between the left and right ``part``, such as ``hip``; of the known one."""
        sides = [name for name in (f"left_{part}", f"right_{part}") if self.knows(name)]
        return np.asarray(np.mean([self.at(name) for name in sides or (f"left_{part}", f"right_{part}")], axis=0))

    @property
    def trunk(self) -> float:
        """The median distance from the middle of the hips to that of the shoulders."""
        return float(np.median(np.linalg.norm(self.middle("shoulder") - self.middle("hip"), axis=-1)))

    def cut(self, first: float, last: float) -> "Motion":
        """The samples between two times in seconds."""
        inside = (self.times >= first - 1e-9) & (self.times <= last + 1e-9)
        return replace(self, times=self.times[inside], points=self.points[inside])

    def height(self, name: str) -> Floats:
        """A point's height ``(N,)``."""
        return np.asarray(self.at(name)[:, -1])

    def speed(self, signal: Floats) -> Floats:
        """A signal's change ``(N,)`` per second."""
        return np.asarray(np.gradient(signal, self.times))


def compute_image_motion(track: PoseTrack) -> Motion:
    """The motion of a tracked person, in image heights.

    Raises:
        MotionError: as ``compute_motion``.
    """
    x = track.points[..., 0].astype(np.float64) * track.aspect
    up = 1.0 - track.points[..., 1].astype(np.float64)
    return compute_motion(np.stack([x, up], axis=-1), track.points[..., 2].astype(np.float64), track.times)


def compute_motion(points: Floats, visibility: Floats, times: Floats) -> Motion:
    """Fill gaps, resample evenly and smooth.

    Frames in which a point is lost (``find_lost``) are bridged by straight lines between those in which it isn't; a
    point that is never seen keeps the values that the tracker gave.

    Args:
        points: ``(T, 33, D)``, up last and positive upwards.
        visibility: ``(T, 33)``, 0..1.
        times: ``(T,)``, increasing, in seconds.

    Raises:
        MotionError: fewer than 6 frames, or more than 60 s.
    """
    if len(times) < FEWEST_FRAMES:
        raise MotionError(f"{len(times)} frames, expected at least {FEWEST_FRAMES} to see a motion")
    span = float(times[-1] - times[0])
    if span > LONGEST_S:
        raise MotionError(f"the frames span {span:.1f} s, expected at most {LONGEST_S:g} s: cut the shot out first")
    grid = times[0] + np.arange(int(span * GRID_HZ + 1e-6) + 1) / GRID_HZ
    if len(grid) < FEWEST_FRAMES:
        raise MotionError(f"the frames span {span:.3f} s, expected at least {(FEWEST_FRAMES - 1) / GRID_HZ:.3f} s")
    lost = find_lost(visibility)
    even = np.empty((len(grid), *points.shape[1:]))
    for point in range(points.shape[1]):
        used = ~lost[:, point] if (~lost[:, point]).sum() >= 2 else np.ones(len(times), dtype=bool)
        for axis in range(points.shape[2]):
            even[:, point, axis] = np.interp(grid, times[used], points[used, point, axis])
    seen = (visibility >= SEEN).mean(axis=0)
    return Motion(grid, smooth(even, SMOOTH_S * GRID_HZ), seen, visibility.mean(axis=0))


def smooth(signal: Floats, sigma: float) -> Floats:
    """Convolve ``(N, ...)`` with a Gaussian of ``sigma`` samples along the first axis, the ends continued in line."""
    reach = max(1, int(np.ceil(3 * sigma)))
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    weights /= weights.sum()
    # Mirrored through the end point, a straight line stays one; holding the end would bend it and slow it down.
    count = min(reach, len(signal) - 1)
    before = 2 * signal[:1] - signal[count:0:-1]
    after = 2 * signal[-1:] - signal[-2 : -2 - count : -1]
    short = [(reach - count, reach - count)] + [(0, 0)] * (signal.ndim - 1)
    padded = np.pad(np.concatenate([before, signal, after]), short, mode="edge")
    total = np.zeros(signal.shape)
    for offset, weight in enumerate(weights):
        total += weight * padded[offset : offset + len(signal)]
    return total


def compute_angle(first: Floats, second: Floats) -> Floats:
    """The angle ``(N,)`` in degrees, 0..180, between vectors ``(N, D)``; 0 where one has no length."""
    lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    cosine = (first * second).sum(axis=-1) / np.where(lengths > 0, lengths, 1.0)
    return np.where(lengths > 0, np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))), 0.0)


def compute_joint_angle(motion: Motion, outer: str, joint: str, end: str) -> Floats:
    """The angle ``(N,)`` in degrees at ``joint`` between ``outer`` and ``end``; 180 is straight."""
    return compute_angle(motion.at(outer) - motion.at(joint), motion.at(end) - motion.at(joint))


def compute_joint_angles(motion: Motion, hand: str) -> dict[str, Floats]:
    """The angles ``(N,)`` in degrees of the shot's chain: ``knee``, ``hip``, ``elbow`` and ``wrist``.

    Knee and hip are the mean of both sides; ``wrist`` is between forearm and hand, the hand being the middle of index
    and little finger's knuckles. ``hand`` is ``left`` or ``right``.
    """
    wrist = motion.at(f"{hand}_wrist")
    knuckles = (motion.at(f"{hand}_index") + motion.at(f"{hand}_pinky")) / 2
    return {
        "knee": _both_sides(motion, "hip", "knee", "ankle"),
        "hip": _both_sides(motion, "shoulder", "hip", "knee"),
        "elbow": compute_joint_angle(motion, f"{hand}_shoulder", f"{hand}_elbow", f"{hand}_wrist"),
        "wrist": compute_angle(motion.at(f"{hand}_elbow") - wrist, knuckles - wrist),
    }


def _both_sides(motion: Motion, outer: str, joint: str, end: str) -> Floats:
    sides = [
        compute_joint_angle(motion, *(f"{side}_{part}" for part in (outer, joint, end))) for side in ("left", "right")
    ]
    return (sides[0] + sides[1]) / 2


def compute_wrist_flexion(motion: Motion, hand: str, during: npt.NDArray[np.bool_]) -> Floats:
    """How far the hand is bent to the palm ``(N,)`` in degrees; negative is bent back.

    Bending the hand back turns it the way that the elbow's flexion turns the forearm. So the sign comes from the sense
    in which the elbow is bent, on average ``during`` the lift: the sign of a cross product in an image, the axis of
    rotation in three dimensions.
    """
    upper = motion.at(f"{hand}_elbow") - motion.at(f"{hand}_shoulder")
    fore = motion.at(f"{hand}_wrist") - motion.at(f"{hand}_elbow")
    palm = (motion.at(f"{hand}_index") + motion.at(f"{hand}_pinky")) / 2 - motion.at(f"{hand}_wrist")
    axis = _cross(upper, fore)[during].mean(axis=0)
    bend = (_cross(fore, palm) * axis).sum(axis=-1)
    return np.asarray(-np.sign(bend) * compute_angle(fore, palm))


def _cross(first: Floats, second: Floats) -> Floats:
    """Cross product ``(N, 3)`` of vectors in space, or its only component ``(N, 1)`` of vectors in an image."""
    if first.shape[-1] == 3:
        return np.asarray(np.cross(first, second))
    return (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])[:, None]


def find_peak_time(signal: Floats, times: Floats, first: float, last: float) -> float:
    """When a signal ``(N,)`` peaks between two times in seconds.

    The centre of mass of the bump around the largest value, down to half of it: a single noisy frame moves it far less
    than it moves the largest value. Half-way between the times where nothing there is positive.
    """
    inside = np.flatnonzero((times >= first - 1e-9) & (times <= last + 1e-9))
    if not len(inside) or signal[inside].max() <= 0:
        return (first + last) / 2
    top = inside[int(np.argmax(signal[inside]))]
    floor = signal[top] / 2
    low = high = top
    while low > inside[0] and signal[low - 1] > floor:
        low -= 1
    while high < inside[-1] and signal[high + 1] > floor:
        high += 1
    weights = signal[low : high + 1] - floor
    total = float(weights.sum())
    return float((weights * times[low : high + 1]).sum() / total) if total > 0 else float(times[top])


def find_crossing_time(signal: Floats, times: Floats, level: float, first: int, last: int) -> float:
    """The first time in seconds at which ``signal`` rises through ``level`` between samples ``first`` and ``last``.

    The time of ``last`` where it doesn't.
    """
    for sample in range(first, last):
        if signal[sample] < level <= signal[sample + 1]:
            share = (level - signal[sample]) / (signal[sample + 1] - signal[sample])
            return float(times[sample] + share * (times[sample + 1] - times[sample]))
    return float(times[last])
