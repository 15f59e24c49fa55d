"""What the servers to compare with share: the checks of a window, the model's prediction, and the response."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from landmarks.hands import FEATURE_DIM_XY, HANDS, Array, apply_mask, compute_presence
from landmarks.models.session import ModelSession
from landmarks.protocol.predictions import softmax

SEQ_LEN = 30
MIN_SEQ_LEN = 6


def parse_window(sequence: Any, mask: Any = None) -> tuple[Array, Array]:
    """A window ``(T, 84)`` and who is present in it ``(T, 2)``, from the lists of a request.

    Raises:
        ValueError: another shape.
    """
    window = np.array(sequence, dtype=np.float32)
    if window.ndim != 2 or window.shape[1] != FEATURE_DIM_XY or not MIN_SEQ_LEN <= len(window) <= SEQ_LEN:
        raise ValueError(f"sequence has shape {window.shape}, expected {SEQ_LEN} × {FEATURE_DIM_XY}")
    presence = compute_presence(window) if mask is None else np.array(mask, dtype=np.float32)
    if presence.shape != (len(window), len(HANDS)):
        raise ValueError(f"mask has shape {presence.shape}, expected ({len(window)}, {len(HANDS)})")
    return apply_mask(window, presence), presence


def compute_probabilities(session: ModelSession, sequence: Array, presence: Array) -> Array:
    """Probabilities ``(B, C)`` of windows ``(B, T, 84)`` with presence ``(B, T, 2)``."""
    return softmax(session.run({"sequence": sequence, "presence": presence})["logits"] / session.card.temperature)


def predict_batch(
    infer: Callable[[Array, Array], Array], labels: Sequence[str], windows: Sequence[tuple[Array, Array]]
) -> list[dict[str, Any]]:
    """The five fields of a response to ``POST /predict`` for each window, which share one forward pass.

    ``infer`` takes windows ``(B, T, 84)`` and presence ``(B, T, 2)`` and gives probabilities ``(B, C)``.
    """
    started = time.perf_counter()
    sequences, presences = zip(*windows, strict=True)
    probabilities = infer(np.stack(sequences), np.stack(presences))
    elapsed_ms = (time.perf_counter() - started) * 1000.0
    return [
        {
            "prediction": labels[(top := int(row.argmax()))],
            "probabilities": row.tolist(),
            "top_index": top,
            "top_probability": float(row[top]),
            "elapsed_ms": elapsed_ms,
        }
        for row in probabilities
    ]
