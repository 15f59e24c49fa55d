"""The rules of a shot: its hand, release, sequence, ``ite``, ``delay_ms`` and the four labels, from a body's motion.

They are the service's analysis where no shot model is loaded, the baseline of a model, and, on bodies known in three
dimensions, the ground truth of made shots. Terms and thresholds are the contract's; what they measure is
``measures.py``. A label that the camera can't tell is unknown, with the reason.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from landmarks.pose import POINT
from landmarks.shots.kinematics import Motion, compute_joint_angles, compute_wrist_flexion, find_peak_time
from landmarks.shots.measures import (
    DRIVE_S,
    compute_flexion_change,
    compute_forearm_tilt,
    compute_frontality,
    compute_leg_drive,
    compute_steadiness,
    compute_sway,
)
from landmarks.shots.release import (
    EXTENSION_SHARE,
    Hand,
    Lift,
    ShotError,
    compute_wrist_height,
    find_lift,
    find_rise_time,
    find_set_point,
)
from landmarks.shots.shooting_hand import SURE, ShootingHand, tell_shooting_hand
from landmarks.shots.shot_types import STANDING, ShotType, Timing, find_shot_type, get_timing

FRONTAL: Final = 0.5  # from this frontality on the camera sees across the shot, below it along
TRUSTED: Final = 0.5  # share of the frames in which a point must be seen to tell a label
# Trunk lengths a second by which the wrist gains height over the shoulders at its fastest. Recorded shots have 2.3 to
# 5.6.
SLOWEST: Final = 1.75
FAULT: Final = 0.5  # labels are listed above this probability


@dataclass(frozen=True)
class Shot:
    """A shot as the rules read it.

    Times in seconds of the track: ``lowest`` ball, ``set`` point (the wrist passes the nose), ``release``, fastest
    extension of ``legs``, ``arm`` and ``wrist``. ``delay_ms`` is arm after legs. ``ite`` 0..100. ``probabilities`` 0..1
    by label, None where a label can't be told; ``unknown`` says why. ``confidence`` is that of the hand. ``doubts`` are
    messages.
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
    probabilities: dict[str, float | None]
    doubts: tuple[str, ...]
    unknown: dict[str, str] = field(default_factory=dict)
    confidence: float = 1.0
    shot_type: ShotType | None = None
    steady: float = 1.0
    drive: float = 1.0

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that hold, in the contract's order."""
        return list_faults(self.probabilities)

    @property
    def sequence(self) -> tuple[str, ...]:
        """``legs``, ``arm`` and ``wrist`` in the order of their fastest extension; proximal to distal is this order."""
        return tuple(sorted(("legs", "arm", "wrist"), key=lambda part: float(getattr(self, part))))


def list_faults(probabilities: dict[str, float | None]) -> tuple[str, ...]:
    """The labels that hold; one that can't be told doesn't."""
    return tuple(label for label, value in probabilities.items() if value is not None and value > FAULT)


