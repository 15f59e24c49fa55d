"""Hands made for the tests: a plain hand that can be put anywhere, at any size."""

import numpy as np

from landmarks.hands import Array


def made_hand(x: float = 0.5, y: float = 0.5, size: float = 0.2, *, mirrored: bool = False) -> Array:
    """Points ``(21, 3)`` of a hand whose wrist is at (x, y) and whose fingers point up, ``size`` high."""
    points = [(0.0, 0.0, 0.0)]
    for finger, angle in enumerate((-0.9, -0.4, 0.0, 0.35, 0.7)):
        for joint in range(1, 5):
            reach = size * (0.35 + 0.16 * joint) * (0.75 if finger == 0 else 1.0)
            points.append((reach * np.sin(angle), -reach * np.cos(angle), 0.01 * joint))
    hand = np.array(points, dtype=np.float32)
    if mirrored:
        hand[:, 0] *= -1
    hand[:, 0] += x
    hand[:, 1] += y
    return hand


def made_frame(left: Array | None = None, right: Array | None = None) -> Array:
    """A frame of hands ``(2, 21, 3)``."""
    absent = np.zeros((21, 3), dtype=np.float32)
    return np.stack([absent if left is None else left, absent if right is None else right])
