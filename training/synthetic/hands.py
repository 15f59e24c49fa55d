"""Made hands: skeletons that move plausibly, for tests and demonstrations. No person was recorded.

Each made gesture is a hand shape and a path; each made signer has a size, a place, a speed and a hand of their own.
``simulate`` writes them as recordings. Figures on this data say nothing about real people.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from landmarks.hands import POINTS, Array
from landmarks.pose import Floats
from landmarks.synthetic import make_hand

CURL: Final = 1.125  # radians that the first joint of a closed finger bends: tighter than a relaxed fist


@dataclass(frozen=True)
class Gesture:
    """A made gesture: how far each finger is closed (0..1) at its start and end, and the wrist's path."""

    start_flexion: tuple[float, float, float, float, float]
    end_flexion: tuple[float, float, float, float, float]
    swing: tuple[float, float]  # how far the wrist goes in x and y, in image widths
    turns: float  # how often it goes there and back
    both_hands: bool = False


GESTURES: Final = {
    "made-wave": Gesture((0, 0, 0, 0, 0), (0, 0, 0, 0, 0), (0.08, 0.0), 2.0),
    "made-grab": Gesture((0, 0, 0, 0, 0), (1, 1, 1, 1, 1), (0.0, 0.05), 0.5),
    "made-point": Gesture((1, 0, 1, 1, 1), (1, 0, 1, 1, 1), (0.0, -0.10), 0.5),
    "made-clap": Gesture((0, 0, 0, 0, 0), (0.2, 0.2, 0.2, 0.2, 0.2), (-0.10, 0.0), 1.5, both_hands=True),
}


@dataclass(frozen=True)
class Signer:
    """A made signer."""

    size: float  # palm length in image widths
    place: tuple[float, float]  # of the right wrist
    speed: float
    tilt: float  # radians
    proportions: Floats  # (5, 3) factors on the bones

    @classmethod
    def sample(cls, rng: np.random.Generator) -> "Signer":
        return cls(
            size=float(rng.uniform(0.05, 0.09)),
            place=(float(rng.uniform(0.4, 0.6)), float(rng.uniform(0.5, 0.7))),
            speed=float(rng.uniform(0.8, 1.25)),
            tilt=float(rng.normal(0, 0.15)),
            proportions=rng.uniform(0.9, 1.1, (5, 3)),
        )


def make_window(gesture: Gesture, signer: Signer, frames: int, rng: np.random.Generator) -> Array:
    """One made window, float32 ``(frames, 126)`` with z, as a tracker would give it."""
    hands = np.zeros((frames, 2, POINTS, 3))
    late = rng.uniform(-0.1, 0.1)
    turn = np.array([[np.cos(signer.tilt), -np.sin(signer.tilt)], [np.sin(signer.tilt), np.cos(signer.tilt)]])
    for frame in range(frames):
        done = float(np.clip(signer.speed * frame / max(1, frames - 1) + late, 0, 1))
        flexion = (1 - done) * np.array(gesture.start_flexion) + done * np.array(gesture.end_flexion)
        hand = make_hand(flexion, proportions=signer.proportions, curl=CURL)
        hand[:, :2] = hand[:, :2] @ turn.T
        away = np.sin(2 * np.pi * gesture.turns * done) * np.array([*gesture.swing, 0.0])
        hands[frame, 1] = hand * signer.size + away + np.array([*signer.place, 0.0])
        if gesture.both_hands:
            hands[frame, 0] = hands[frame, 1]
            hands[frame, 0, :, 0] = 1 - hands[frame, 1, :, 0]
    seen = (hands != 0).any(axis=(2, 3), keepdims=True)
    hands += seen * rng.normal(0, 0.0015, hands.shape)
    return hands.reshape(frames, -1).astype(np.float32)


def make_windows(windows_each: int, signers: int, frames: int, seed: int) -> dict[str, npt.NDArray[np.generic]]:
    """``windows_each`` windows of every made gesture by every made signer: arrays ``hands``, ``label``, ``signer``."""
    rng = np.random.default_rng(seed)
    hands, labels, names = [], [], []
    for number in range(signers):
        signer = Signer.sample(rng)
        for label, gesture in GESTURES.items():
            for _ in range(windows_each):
                hands.append(make_window(gesture, signer, frames, rng))
                labels.append(label)
                names.append(f"made_{number}")
    return {"hands": np.stack(hands), "label": np.array(labels), "signer": np.array(names)}
