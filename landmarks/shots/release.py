"""When the ball leaves the hand: the shots of a ``Motion`` by one hand, each with the arm's rise and release.

A shot is told from other motions of the arms by the wrist's way from the chest over the head, the arm that opens on
the way, and both hands at the ball. Which hand shoots is ``shooting_hand.py``; what the phases mean is ``rules.py``.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from landmarks.pose import POINT, Floats
from landmarks.shots.kinematics import Motion, find_crossing_time

Hand = Literal["left", "right"]

# The ball has left when the arm (mean height of shoulder, elbow and wrist) has done this share of its rise: what
# remains is follow-through. Heights, because every level camera sees them alike, and three points, because one jumps.
RELEASE_SHARE: Final = 0.95
# The share of its rise at which the arm extends fastest: stands in for the elbow where the camera is in front of or
# behind the player and doesn't see the elbow open. The median of well-timed made shots, when their forms varied less.
EXTENSION_SHARE: Final = 0.83
LIFT_S: Final = 1.5  # from the ball's lowest point to the release at most
BELOW_S: Final = 1.0  # of it before the wrist is over the head
LEAST_RISE: Final = 0.5  # of the trunk's length; a smaller one is no shot

# In trunk lengths. A raised wrist is this far over its shoulders, about the height of the nose.
RAISED: Final = 0.45
PAUSE_S: Final = 0.25  # an arm that comes down for less has not come down
RISEN: Final = 0.9  # of the way up: from here on the arm arrives, before it the ball may pause at the set point
ARRIVED: Final = 0.08  # of the arm's fastest rise: it has arrived, and may creep on
# Hands at a ball are nearer to each other than this and the other one isn't this far below its shoulder.
HANDS_APART: Final = 1.6
HAND_HANGS: Final = -0.3
# How much longer the way over the elbow is than the straight one from shoulder to wrist as the ball goes up, in trunk
# lengths. A straight arm has 0 from every side.
BENT: Final = 0.12
BENT_S: Final = 1.2  # before the release, of which a fifth is spent so bent or more
OTHER_SEEN: Final = 0.5  # share of the frames in which the other hand must be seen to be evidence


class ShotError(ValueError):
    """There is no shot in these frames; the message says what was found and what was expected."""


@dataclass(frozen=True)
class Lift:
    """One rise of the arm: samples where it is lowest and where it is up, and the ``release`` in seconds."""

    low: int
    top: int
    release: float


def compute_arm_height(motion: Motion, hand: Hand) -> Floats:
    """Mean height ``(N,)`` of the shooting arm's shoulder, elbow and wrist."""
    heights = [motion.height(f"{hand}_{joint}") for joint in ("shoulder", "elbow", "wrist")]
    return np.asarray(np.mean(heights, axis=0))


def compute_wrist_height(motion: Motion, hand: Hand) -> Floats:
    """The wrist's height ``(N,)`` over the middle of the shoulders, in trunk lengths."""
    over = motion.height(f"{hand}_wrist") - motion.middle("shoulder")[:, -1]
    return np.asarray(over / max(motion.trunk, 1e-6))


def list_shots(motion: Motion, hand: Hand) -> list[Lift]:
    """The shots of a hand in the order of time.

    Raises:
        ShotError: there is none; the message is about the rise that comes nearest to one.
    """
    lifts, reasons = [], []
    for lift in list_lifts(motion, hand):
        reason = explain_no_shot(motion, hand, lift)
        if reason is None:
            lifts.append(lift)
        else:
            reasons.append(reason)
    if not lifts:
        raise ShotError(reasons[0] if reasons else _explain_low_arm(motion, hand))
    return lifts


def list_lifts(motion: Motion, hand: Hand) -> list[Lift]:
    """Every rise of the wrist over the head, shot or not, in the order of time."""
    if motion.trunk <= 0:
        return []
    over = compute_wrist_height(motion, hand)
    lifts: list[Lift] = []
    for first, last in _list_raised(motion, over):
        lift = _measure_lift(motion, hand, first, last)
        if lift is not None and (not lifts or lift.top > lifts[-1].top):
            lifts.append(lift)
    return lifts


