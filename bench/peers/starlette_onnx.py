"""What a competent engineer writes in an afternoon: Starlette, uvicorn × 2 with uvloop, ONNX Runtime, no batching.

``GESTURE_MODEL=FOLDER uvicorn bench.peers.starlette_onnx:app --workers 2``. Each worker has the model and one thread
of ONNX Runtime. JSON is decoded to typed lists by msgspec, the fastest of the decoders that were compared. The model
runs on the event loop: with a worker a core, a thread pool would only add the hand-over.
"""

import os
import time
from pathlib import Path

import msgspec
import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.peers.gesture import probabilities_of
from landmarks.hands import HANDS, apply_mask, compute_presence
from landmarks.models.session import ModelSession


class Window(msgspec.Struct):
    """The body of ``POST /predict``."""

    sequence: list[list[float]]
    mask: list[list[float]] | None = None


session = ModelSession.open(Path(os.environ["GESTURE_MODEL"]), threads=1)
card = session.card
window_decoder = msgspec.json.Decoder(Window)
encoder = msgspec.json.Encoder()


async def health(_: Request) -> Response:
    """``{"status": "ok"}``."""
    return _json({"status": "ok"})


async def predict(request: Request) -> Response:
    """The prediction of one window; 400 with the reason when the body isn't one."""
    started = time.perf_counter()
    try:
        window = window_decoder.decode(await request.body())
        sequence = np.array(window.sequence, dtype=np.float32)
        mask = None if window.mask is None else np.array(window.mask, dtype=np.float32)
    except ValueError as error:  # msgspec's errors are ValueErrors, as numpy's of ragged lists
        return _json({"error": str(error)}, 400)
    if sequence.ndim != 2 or sequence.shape[1] != card.feature_dim:
        return _json({"error": f"sequence has shape {sequence.shape}, expected (T, {card.feature_dim})"}, 400)
    if not card.min_seq_len <= len(sequence) <= card.seq_len:
        expected = f"{card.min_seq_len} to {card.seq_len}"
        return _json({"error": f"sequence has {len(sequence)} frames, expected {expected}"}, 400)
    if mask is None:
        presence = compute_presence(sequence)
    elif mask.shape == (len(sequence), len(HANDS)):
        sequence, presence = apply_mask(sequence, mask), mask
    else:
        return _json({"error": f"mask has shape {mask.shape}, expected ({len(sequence)}, {len(HANDS)})"}, 400)
    probabilities = probabilities_of(session, sequence[None], presence[None])[0]
    top = int(probabilities.argmax())
    return _json(
        {
            "prediction": card.class_labels[top],
            "probabilities": probabilities.tolist(),
            "top_index": top,
            "top_probability": float(probabilities[top]),
            "elapsed_ms": (time.perf_counter() - started) * 1000.0,
        }
    )


def _json(content: dict[str, object], status: int = 200) -> Response:
    return Response(encoder.encode(content), status, media_type="application/json")


app = Starlette(routes=[Route("/health", health), Route("/predict", predict, methods=["POST"])])
