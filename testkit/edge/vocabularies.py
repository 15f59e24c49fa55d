"""Gestures that nobody performed, as often as a test wants, and recordings of them to teach from."""

from typing import Final

import numpy as np

from landmarks.hands import HANDS, POINTS, Array
from landmarks.recording import Recording
from landmarks.synthetic import make_hand

FRAMES: Final = 30
FPS: Final = 30.0
# How closed the fingers are at the start and the end, and how far the wrist goes in x and y, in image widths.
GESTURES: Final = {
    "wave": ((0, 0, 0, 0, 0), (0, 0, 0, 0, 0), (0.15, 0.0)),
    "grab": ((0, 0, 0, 0, 0), (1, 1, 1, 1, 1), (0.0, 0.1)),
    "lift": ((1, 0, 0, 1, 1), (1, 0, 0, 1, 1), (0.0, -0.25)),
}


def perform(gesture: str, take: int = 0, *, frames: int = FRAMES) -> Array:
    """One of ``GESTURES`` with the right hand, float32 ``(frames, 126)``; each take is a little different."""
    draw = np.random.default_rng(take)
    start, end, way = (np.array(part, dtype=np.float64) for part in GESTURES[gesture])
    done = np.linspace(0, 1, frames)[:, None]
    hand = make_hand((1 - done) * start + done * end) * 0.1
    place = np.array([0.45, 0.6]) + draw.normal(0, 0.02, 2)
    swing = np.sin(2 * np.pi * done) if gesture == "wave" else done
    hand[..., :2] += (place + swing * way * draw.normal(1, 0.1))[:, None]
    hands = np.zeros((frames, len(HANDS), POINTS, 3))
    hands[:, 1] = hand + draw.normal(0, 0.002, hand.shape)
    return hands.reshape(frames, -1).astype(np.float32)


def record_gestures(*gestures: str, takes: int = 3, first_take: int = 0, session: str = "monday") -> Recording:
    """So many takes of each gesture, as one recording."""
    labels = np.repeat(gestures, takes)
    hands = [perform(gesture, first_take + take) for gesture in gestures for take in range(takes)]
    return Recording(np.stack(hands), labels, np.full(len(labels), "ana"), np.full(len(labels), session), FPS)