def _list_raised(motion: Motion, over: Floats) -> list[tuple[int, int]]:
    """Samples from and to which the wrist is raised; shorter pauses are bridged."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], over > RAISED, [False]]).astype(int)))
    spans: list[tuple[int, int]] = []
    for first, end in edges.reshape(-1, 2):
        if spans and motion.times[first] - motion.times[spans[-1][1]] < PAUSE_S:
            spans[-1] = spans[-1][0], int(end) - 1
        else:
            spans.append((int(first), int(end) - 1))
    return spans


def _measure_lift(motion: Motion, hand: Hand, first: int, last: int) -> Lift | None:
    """The rise into a span in which the wrist is raised; None where the arm hardly rises."""
    height, times = compute_arm_height(motion, hand), motion.times
    highest = first + int(np.argmax(height[first : last + 1]))
    start = int(np.searchsorted(times, times[first] - BELOW_S))
    low = start + int(np.argmin(height[start : first + 1]))
    rise = height[highest] - height[low]
    if rise < LEAST_RISE * motion.trunk:
        return None
    near = low + int(np.argmax(height[low : highest + 1] >= height[low] + RISEN * rise))
    speed = motion.speed(height)
    arrived = np.flatnonzero(speed[near : highest + 1] < ARRIVED * speed[low : near + 1].max())
    top = near + int(arrived[0]) if len(arrived) else highest
    start = int(np.searchsorted(times, times[top] - LIFT_S))
    low = start + int(np.argmin(height[start : top + 1]))
    level = float(height[low] + RELEASE_SHARE * (height[top] - height[low]))
    return Lift(low, top, find_crossing_time(height, times, level, low, top))


def explain_no_shot(motion: Motion, hand: Hand, lift: Lift) -> str | None:
    """Why a rise of the arm is no shot, in words; None where it is one."""
    other: Hand = "left" if hand == "right" else "right"
    times, over = motion.times, compute_wrist_height(motion, hand)
    on_the_way = (times >= times[lift.low]) & (times <= lift.release) & (over > -0.3) & (over < RAISED + 0.3)
    if not on_the_way.any():
        return f"the {hand} arm is up from the start, expected the ball's way up"
    if motion.seen[POINT[f"{other}_wrist"]] >= OTHER_SEEN:
        apart = np.linalg.norm(motion.at(f"{hand}_wrist") - motion.at(f"{other}_wrist"), axis=-1) / motion.trunk
        nearest = float(apart[on_the_way].min())
        if nearest > HANDS_APART:
            return (
                f"the hands are {nearest:.1f} trunk lengths apart on the way up, expected both at the ball, at most"
                f" {HANDS_APART:g}"
            )
        hanging = float(compute_wrist_height(motion, other)[on_the_way].max())
        if hanging < HAND_HANGS:
            return f"the {other} hand hangs while the {hand} one goes up, expected both at the ball"
    shoulder, elbow, wrist = (motion.at(f"{hand}_{part}") for part in ("shoulder", "elbow", "wrist"))
    upper, fore, reach = (np.linalg.norm(each, axis=-1) for each in (elbow - shoulder, wrist - elbow, wrist - shoulder))
    lifting = (times >= lift.release - BENT_S) & (times <= lift.release)
    if float(np.percentile((upper + fore - reach)[lifting], 80)) < BENT * motion.trunk:
        return f"the {hand} arm goes up straight, expected an elbow that opens on the way"
    return None


def _explain_low_arm(motion: Motion, hand: Hand) -> str:
    height = compute_arm_height(motion, hand)
    top = int(np.argmax(height))
    first = int(np.searchsorted(motion.times, motion.times[top] - LIFT_S))
    rise, trunk = float(height[top] - height[first : top + 1].min()), motion.trunk
    if trunk > 0 and rise >= LEAST_RISE * trunk:
        over = float(compute_wrist_height(motion, hand).max())
        return (
            f"the {hand} wrist comes {over:.2f} trunk lengths over the shoulders, expected at least {RAISED} at the"
            " release of a shot"
        )
    return (
        f"the {hand} arm rises by {rise / trunk if trunk > 0 else 0:.2f} trunk lengths,"
        f" expected at least {LEAST_RISE} in a shot"
    )


def find_release(motion: Motion, hand: Hand) -> tuple[float, float]:
    """When the ball is lowest and when it leaves the hand in the first shot, in seconds.

    Raises:
        ShotError: there is no shot.
    """
    lift = list_shots(motion, hand)[0]
    return float(motion.times[lift.low]), lift.release


def find_lift(motion: Motion, hand: Hand, release_s: float | None = None) -> Lift:
    """The first shot, or the rise that belongs to a known release, whether it looks like a shot or not.

    Raises:
        ShotError: there is no shot, or the arm does not rise.
    """
    if release_s is None:
        return list_shots(motion, hand)[0]
    lifts = list_lifts(motion, hand)
    if not lifts:
        height = compute_arm_height(motion, hand)
        lift = _measure_lift(motion, hand, int(np.argmax(height)), len(height) - 1) if motion.trunk > 0 else None
        if lift is None:
            raise ShotError(_explain_low_arm(motion, hand))
        return lift
    return min(lifts, key=lambda lift: abs(lift.release - release_s))


def find_rise_time(motion: Motion, hand: Hand, share: float, lift: Lift | None = None) -> float:
    """When the arm has done ``share`` of its rise, in seconds; of the first shot where no ``lift`` is given."""
    found = lift or find_lift(motion, hand)
    low, top = found.low, found.top
    height = compute_arm_height(motion, hand)
    return find_crossing_time(height, motion.times, float(height[low] + share * (height[top] - height[low])), low, top)


def find_set_point(motion: Motion, hand: Hand, lowest: float, release: float) -> float:
    """When the wrist passes the nose on its way up, in seconds; half-way to the release where it doesn't."""
    if motion.knows("nose"):
        above = motion.height(f"{hand}_wrist") >= motion.height("nose")
    else:
        above = compute_wrist_height(motion, hand) >= RAISED
    inside = np.flatnonzero((motion.times > lowest) & (motion.times < release) & above)
    return float(motion.times[inside[0]]) if len(inside) else (lowest + release) / 2