def judge_shot(
    motion: Motion,
    *,
    release_s: float | None = None,
    hand: Hand | ShootingHand | None = None,
    lift: Lift | None = None,
    shot_type: ShotType | None = None,
) -> Shot:
    """Judge one shot.

    Args:
        motion: from some time before the ball is picked up to the follow-through.
        release_s: the release, where it is known; otherwise it is found.
        hand: the shooting hand, where it is known; otherwise it is found.
        lift: the arm's rise, where it is known; otherwise that of the release, or of the first shot.
        shot_type: where it is known; otherwise it is found.

    Raises:
        ShotError: no wrist or hip is seen, there is no shot, or ``release_s`` lies outside the motion.
    """
    side = hand if isinstance(hand, ShootingHand) else ShootingHand(hand, 1.0) if hand else tell_shooting_hand(motion)
    check_hips(motion)
    times = motion.times
    if release_s is not None and not times[0] <= release_s <= times[-1]:
        raise ShotError(
            f"release_time_sec is {release_s:g}, expected a time of the frames, {times[0]:g} to {times[-1]:g}"
        )
    lift = lift or find_lift(motion, side.side, release_s)
    lowest, release = float(times[lift.low]), lift.release
    if release_s is not None:
        release, lowest = release_s, min(lowest, release_s - 0.1)
    frontal = compute_frontality(motion)
    set_point = find_set_point(motion, side.side, lowest, release)

    pelvis = motion.middle("hip")[:, -1]
    legs = find_peak_time(motion.speed(pelvis), times, release - DRIVE_S, release + 0.1)
    arm = _arm_peak(motion, side.side, lift, release, frontal)
    during = (times >= set_point - 0.1) & (times <= release)
    if not during.any():
        during = np.ones(len(times), dtype=bool)
    flexion = compute_wrist_flexion(motion, side.side, during)
    wrist = find_peak_time(motion.speed(flexion), times, release - 0.25, release + 0.2)

    delay_ms = (arm - legs) * 1000
    steady = compute_steadiness(motion, side.side, legs, release)
    drive = compute_leg_drive(motion, release)
    found_type = shot_type or find_shot_type(motion, release)
    early = logistic_step(arm - wrist, 0.03, 0.01)
    flexed = logistic_step(compute_flexion_change(motion, flexion, set_point, arm), 20.0, 3.0)
    sway = compute_sway(motion, side.side, lowest, set_point)
    tilt = compute_forearm_tilt(motion, side.side, set_point, release)
    probabilities = {
        "baja_transferencia": compute_low_transfer(delay_ms, steady, get_timing(found_type)),
        "muneca_adelantada": min(early, flexed),
        "pickup_inconsistente": logistic_step(sway, 0.10, 0.02),
        "brazo_no_alineado": logistic_step(tilt, 30.0, 3.0),
    }
    unknown = find_unknown(motion, side, frontal) | find_slow_motion(motion, side.side, lift)
    return Shot(
        side.side,
        lowest,
        set_point,
        release,
        legs,
        arm,
        wrist,
        delay_ms,
        compute_energy_transfer(delay_ms, steady, drive, get_timing(found_type)),
        {label: None if label in unknown else value for label, value in probabilities.items()},
        find_doubts(motion, side, unknown),
        unknown,
        side.confidence,
        found_type,
        steady,
        drive,
    )


def check_hips(motion: Motion) -> None:
    """Check that a hip is known: without one the legs' drive and the body's size can't be told.

    Raises:
        ShotError: neither is.
    """
    if not motion.knows("left_hip") and not motion.knows("right_hip"):
        raise ShotError("neither left_hip nor right_hip is seen in any frame, expected the hips: they show the legs")


def _arm_peak(motion: Motion, hand: Hand, lift: Lift, release: float, frontal: float) -> float:
    """Fastest extension of the elbow, in seconds.

    In three dimensions the elbow's own angle. In an image the arm's rise through ``EXTENSION_SHARE``; the more the
    camera is at the side, where the angle is seen but noisy, the more the mean of both.
    """
    elbow = compute_joint_angles(motion, hand)["elbow"]
    lowest = float(motion.times[lift.low])
    seen = find_peak_time(motion.speed(elbow), motion.times, max(lowest, release - 0.25), release + 0.15)
    if motion.points.shape[-1] == 3:
        return seen
    risen = find_rise_time(motion, hand, EXTENSION_SHARE, lift)
    share = 0.5 * float(np.clip((FRONTAL + 0.1 - frontal) / 0.2, 0, 1))
    return share * seen + (1 - share) * risen


def compute_low_transfer(delay_ms: float, steady: float, timing: Timing = STANDING) -> float:
    """The probability of ``baja_transferencia``: the arm late or before the legs, or the wrist not gaining height."""
    return max(
        logistic_step(delay_ms, timing.late, 20.0),
        logistic_step(-delay_ms, 30.0, 20.0),
        logistic_step(1 - steady, 0.25, 0.05),
    )


