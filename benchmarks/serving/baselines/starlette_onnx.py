"""What a competent engineer writes in an afternoon: Starlette, uvicorn × 2 with uvloop, ONNX Runtime, no batching.

``GESTURE_MODEL=FOLDER uvicorn …:app --workers 2``. Each worker has the model and one thread of ONNX Runtime. msgspec
decodes the JSON to typed lists. The model runs on the event loop: with a worker a core, a thread pool would only add
the hand-over.
"""

import os
import time
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.serving.baselines.gesture import build_response, compute_probabilities, parse_window
from landmarks.models.session import ModelSession


class Window(msgspec.Struct):
    """The body of ``POST /predict``."""

    sequence: list[list[float]]
    mask: list[list[float]] | None = None


session = ModelSession.open(Path(os.environ["GESTURE_MODEL"]), threads=1)
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
        sequence, presence = parse_window(window.sequence, window.mask)
    except ValueError as error:  # msgspec's errors are ValueErrors, as numpy's of ragged lists
        return _json({"error": str(error)}, 400)
    probabilities = compute_probabilities(session, sequence[None], presence[None])[0]
    elapsed_ms = (time.perf_counter() - started) * 1000.0
    return _json(build_response(session.card.class_labels, probabilities, elapsed_ms))


def _json(content: dict[str, object], status: int = 200) -> Response:
    return Response(encoder.encode(content), status, media_type="application/json")


app = Starlette(routes=[Route("/health", health), Route("/predict", predict, methods=["POST"])])
