"""What an answered window is, whoever answered it. Shared by ``live.py``, ``fallback.py`` and ``pipeline.py``."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from edge_client.windows import Window
from landmarks.hands import Array

AnsweredBy = Literal["cloud", "device"]


@dataclass(frozen=True, slots=True, eq=False)
class WindowPrediction:
    """``probabilities`` float32, one for each of ``labels``, for ``window``; ``took_ms`` as its asker saw it."""

    window: Window
    labels: tuple[str, ...]
    probabilities: Array
    source: AnsweredBy
    took_ms: float
    model_version: str


def temperature_scale(probabilities: Array, sharpness: float) -> Array:
    """Raise probabilities to a power and normalise: the softmax at temperature ``1 / sharpness`` of the same logits."""
    powers = probabilities.astype(np.float64) ** sharpness
    return np.asarray(powers / powers.sum(), dtype=np.float32)
