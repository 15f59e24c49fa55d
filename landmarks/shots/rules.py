"""The rules of a shot: its hand, release, sequence, ``ite``, ``delay_ms`` and the four labels, from a body's motion.

They are the service's analysis where no shot model is loaded, the baseline of a model, and, on bodies known in three
dimensions, the ground truth of made shots. Terms and thresholds are the contract's; each formula is beside its
function. What the camera could not see is listed in ``doubts``.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from landmarks.pose import POINT, SHOULDERS_OVER_TRUNK, Floats
from landmarks.shots.keypoints import SHOT_LABELS
from landmarks.shots.kinematics import Motion, compute_joint_angles, compute_wrist_flexion, find_peak_time
from landmarks.shots.release import (
    EXTENSION_SHARE,
    Hand,
    ShotError,
    find_release,
    find_rise_time,
    find_set_point,
    find_shooting_hand,
)

DRIVE_S: Final = 0.7  # before the release, in which the legs extend
BEST_DELAY_MS: Final = 90.0  # the middle of the contract's 60 to 120 ms
LATE_MS: Final = 150.0
FRONTAL: Final = 0.5  # from this frontality on the camera sees across the shot, below it along
UNSEEN: Final = 0.5  # probability of a label that can't be told; labels are listed above it


@dataclass(frozen=True)
class Shot:
    """A shot as the rules read it.

    Times in seconds of the track: ``lowest`` ball, ``set`` point (the wrist passes the nose), ``release``, fastest
    extension of ``legs``, ``arm`` and ``wrist``. ``delay_ms`` is arm after legs. ``ite`` 0..100. ``probabilities`` 0..1
    by label. ``doubts`` are messages.
    """

    hand: Hand
    lowest: float
    set: float
    release: float
    legs: float
    arm: float
    wrist: float
    delay_ms: float
    ite: float
    probabilities: dict[str, float]
    doubts: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that hold, in the contract's order."""
        return tuple(label for label in SHOT_LABELS if self.probabilities[label] > UNSEEN)

    @property
    def sequence(self) -> tuple[str, ...]:
        """``legs``, ``arm`` and ``wrist`` in the order of their fastest extension; proximal to distal is this order."""
        return tuple(sorted(("legs", "arm", "wrist"), key=lambda part: float(getattr(self, part))))


def judge_shot(motion: Motion, *, release_s: float | None = None, hand: Hand | None = None) -> Shot:
    """Judge one shot.

    Args:
        motion: from some time before the ball is picked up to the follow-through.
        release_s: the release, where it is known; otherwise it is found.
        hand: the shooting hand, where it is known; otherwise the one whose wrist gets higher.

    Raises:
        ShotError: no wrist is seen, no arm rises, or ``release_s`` lies outside the motion.
    """
    side = hand or find_shooting_hand(motion)
    times = motion.times
    lowest, release = find_release(motion, side)
    if release_s is not None:
        if not times[0] <= release_s <= times[-1]:
            raise ShotError(
                f"release_time_sec is {release_s:g}, expected a time of the frames, {times[0]:g} to {times[-1]:g}"
            )
        release, lowest = release_s, min(lowest, release_s - 0.1)
    frontal = compute_frontality(motion)
    set_point = find_set_point(motion, side, lowest, release)

    pelvis = motion.middle("hip")[:, -1]
    legs = find_peak_time(motion.speed(pelvis), times, release - DRIVE_S, release + 0.1)
    arm = _arm_peak(motion, side, lowest, release, frontal)
    during = (times >= set_point - 0.1) & (times <= release)
    if not during.any():
        during = np.ones(len(times), dtype=bool)
    flexion = compute_wrist_flexion(motion, side, during)
    wrist = find_peak_time(motion.speed(flexion), times, release - 0.25, release + 0.2)

    delay_ms = (arm - legs) * 1000
    steady = compute_steadiness(motion, side, legs, release)
    drive = compute_leg_drive(motion, release)
    probabilities = {
        "baja_transferencia": max(
            logistic_step(delay_ms, LATE_MS, 20.0),
            logistic_step(-delay_ms, 30.0, 20.0),
            logistic_step(1 - steady, 0.25, 0.05),
        ),
        "muneca_adelantada": min(
            logistic_step(arm - wrist, 0.03, 0.01),
            logistic_step(compute_flexion_change(motion, flexion, set_point, arm), 20.0, 3.0),
        ),
        "pickup_inconsistente": logistic_step(compute_sway(motion, side, lowest, set_point), 0.10, 0.02),
        "brazo_no_alineado": logistic_step(compute_forearm_tilt(motion, side, set_point, release), 30.0, 3.0),
    }
    if motion.points.shape[-1] == 2:
        probabilities["muneca_adelantada" if frontal >= FRONTAL else "brazo_no_alineado"] = UNSEEN
    return Shot(
        side,
        lowest,
        set_point,
        release,
        legs,
        arm,
        wrist,
        delay_ms,
        compute_energy_transfer(delay_ms, steady, drive),
        probabilities,
        find_doubts(motion, side, frontal),
    )


