"""The gesture model's arithmetic behind its logits, the same for each peer that serves it with ONNX Runtime."""

import numpy as np

from landmarks.hands import Array
from landmarks.models.session import ModelSession


def probabilities_of(session: ModelSession, sequence: Array, presence: Array) -> Array:
    """Probabilities ``(B, C)`` of windows ``(B, T, 84)`` with presence ``(B, T, 2)``."""
    logits = session.run({"sequence": sequence, "presence": presence})["logits"] / session.card.temperature
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Array = powers / powers.sum(axis=-1, keepdims=True)
    return shares