def compute_energy_transfer(delay_ms: float, steady: float, drive: float, timing: Timing = STANDING) -> float:
    """``ite``, 0..100: timing × steadiness × drive, so that a chain with one broken link transfers nothing.

    Timing is a bell, for a standing shot around 90 ms of 70 ms standard deviation: 69 % of the best at 150 ms, 29 % at
    200. Drive saturates: ``tanh(drive / 0.06)``, 76 % for a pelvis that rises by 6 % of the height from ankles to nose.
    The index has no published formula; this one keeps to the contract's ranges.
    """
    return 100.0 * timing.rate(delay_ms) * float(np.clip(steady, 0, 1)) * float(np.tanh(max(drive, 0.0) / 0.06))


def logistic_step(value: float, threshold: float, width: float) -> float:
    """A logistic step: 0.5 at the threshold, 0.73 one ``width`` above it."""
    return float(1 / (1 + np.exp(-np.clip((value - threshold) / width, -60, 60))))


def find_unknown(motion: Motion, hand: ShootingHand, frontal: float) -> dict[str, str]:
    """The labels that the camera or the tracker doesn't show, with the reason."""
    unknown = {}
    fingers = [f"{hand.side}_{part}" for part in ("index", "pinky")]
    if not all(motion.seen[POINT[name]] >= TRUSTED for name in fingers):
        unknown["muneca_adelantada"] = f"{' and '.join(fingers)} are not seen: they show the wrist flex"
    if motion.points.shape[-1] == 2:
        if frontal >= FRONTAL:
            unknown["muneca_adelantada"] = "the camera is in front or behind: it doesn't see the wrist flex"
        else:
            unknown["brazo_no_alineado"] = "the camera is at the side: it doesn't see the arm leave the shot's plane"
    missing = [
        f"{hand.side}_{part}" for part in ("wrist", "elbow") if motion.seen[POINT[f"{hand.side}_{part}"]] < TRUSTED
    ]
    arm_labels = ("muneca_adelantada", "pickup_inconsistente", "brazo_no_alineado")
    if hand.confidence < SURE:
        unknown |= dict.fromkeys(arm_labels, f"which hand shoots is not sure ({hand.confidence:.0%} {hand.side})")
    elif missing:
        unknown |= dict.fromkeys(arm_labels, f"{' and '.join(missing)} is seen in too few frames")
    return unknown


def find_slow_motion(motion: Motion, hand: Hand, lift: Lift) -> dict[str, str]:
    """The labels that slow motion spoils, with a hint at it; none where the arm rises as fast as a shooter's."""
    fastest = float(motion.speed(compute_wrist_height(motion, hand))[lift.low : lift.top + 1].max(initial=0.0))
    if fastest >= SLOWEST or motion.points.shape[-1] == 3:  # cameras film in slow motion, motion capture doesn't
        return {}
    hint = (
        f"the arm rises slowly ({fastest:.1f} trunk lengths a second, a shot has {SLOWEST:g} or more): is this slow"
        " motion? Send speed, how many times slower than life it plays; ite and delay_ms are of the motion as it plays"
    )
    return dict.fromkeys(("baja_transferencia", "muneca_adelantada"), hint)


def find_doubts(motion: Motion, hand: ShootingHand, unknown: dict[str, str]) -> tuple[str, ...]:
    """Sentences about what the camera or the tracker didn't show."""
    doubts = []
    for part in (f"{hand.side}_wrist", f"{hand.side}_elbow", "left_hip", "right_hip", "left_ankle", "right_ankle"):
        share = float(motion.seen[POINT[part]])
        if share < 0.8:
            doubts.append(f"{part} is seen in {share:.0%} of the frames only")
    for reason in dict.fromkeys(unknown.values()):
        labels = [label for label, why in unknown.items() if why == reason]
        doubts.append(f"{reason} ({', '.join(labels)})")
    return tuple(doubts)
