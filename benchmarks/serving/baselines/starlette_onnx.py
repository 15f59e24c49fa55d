"""What a competent engineer writes in an afternoon: Starlette, uvicorn × 2 with uvloop, ONNX Runtime, no batching.

``GESTURE_MODEL=FOLDER uvicorn …:app --workers 2``. Each worker has the model and one thread of ONNX Runtime. msgspec
decodes the JSON to typed lists. The model runs on the event loop: with a worker a core, a thread pool would only add
the hand-over.
"""

import os
from functools import partial
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.serving.baselines.gesture import compute_probabilities, parse_window, predict_batch
from landmarks.models.session import ModelSession


class Window(msgspec.Struct):
    """The body of ``POST /predict``."""

    sequence: list[list[float]]
    mask: list[list[float]] | None = None


session = ModelSession.open(Path(os.environ["GESTURE_MODEL"]), threads=1)
infer = partial(compute_probabilities, session)
window_decoder = msgspec.json.Decoder(Window)


async def health(_: Request) -> Response:
    """``{"status": "ok"}``."""
    return JSONResponse({"status": "ok"})


async def predict(request: Request) -> Response:
    """The prediction of one window; 400 with the reason when the body isn't one."""
    try:
        body = window_decoder.decode(await request.body())
        window = parse_window(body.sequence, body.mask)
    except ValueError as error:  # msgspec's errors are ValueErrors, as numpy's of ragged lists
        return JSONResponse({"error": str(error)}, 400)
    prediction = predict_batch(infer, session.card.class_labels, [window])[0]
    return Response(msgspec.json.encode(prediction), media_type="application/json")


app = Starlette(routes=[Route("/health", health), Route("/predict", predict, methods=["POST"])])