def compute_frontality(motion: Motion) -> float:
    """How much of the shoulders' breadth the camera sees, 0 (from the side) to 1 (from the front or back).

    Breadth over trunk length against ``SHOULDERS_OVER_TRUNK``; 1 in three dimensions.
    """
    if motion.points.shape[-1] == 3:
        return 1.0
    breadth = np.median(np.linalg.norm(motion.at("left_shoulder") - motion.at("right_shoulder"), axis=-1))
    trunk = np.median(np.linalg.norm(motion.middle("shoulder") - motion.middle("hip"), axis=-1))
    return float(np.clip(breadth / max(float(trunk), 1e-6) / SHOULDERS_OVER_TRUNK, 0, 1))


def _arm_peak(motion: Motion, hand: Hand, lowest: float, release: float, frontal: float) -> float:
    """Fastest extension of the elbow, in seconds.

    In three dimensions the elbow's own angle. In an image the arm's rise through ``EXTENSION_SHARE``; from the side,
    where the angle is seen but noisy, the mean of both.
    """
    elbow = compute_joint_angles(motion, hand)["elbow"]
    seen = find_peak_time(motion.speed(elbow), motion.times, max(lowest, release - 0.25), release + 0.15)
    if motion.points.shape[-1] == 3:
        return seen
    risen = find_rise_time(motion, hand, EXTENSION_SHARE)
    return risen if frontal >= FRONTAL else (seen + risen) / 2


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
    tall = float(np.median(motion.height("nose") - motion.middle("ankle")[:, -1]))
    if tall <= 0 or not inside.any():
        return 0.0
    return max(0.0, float(pelvis[inside].max() - pelvis[inside].min()) / tall)


def compute_energy_transfer(delay_ms: float, steady: float, drive: float) -> float:
    """``ite``, 0..100: timing × steadiness × drive, so that a chain with one broken link transfers nothing.

    Timing is a bell around ``BEST_DELAY_MS`` of 70 ms standard deviation: 69 % of the best at 150 ms, 29 % at 200.
    Drive saturates: ``tanh(drive / 0.06)``, 76 % for a pelvis that rises by 6 % of the height from ankles to nose.
    The index has no published formula; this one keeps to the contract's ranges.
    """
    timing = float(np.exp(-0.5 * ((delay_ms - BEST_DELAY_MS) / 70.0) ** 2))
    return 100.0 * timing * float(np.clip(steady, 0, 1)) * float(np.tanh(max(drive, 0.0) / 0.06))


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
    trunk = float(np.median(np.linalg.norm(motion.middle("shoulder") - motion.middle("hip"), axis=-1)))
    return float(np.sqrt((left**2).mean())) / max(trunk, 1e-6)


def compute_forearm_tilt(motion: Motion, hand: Hand, first: float, release: float) -> float:
    """The forearm's mean angle to the vertical plane of the shot, in degrees, from set point to release."""
    inside = (motion.times >= first) & (motion.times <= release)
    if not inside.any():
        return 0.0
    across = motion.points.shape[-1] - 2
    forearm = (motion.at(f"{hand}_wrist") - motion.at(f"{hand}_elbow"))[inside]
    return float(np.degrees(np.arctan2(np.abs(forearm[:, across]), np.abs(forearm[:, -1]))).mean())


def logistic_step(value: float, threshold: float, width: float) -> float:
    """A logistic step: 0.5 at the threshold, 0.73 one ``width`` above it."""
    return float(1 / (1 + np.exp(-np.clip((value - threshold) / width, -60, 60))))


def find_doubts(motion: Motion, hand: Hand, frontal: float) -> tuple[str, ...]:
    """Sentences about what the camera or the tracker didn't show."""
    doubts = []
    for part in (f"{hand}_wrist", f"{hand}_elbow", "left_hip", "right_hip", "left_ankle", "right_ankle"):
        share = float(motion.seen[POINT[part]])
        if share < 0.8:
            doubts.append(f"{part} is seen in {share:.0%} of the frames only")
    if motion.points.shape[-1] == 2:
        doubts.append(
            "the camera is in front or behind: it doesn't see the wrist flex (muneca_adelantada)"
            if frontal >= FRONTAL
            else "the camera is at the side: it doesn't see the arm leave the shot's plane (brazo_no_alineado)"
        )
    return tuple(doubts)
