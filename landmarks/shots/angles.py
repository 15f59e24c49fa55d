"""What a coach measures in a shot: depths, angles, release height, wrist snap and balance, each with its spread.

A measure is None where the camera or the tracker doesn't show it: the joints' angles turn in the plane of the shot, so
a camera in front of or behind the player doesn't see them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from landmarks.pose import POINT, SIDES, Floats
from landmarks.shots.gaps import SEEN
from landmarks.shots.kinematics import Motion, compute_angle, compute_joint_angle, compute_wrist_flexion
from landmarks.shots.measures import compute_body_height, compute_frontality
from landmarks.shots.rules import FRONTAL, Shot

# Around a moment, in which the values' standard deviation is a measure's spread.
AROUND_S: Final = 0.05
LANDING_S: Final = 0.4
ANGLES: Final = (
    "knee_depth_deg",
    "elbow_set_deg",
    "elbow_release_deg",
    "trunk_lean_deg",
    "wrist_snap_deg",
    "release_height_bodies",
    "landing_drift_bodies",
)


@dataclass(frozen=True)
class Measure:
    """A value, and the standard deviation of the values around its moment."""

    value: float
    spread: float


def measure_angles(motion: Motion, shot: Shot) -> dict[str, Measure | None]:
    """The measures of a judged shot by name; None where they aren't seen.

    Degrees: the knee's smallest angle before the release (180 is straight), the elbow's at set point and release, the
    trunk's from upright at the release, the wrist's flexion from set point to after the release. In body lengths, from
    ankles to nose: the wrist over the ground at the release, and how far the hips move across the image, or over the
    ground, in the ``LANDING_S`` after it.
    """
    hand, release = shot.hand, shot.release
    along = motion.points.shape[-1] == 3 or compute_frontality(motion) < FRONTAL
    body = compute_body_height(motion)
    arm = along and _is_seen(motion, *(f"{hand}_{part}" for part in ("shoulder", "elbow", "wrist")))
    elbow = compute_joint_angle(motion, f"{hand}_shoulder", f"{hand}_elbow", f"{hand}_wrist")
    return {
        "knee_depth_deg": _measure_knee(motion, release) if along else None,
        "elbow_set_deg": _measure_at(motion, elbow, shot.set) if arm else None,
        "elbow_release_deg": _measure_at(motion, elbow, release) if arm else None,
        "trunk_lean_deg": _measure_at(motion, _compute_lean(motion), release) if along else None,
        "wrist_snap_deg": _measure_snap(motion, shot) if arm else None,
        "release_height_bodies": _measure_release_height(motion, shot, body),
        "landing_drift_bodies": _measure_drift(motion, release, body),
    }


def _is_seen(motion: Motion, *names: str) -> bool:
    return all(motion.seen[POINT[name]] >= SEEN for name in names)


def _measure_at(motion: Motion, signal: Floats, moment: float) -> Measure:
    around = signal[np.abs(motion.times - moment) <= AROUND_S]
    spread = float(np.std(around)) if len(around) else 0.0
    return Measure(float(np.interp(moment, motion.times, signal)), spread)


def _measure_knee(motion: Motion, release: float) -> Measure | None:
    """The mean of the legs that are seen, at its smallest in the second before the release."""
    chains = [[f"{side}_{part}" for part in ("hip", "knee", "ankle")] for side in SIDES]
    angles = [compute_joint_angle(motion, *chain) for chain in chains if _is_seen(motion, *chain)]
    before = (motion.times >= release - 1.0) & (motion.times <= release)
    if not angles or not before.any():
        return None
    angle: Floats = np.mean(angles, axis=0)
    return _measure_at(motion, angle, float(motion.times[before][int(np.argmin(angle[before]))]))


def _compute_lean(motion: Motion) -> Floats:
    trunk = motion.middle("shoulder") - motion.middle("hip")
    upright = np.zeros_like(trunk)
    upright[:, -1] = 1.0
    return compute_angle(trunk, upright)


def _measure_snap(motion: Motion, shot: Shot) -> Measure | None:
    if not _is_seen(motion, f"{shot.hand}_index", f"{shot.hand}_pinky"):
        return None
    during = (motion.times >= shot.set - 0.1) & (motion.times <= shot.release)
    after = (motion.times >= shot.release) & (motion.times <= shot.release + 0.25)
    if not during.any() or not after.any():
        return None
    flexion = compute_wrist_flexion(motion, shot.hand, during)
    end = _measure_at(motion, flexion, float(motion.times[after][int(np.argmax(flexion[after]))]))
    return Measure(end.value - float(flexion[during].min()), end.spread)


def _measure_release_height(motion: Motion, shot: Shot, body: float) -> Measure | None:
    if not _is_seen(motion, f"{shot.hand}_wrist"):
        return None
    feet = [name for name in ("left_ankle", "right_ankle") if _is_seen(motion, name)]
    before = (motion.times >= shot.release - 1.2) & (motion.times <= shot.release)
    if not feet or body <= 0 or not before.any():
        return None
    ground = float(np.percentile(np.min([motion.height(name)[before] for name in feet], axis=0), 10))
    return _measure_at(motion, (motion.height(f"{shot.hand}_wrist") - ground) / body, shot.release)


def _measure_drift(motion: Motion, release: float, body: float) -> Measure | None:
    """None where the frames end before the landing."""
    landed = release + LANDING_S
    if body <= 0 or motion.times[-1] < landed:
        return None
    hips = motion.middle("hip")[:, :-1]
    start = np.array([np.interp(release, motion.times, hips[:, axis]) for axis in range(hips.shape[1])])
    return _measure_at(motion, np.linalg.norm(hips - start, axis=-1) / body, landed)
