"""The gesture model's prediction, the same for each server that runs it with ONNX Runtime."""

from typing import Any

from landmarks.hands import Array
from landmarks.models.card import ModelCard
from landmarks.models.session import ModelSession
from landmarks.protocol.predictions import softmax


def compute_probabilities(session: ModelSession, sequence: Array, presence: Array) -> Array:
    """Probabilities ``(B, C)`` of windows ``(B, T, 84)`` with presence ``(B, T, 2)``."""
    return softmax(session.run({"sequence": sequence, "presence": presence})["logits"] / session.card.temperature)


def build_response(card: ModelCard, probabilities: Array, elapsed_ms: float) -> dict[str, Any]:
    """The five fields of a response to ``POST /predict``, from probabilities ``(C,)``."""
    top = int(probabilities.argmax())
    return {
        "prediction": card.class_labels[top],
        "probabilities": probabilities.tolist(),
        "top_index": top,
        "top_probability": float(probabilities[top]),
        "elapsed_ms": elapsed_ms,
    }
