"""Which hand shoots: from what each arm does around its rise over the head, and how well the camera sees it.

The shooting arm opens faster and stays up; the guide hand leaves the ball first and stays below. A tracker guesses
where a hidden arm is, so an arm that is hardly seen is weak evidence, and never the answer where the other is seen.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from landmarks.pose import POINT, SIDES
from landmarks.shots.kinematics import Motion, compute_joint_angle
from landmarks.shots.release import Hand, ShotError, compute_wrist_height, list_lifts

BEFORE_S: Final = 0.25
AFTER_S: Final = 0.2
# What makes a difference between the arms sure, and its weight: by how far elbow, wrist and fingers stay over their
# shoulder and how far the wrist gets from it, in trunk lengths; how fast the arm opens and the wrist rises, in those a
# second; how fast the elbow extends, in degrees a second. Three points, because one that the tracker misplaces must
# not decide.
STEPS: Final = np.array([0.08, 0.12, 0.15, 0.12, 0.8, 1.2, 400.0])
WEIGHTS: Final = np.array([0.8, 0.8, 0.8, 0.5, 0.5, 0.3, 0.2])
# Mean visibility of an arm: below ``HARDLY`` it isn't seen, from ``WELL`` on it is seen as well as the other.
HARDLY: Final = 0.3
WELL: Final = 0.6
SURE: Final = 0.7  # confidence below which labels of the hand can't be told


@dataclass(frozen=True)
class ShootingHand:
    """The side that shoots, and how sure that is, 0.5 (a guess) to 1."""

    side: Hand
    confidence: float


def find_shooting_hand(motion: Motion) -> Hand:
    """The side that shoots; as ``tell_shooting_hand``."""
    return tell_shooting_hand(motion).side


def tell_shooting_hand(motion: Motion) -> ShootingHand:
    """The side that shoots, from all rises of the arms over the head.

    Raises:
        ShotError: neither wrist is ever seen.
    """
    known = [motion.knows(f"{side}_wrist") for side in SIDES]
    if not any(known):
        raise ShotError("neither wrist is seen in any frame, expected the shooting hand")
    if not all(known):
        return ShootingHand("left" if known[0] else "right", 0.9)
    left, right = (compute_visibility(motion, side) for side in ("left", "right"))
    least = min(left, right)
    score = float(np.clip((right - left) / 0.1, -4, 4) * np.clip((WELL - least) / 0.15, 0, 1))
    if least >= HARDLY or max(left, right) < WELL:
        moves = [compare_arms(motion, moment) for moment in _list_moments(motion)]
        score += float(np.clip((least - 0.2) / 0.3, 0.15, 1) * np.clip(np.sum(moves), -6, 6)) if moves else 0.0
    return ShootingHand("right" if score >= 0 else "left", float(1 / (1 + np.exp(-abs(score)))))


def compute_visibility(motion: Motion, side: Hand) -> float:
    """The mean visibility of an arm's elbow, wrist and, where it has one, index finger."""
    points = [POINT[f"{side}_{part}"] for part in ("elbow", "wrist", "index")]
    if not motion.knows("left_index") and not motion.knows("right_index"):
        points.pop()
    return float(np.mean(motion.visibility[points]))


def _list_moments(motion: Motion) -> list[float]:
    """The releases of both arms' rises; those of the same rise are one. The highest wrist's where no arm is raised."""
    found = sorted(lift.release for side in ("left", "right") for lift in list_lifts(motion, side))
    moments: list[float] = []
    for release in found:
        if not moments or release - moments[-1] > 0.4:
            moments.append(release)
    if not moments and motion.trunk > 0:
        highest = [compute_wrist_height(motion, side) for side in ("left", "right")]
        moments = [float(motion.times[int(np.argmax(np.maximum(*highest)))])]
    return moments


def compare_arms(motion: Motion, release: float) -> float:
    """What the arms do around a release: above 0 the right one shoots, below 0 the left one, in log odds."""
    around = (motion.times >= release - BEFORE_S) & (motion.times <= release + AFTER_S)
    after = (motion.times >= release - 1e-9) & (motion.times <= release + AFTER_S)
    if around.sum() < 2 or not after.any():
        return 0.0
    evidence = []
    fingers = motion.knows("left_index", "right_index")
    for side in ("right", "left"):
        shoulder, wrist = motion.at(f"{side}_shoulder"), motion.at(f"{side}_wrist")
        reach = np.linalg.norm(wrist - shoulder, axis=-1) / motion.trunk
        over = {
            part: (motion.height(f"{side}_{part}") - shoulder[:, -1]) / motion.trunk
            for part in ("elbow", "wrist", "index")
        }
        elbow = compute_joint_angle(motion, f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist")
        evidence.append(
            [
                float(over["elbow"][after].mean()),
                float(over["wrist"][after].mean()),
                float(over["index"][after].mean()) if fingers else 0.0,
                float(reach[around].max()),
                float(motion.speed(reach)[around].max()),
                float(motion.speed(over["wrist"])[around].max()),
                float(motion.speed(elbow)[around].max()),
            ]
        )
    return float(np.clip((np.array(evidence[0]) - evidence[1]) / STEPS, -1.5, 1.5) @ WEIGHTS)
