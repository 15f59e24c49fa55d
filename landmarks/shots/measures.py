"""What the rules measure in a shot's motion: the view, the wrist's way, the legs' drive, sway, flexion, tilt.

Each is one number; what it means is in ``rules.py``.
"""

from typing import Final

import numpy as np

from landmarks.pose import SHOULDERS_OVER_TRUNK, Floats
from landmarks.shots.kinematics import Motion
from landmarks.shots.release import Hand

DRIVE_S: Final = 0.7  # before the release, in which the legs extend
NOSE_OVER_TRUNK: Final = 0.899 / 0.288  # both over stature: as ``SHOULDERS_OVER_TRUNK``


def compute_frontality(motion: Motion) -> float:
    """How much of the shoulders' breadth the camera sees, 0 (from the side) to 1 (from the front or back).

    Breadth over trunk length against ``SHOULDERS_OVER_TRUNK``; 1 in three dimensions.
    """
    if motion.points.shape[-1] == 3:
        return 1.0
    breadth = np.median(np.linalg.norm(motion.at("left_shoulder") - motion.at("right_shoulder"), axis=-1))
    return float(np.clip(breadth / max(motion.trunk, 1e-6) / SHOULDERS_OVER_TRUNK, 0, 1))


def compute_steadiness(motion: Motion, hand: Hand, first: float, release: float) -> float:
    """The share of the time from ``first`` to the release in which the wrist gains height over the shoulders.

    Gaining is more than 5 % of its fastest gain, so that a ball that is held is not a ball that rises.
    """
    gain = motion.speed(motion.height(f"{hand}_wrist") - motion.middle("shoulder")[:, -1])
    inside = (motion.times >= min(first, release - 0.15)) & (motion.times <= release)
    fastest = float(gain[motion.times <= release].max(initial=0.0))
    return float((gain[inside] > 0.05 * fastest).mean()) if fastest > 0 and inside.any() else 0.0


def compute_leg_drive(motion: Motion, release: float) -> float:
    """How far the pelvis rises in the ``DRIVE_S`` before the release, over the height from ankles to nose."""
    pelvis = motion.middle("hip")[:, -1]
    inside = (motion.times >= release - DRIVE_S) & (motion.times <= release)
    tall = compute_body_height(motion)
    if tall <= 0 or not inside.any():
        return 0.0
    return max(0.0, float(pelvis[inside].max() - pelvis[inside].min()) / tall)


def compute_body_height(motion: Motion) -> float:
    """The height from ankles to nose; where they aren't known, from the trunk, which is 0.288 of 0.899 of stature."""
    ankles = motion.knows("left_ankle") or motion.knows("right_ankle")
    if not ankles or not motion.knows("nose"):
        return motion.trunk * NOSE_OVER_TRUNK
    return float(np.median(motion.height("nose") - motion.middle("ankle")[:, -1]))


def compute_flexion_change(motion: Motion, flexion: Floats, first: float, last: float) -> float:
    """How far the wrist has flexed at ``last``, in degrees, from where it was bent back most since ``first``."""
    inside = (motion.times >= min(first, last) - 0.1) & (motion.times <= last)
    return float(np.interp(last, motion.times, flexion) - flexion[inside].min(initial=180.0))


def compute_sway(motion: Motion, hand: Hand, first: float, last: float) -> float:
    """How far the wrist strays sideways from pickup to set point, in trunk lengths.

    Root mean square of what a straight line over time leaves of its way across: y in three dimensions, x in an image.
    """
    inside = (motion.times >= first) & (motion.times <= last)
    if inside.sum() < 4:
        return 0.0
    across = motion.points.shape[-1] - 2
    path = motion.at(f"{hand}_wrist")[inside, across] - motion.middle("shoulder")[inside, across]
    times = motion.times[inside]
    left = path - np.polyval(np.polyfit(times - times[0], path, 1), times - times[0])
    return float(np.sqrt((left**2).mean())) / max(motion.trunk, 1e-6)


def compute_forearm_tilt(motion: Motion, hand: Hand, first: float, release: float) -> float:
    """The forearm's mean angle to the vertical plane of the shot, in degrees, from set point to release."""
    inside = (motion.times >= first) & (motion.times <= release)
    if not inside.any():
        return 0.0
    across = motion.points.shape[-1] - 2
    forearm = (motion.at(f"{hand}_wrist") - motion.at(f"{hand}_elbow"))[inside]
    return float(np.degrees(np.arctan2(np.abs(forearm[:, across]), np.abs(forearm[:, -1]))).mean())
