"""From logits to a prediction, and the prediction as clients read it in JSON. Knows no model and no socket."""

from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

PROBABILITY_DIGITS: Final = 6  # of a probability in JSON
MAX_PROBABILITY: Final = 1 + 1e-3  # FP16 rounds

_MAX_EXPONENT: Final = 60.0


class ModelPrediction(msgspec.Struct, frozen=True):
    """A model's output for one window: the likeliest label, and a probability for each label of its card."""

    prediction: str
    probabilities: tuple[float, ...]
    top_index: int
    top_probability: float
    model_version: str | int | None


class Prediction(ModelPrediction, frozen=True, kw_only=True):
    """The response of ``POST /predict``, checked as a client reads it.

    Raises:
        ValueError: probabilities that can't be, or a ``top_index`` that isn't one of them.
    """

    model_version: str | int | None = None
    elapsed_ms: float

    def __post_init__(self) -> None:
        if not self.probabilities:
            raise ValueError("probabilities is empty, expected one a label")
        for probability in self.probabilities:
            if not 0 <= probability <= MAX_PROBABILITY:
                raise ValueError(f"probabilities has {probability}, expected 0 to 1")
        if not any(self.probabilities):
            raise ValueError("probabilities has no number above 0")
        if not 0 <= self.top_index < len(self.probabilities):
            raise ValueError(f"top_index is {self.top_index}, expected less than {len(self.probabilities)}")


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Probabilities over the last axis of logits ``(..., C)``, float32.

    Shifted by their maximum, so that finite logits can't overflow; a row with a number that isn't finite gives NaN.
    """
    with np.errstate(invalid="ignore"):
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)


def sigmoid(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The probability of each label by itself, of logits of any shape."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -_MAX_EXPONENT, _MAX_EXPONENT))))
