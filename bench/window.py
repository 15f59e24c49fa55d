"""Made windows of two signing hands, and the JSON body a client sends for one.

The figures are computed, not recorded: they have the size, the range and the digits of real landmarks, which is what
the cost of a request depends on. They say nothing about accuracy.
"""

import json
from typing import Final

import numpy as np

from landmarks.hands import FEATURE_DIM_XY, HANDS, POINTS, Array

FRAMES: Final = 30
DECIMALS: Final = 6  # what MediaPipe's float32 coordinates keep once a client prints them

_FINGERS: Final = 5
_JOINTS: Final = 4


def made_window(seed: int, frames: int = FRAMES) -> Array:
    """A window float32 ``(frames, 84)`` of two present hands, in 0..1 of the image; the same seed, the same window."""
    generator = np.random.default_rng(seed)
    time = np.linspace(0.0, 2.0 * np.pi, frames)
    window = np.empty((frames, len(HANDS), POINTS, 2))
    for side, centre_x in enumerate((0.62, 0.38)):  # unmirrored: the left hand is on the right of the image
        phase, speed = generator.uniform(0.0, 2.0 * np.pi), generator.uniform(0.5, 1.5)
        wrist = np.stack(
            [centre_x + 0.06 * np.sin(speed * time + phase), 0.62 + 0.09 * np.cos(speed * time + phase)], axis=-1
        )
        hand = wrist[:, None, :] + _hand_shape(generator.uniform(0.4, 1.0, _FINGERS).astype(np.float32))
        window[:, side] = hand + generator.normal(0.0, 0.003, hand.shape)
    return np.clip(window, 0.0, 1.0).reshape(frames, FEATURE_DIM_XY).astype(np.float32)


def json_body(window: Array) -> bytes:
    """The body of ``POST /predict`` for a window with both hands in every frame, as ``requests`` writes JSON."""
    # repr of a float32 that became a float64 has 17 digits; a client rounds before it sends.
    sequence = [[round(float(number), DECIMALS) for number in frame] for frame in window]
    return json.dumps({"sequence": sequence, "mask": [[1.0] * len(HANDS)] * len(window)}).encode()


def _hand_shape(stretch: Array) -> Array:
    """21 points ``(21, 2)`` around a wrist at 0, 0: five fingers of four joints, ``stretch`` (5,) of full length."""
    angles = np.linspace(-0.9, 0.5, _FINGERS)
    reach = 0.05 + 0.03 * np.arange(_JOINTS)[None, :] * stretch[:, None]
    directions = np.stack([np.sin(angles), -np.cos(angles)], axis=-1)
    fingers = reach[..., None] * directions[:, None, :]
    return np.concatenate([np.zeros((1, 2)), fingers.reshape(-1, 2)]).astype(np.float32)
