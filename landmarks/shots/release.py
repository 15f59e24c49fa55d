"""When the ball leaves the hand: the shooting hand, the arm's rise, set point and release of a ``Motion``.

Everything is read from heights, which every level camera sees alike. What the phases mean is in ``rules.py``.
"""

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
LEAST_RISE: Final = 0.5  # of the trunk's length; a smaller one is no shot


class ShotError(ValueError):
    """There is no shot in these frames; the message says what was found and what was expected."""


def find_shooting_hand(motion: Motion) -> Hand:
    """The side whose wrist gets higher: the guide hand leaves the ball first.

    Raises:
        ShotError: neither wrist is ever seen.
    """
    seen = [motion.seen[POINT[f"{side}_wrist"]] for side in ("left", "right")]
    if max(seen) == 0:
        raise ShotError("neither wrist is seen in any frame, expected the shooting hand")
    if min(seen) == 0:
        return "left" if seen[0] else "right"
    return "left" if motion.height("left_wrist").max() > motion.height("right_wrist").max() else "right"


def compute_arm_height(motion: Motion, hand: Hand) -> Floats:
    """Mean height ``(N,)`` of the shooting arm's shoulder, elbow and wrist."""
    heights = [motion.height(f"{hand}_{joint}") for joint in ("shoulder", "elbow", "wrist")]
    return np.asarray(np.mean(heights, axis=0))


def find_release(motion: Motion, hand: Hand) -> tuple[float, float]:
    """When the ball is lowest and when it leaves the hand, in seconds.

    From the highest point of the arm back to the lowest within ``LIFT_S``; the release is where the arm has done
    ``RELEASE_SHARE`` of that rise.

    Raises:
        ShotError: the arm rises by less than ``LEAST_RISE`` trunk lengths.
    """
    low, top = _lift(motion, hand)
    height = compute_arm_height(motion, hand)
    trunk = float(np.median(np.linalg.norm(motion.middle("shoulder") - motion.middle("hip"), axis=-1)))
    rise = float(height[top] - height[low])
    if not rise >= LEAST_RISE * trunk or trunk <= 0:
        raise ShotError(
            f"the {hand} arm rises by {rise / trunk if trunk > 0 else 0:.2f} trunk lengths,"
            f" expected at least {LEAST_RISE} in a shot"
        )
    return float(motion.times[low]), find_rise_time(motion, hand, RELEASE_SHARE)


def _lift(motion: Motion, hand: Hand) -> tuple[int, int]:
    height = compute_arm_height(motion, hand)
    top = int(np.argmax(height))
    first = int(np.searchsorted(motion.times, motion.times[top] - LIFT_S))
    return first + int(np.argmin(height[first : top + 1])), top


def find_rise_time(motion: Motion, hand: Hand, share: float) -> float:
    """When the arm has done ``share`` of its rise, in seconds."""
    low, top = _lift(motion, hand)
    height = compute_arm_height(motion, hand)
    return find_crossing_time(height, motion.times, float(height[low] + share * (height[top] - height[low])), low, top)


def find_set_point(motion: Motion, hand: Hand, lowest: float, release: float) -> float:
    """When the wrist passes the nose on its way up, in seconds; half-way to the release where it doesn't."""
    above = motion.height(f"{hand}_wrist") >= motion.height("nose")
    inside = np.flatnonzero((motion.times > lowest) & (motion.times < release) & above)
    return float(motion.times[inside[0]]) if len(inside) else (lowest + release) / 2
