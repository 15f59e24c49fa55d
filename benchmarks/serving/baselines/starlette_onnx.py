"""What a competent engineer writes in an afternoon: Starlette, uvicorn × 2 with uvloop, ONNX Runtime, no batching.

``GESTURE_MODEL=FOLDER uvicorn …:app --workers 2``. Each worker has the model and one thread of ONNX Runtime. msgspec
decodes the JSON to typed lists. The model runs on the event loop: with a worker a core, a thread pool would only add
the hand-over.
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

from benchmarks.serving.baselines.gesture import build_response, compute_probabilities
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
        if sequence.ndim != 2 or sequence.shape[1] != card.feature_dim:
            raise ValueError(f"sequence has shape {sequence.shape}, expected (T, {card.feature_dim})")
        if not card.min_seq_len <= len(sequence) <= card.seq_len:
            raise ValueError(f"sequence has {len(sequence)} frames, expected {card.min_seq_len} to {card.seq_len}")
        presence = compute_presence(sequence)
        if window.mask is not None:
            presence = np.array(window.mask, dtype=np.float32)
            if presence.shape != (len(sequence), len(HANDS)):
                raise ValueError(f"mask has shape {presence.shape}, expected ({len(sequence)}, {len(HANDS)})")
            sequence = apply_mask(sequence, presence)
    except ValueError as error:  # msgspec's errors are ValueErrors, as numpy's of ragged lists
        return _json({"error": str(error)}, 400)
    probabilities = compute_probabilities(session, sequence[None], presence[None])[0]
    return _json(build_response(card, probabilities, (time.perf_counter() - started) * 1000.0))


def _json(content: dict[str, object], status: int = 200) -> Response:
    return Response(encoder.encode(content), status, media_type="application/json")


app = Starlette(routes=[Route("/health", health), Route("/predict", predict, methods=["POST"])])
