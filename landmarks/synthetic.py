"""Made hands: the skeleton of an adult's hand with fingers open to closed, and windows of two of them. No recording.

For demonstrations, sample data, benchmarks and tests. Gestures and paths are the caller's, except in ``make_window``.
Figures on such data say nothing about real people.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from landmarks.hands import HANDS, POINTS, Array, drop_z

Floats = npt.NDArray[np.float64]

FINGERS: Final = 5
BONES: Final = 3  # of a finger, beyond the palm
CURL: Final = 0.75  # radians that a closed finger's first joint bends; the second and third two and three times that

# Where fingers leave the palm and how long their bones are, in palm lengths, fingers up: an adult's right hand.
_ROOTS: Final = np.array([[-0.30, -0.25], [-0.25, -0.95], [-0.05, -1.0], [0.12, -0.93], [0.28, -0.80]])
_BONE_LENGTHS: Final = np.array(
    [[0.36, 0.30, 0.24], [0.42, 0.25, 0.20], [0.46, 0.29, 0.21], [0.42, 0.27, 0.20], [0.33, 0.2, 0.18]]
)
_FAN: Final = np.array([-0.9, -0.18, 0.0, 0.16, 0.36])  # radians from upright
_PALM: Final = 0.09  # in image widths, of the hands of make_window
_NOISE: Final = 0.002


def make_hand(flexion: Floats, *, proportions: Floats | None = None, curl: float = CURL) -> Floats:
    """Right hands ``(..., 21, 3)`` in palm lengths around their wrists, x to the right, y down, z away from the camera.

    Args:
        flexion: how far each finger is closed, ``(..., 5)`` from 0 to 1.
        proportions: factors on the bones ``(5, 3)``.
        curl: radians that the first joint of a closed finger bends.
    """
    lengths = _BONE_LENGTHS if proportions is None else _BONE_LENGTHS * proportions
    points = np.zeros((*flexion.shape[:-1], POINTS, 3))
    at = np.zeros((*flexion.shape, 3))
    at[..., :2] = _ROOTS
    points[..., 1::4, :] = at
    for bone in range(BONES):
        bend = curl * (bone + 1) * flexion
        along = lengths[:, bone] * np.cos(bend)
        step = (along * np.sin(_FAN), -along * np.cos(_FAN), -lengths[:, bone] * np.sin(bend))
        at = at + np.stack(step, axis=-1)
        points[..., 2 + bone :: 4, :] = at
    return points


def make_window(frames: int = 30, *, use_z: bool = False, seed: int = 0) -> Array:
    """A window float32 ``(frames, 84 | 126)`` of two hands that move and are there in each frame, inside the image."""
    rng = np.random.default_rng(seed)
    turn = np.linspace(0, 2 * np.pi, frames)[:, None]
    hands = np.empty((frames, len(HANDS), POINTS, 3))
    for side, (x, mirror) in enumerate(((0.66, -1.0), (0.34, 1.0))):  # the left hand is at the right of the image
        start, end = rng.uniform(0, 1, (2, FINGERS))
        hand = make_hand(start + (end - start) * np.sin(turn / 4)) * _PALM * (mirror, 1.0, 1.0)
        phase, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.5)
        wrist = np.hstack([x + 0.06 * np.sin(speed * turn + phase), 0.6 + 0.09 * np.cos(speed * turn + phase)])
        hand[..., :2] += wrist[:, None]
        hands[:, side] = hand + rng.normal(0, _NOISE, hand.shape)
    window = hands.reshape(frames, -1).astype(np.float32)
    return window if use_z else drop_z(window)
