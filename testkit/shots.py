"""Bodies whose shots can be worked by hand: stiff points, and a pelvis and an arm that rise smoothly."""

import numpy as np

from landmarks.pose import POINT, Floats
from landmarks.shots.kinematics import Motion, compute_motion

TIMES = np.arange(90) / 30
RISE_S = 0.4


def smooth_rise(times: Floats, start: float, length: float = RISE_S) -> Floats:
    """From 0 to 1 with the least jerk: 10 s³ − 15 s⁴ + 6 s⁵. Fastest half-way."""
    s = np.clip((times - start) / length, 0, 1)
    return np.asarray(10 * s**3 - 15 * s**4 + 6 * s**5)


def made_body(legs_s: float = 1.0, arm_s: float = 1.1, *, hand: str = "right", dimensions: int = 3) -> Floats:
    """Points ``(90, 33, D)`` in metres: the pelvis rises by 0.2 from ``legs_s`` on, the arm by 0.9 from ``arm_s`` on.

    Each takes 0.4 s. Facing x, y to the left, z up; two dimensions are the view from the player's right: x and z.
    """
    legs, arm = 0.2 * smooth_rise(TIMES, legs_s), 0.9 * smooth_rise(TIMES, arm_s)
    points = np.zeros((90, 33, 3))
    heights = {"nose": 1.65, "shoulder": 1.4, "hip": 0.8, "knee": 0.45, "ankle": 0.1, "heel": 0.05}
    for name, index in POINT.items():
        points[:, index, 1] = 0.2 if name.startswith("left") else -0.2 if name.startswith("right") else 0.0
        part = name.split("_", 1)[-1]
        points[:, index, 2] = heights.get(part, 1.65 if index < 11 else 0.05)
        if part in ("shoulder", "hip") or index < 11:
            points[:, index, 2] += legs
    for side in ("left", "right"):
        up = legs + (arm if side == hand else 0.5 * arm)
        for part, ahead, height in (("elbow", 0.2, 1.2), ("wrist", 0.3, 1.3), ("index", 0.3, 1.4), ("pinky", 0.3, 1.4)):
            points[:, POINT[f"{side}_{part}"], 0] = ahead
            points[:, POINT[f"{side}_{part}"], 2] = height + up
    return points if dimensions == 3 else points[..., [0, 2]]


def made_motion(legs_s: float = 1.0, arm_s: float = 1.1, *, hand: str = "right", dimensions: int = 3) -> Motion:
    """The motion of ``made_body``, every point seen."""
    points = made_body(legs_s, arm_s, hand=hand, dimensions=dimensions)
    return compute_motion(points, np.ones((90, 33)), TIMES)
