"""Made hands for a demonstration without a camera: hand motions that the model on this machine names surely.

Nobody was recorded: fingers, paths and places are drawn at random, and those that the model takes for one of its signs
are kept and made surer. It shows the client at work and says nothing about how well people are recognised.
"""

from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from edge_client.settings import Thresholds
from edge_client.trigger import temperature_scale
from edge_client.types import Window, WindowPrediction, WindowShape, WindowStats
from landmarks.hands import HANDS, POINTS, Array, compute_presence
from landmarks.models.card import ModelError
from landmarks.recording import Recording
from landmarks.synthetic import make_hand

FPS: Final = 30.0
FRAMES: Final = 40
DRAWS: Final = 1000
STEPS: Final = 60
SIGNER: Final = "made"

_NOISE: Final = 0.0012

Floats = npt.NDArray[np.float64]


class Model(Protocol):
    """What names a motion: ``recognition.local_model.LocalModel``."""

    labels: tuple[str, ...]
    shape: WindowShape

    def predict(self, window: Window) -> WindowPrediction: ...


@dataclass(frozen=True)
class Motion:
    """A made sign: how closed each finger is at its start and end (0..1), how the wrist goes, and the other hand.

    Places and swings are in image widths, ``tilt`` in radians, ``turns`` how often the wrist goes there and back.
    ``second`` is how far away the mirrored left hand is, at 0 there is none.
    """

    start_flexion: Floats
    end_flexion: Floats
    place: Floats
    swing: Floats
    turns: float
    tilt: float
    size: float
    second: float

    @classmethod
    def sample(cls, draw: np.random.Generator) -> "Motion":
        start = np.clip(draw.uniform(-0.4, 1.4, 5), 0, 1)
        return cls(
            start_flexion=start,
            end_flexion=start if draw.random() < 0.6 else np.clip(draw.uniform(-0.4, 1.4, 5), 0, 1),
            place=draw.uniform([0.35, 0.4], [0.6, 0.85]),
            swing=draw.normal(0, [0.06, 0.06]),
            turns=float(draw.choice([0.25, 0.5, 1.0, 2.0])),
            tilt=float(draw.normal(0, 0.7)),
            size=float(draw.uniform(0.07, 0.11)),
            second=float(draw.uniform(0.08, 0.3)) if draw.random() < 0.35 else 0.0,
        )

    def perturb(self, draw: np.random.Generator, scale: float) -> "Motion":
        """A neighbour of this motion."""
        changes: dict[str, Floats | float] = {}
        for name, spread in (("place", 0.05), ("swing", 0.03), ("tilt", 0.3), ("size", 0.008)):
            value = getattr(self, name)
            changes[name] = value + scale * spread * draw.normal(size=np.shape(value))
        for name in ("start_flexion", "end_flexion"):
            changes[name] = np.clip(getattr(self, name) + scale * 0.25 * draw.normal(size=5), 0, 1)
        changes["size"] = float(np.clip(changes["size"], 0.06, 0.12))
        if self.second:
            changes["second"] = float(np.clip(self.second + scale * 0.04 * draw.normal(), 0.06, 0.4))
        return replace(self, **changes)  # type: ignore[arg-type]

    def hands(self, frames: int, draw: np.random.Generator) -> Array:
        """The sign as a tracker would give it, float32 ``(frames, 126)``."""
        done = np.linspace(0, 1, frames)[:, None]
        closed = (1 - done) * self.start_flexion + done * self.end_flexion
        turn = np.array([[np.cos(self.tilt), -np.sin(self.tilt)], [np.sin(self.tilt), np.cos(self.tilt)]])
        right = make_hand(closed) * self.size
        right[:, :, :2] = right[:, :, :2] @ turn.T
        away = np.sin(2 * np.pi * self.turns * done)[:, :, None] * self.swing
        right[:, :, :2] += self.place + away
        hands = np.zeros((frames, len(HANDS), POINTS, 3))
        hands[:, 1] = right + draw.normal(0, _NOISE, right.shape)
        if self.second:
            left = right.copy()
            left[:, :, 0] = 2 * self.place[0] + self.second - right[:, :, 0]
            hands[:, 0] = left + draw.normal(0, _NOISE, left.shape)
        return hands.reshape(frames, -1).astype(np.float32)


def made_recording(
    model: Model, thresholds: Thresholds, *, signs: int = 10, rounds: int = 1, seed: int = 0
) -> Recording:
    """A recording of up to ``signs`` made signs that ``model`` names surely, each another label, ``rounds`` times over.

    Raises:
        ModelError: when no drawn motion was taken for a sign.
    """
    draw = np.random.default_rng(seed)
    best: dict[str, tuple[float, Motion]] = {}
    for _ in range(DRAWS):
        motion = Motion.sample(draw)
        label, sureness = classify(model, motion, draw)
        if label not in thresholds.rest_labels and sureness > best.get(label, (0.0, motion))[0]:
            best[label] = (sureness, motion)
    likeliest = sorted(best, key=lambda label: -best[label][0])[: 2 * signs]
    sure = {label: hill_climb(model, label, best[label], draw) for label in likeliest}
    kept = [label for label in likeliest if sharpen(sure[label][0], thresholds) >= thresholds.probability_on][:signs]
    if not kept:
        raise ModelError(f"none of {DRAWS} made motions looks like a sign to this model")
    played = kept * rounds
    names = np.full(len(played), SIGNER)
    hands = np.stack([sure[label][1].hands(FRAMES, draw) for label in played])
    return Recording(hands, np.array(played), names, names, FPS)


def hill_climb(
    model: Model, label: str, start: tuple[float, Motion], draw: np.random.Generator
) -> tuple[float, Motion]:
    """Vary a motion towards being surer of ``label``."""
    sureness, motion = start
    for step in range(STEPS):
        other = motion.perturb(draw, 1 - step / STEPS)
        named, surer = classify(model, other, draw)
        if named == label and surer > sureness:
            sureness, motion = surer, other
    return sureness, motion


def classify(model: Model, motion: Motion, draw: np.random.Generator) -> tuple[str, float]:
    """What the model takes a motion for, at its least sure of two moments: half seen, and seen to the end."""
    hands = motion.hands(FRAMES, draw)
    shape = model.shape
    outputs = [
        model.predict(Window(seen, compute_presence(seen), WindowStats(0, len(seen), 1.0, 1.0, 1.0), 0.0)).probabilities
        for seen in (hands[: shape.first_frames + 4], hands[-shape.seq_len :])
    ]
    last = int(outputs[-1].argmax())
    return model.labels[last], float(min(output[last] for output in outputs))


def sharpen(probability: float, thresholds: Thresholds) -> float:
    """A probability of one label against one other, after the client's sharpening."""
    pair = np.array([probability, 1 - probability], dtype=np.float32)
    return float(temperature_scale(pair, thresholds.temperature)[0])
