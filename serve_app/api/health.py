"""``GET /health`` and ``GET /metadata``: is the service ready, and what does a client have to send."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from landmarks.protocol.metadata import WindowSpec
from serve_app.api.app_state import AppState, get_state, get_vocabulary
from serve_app.api.json_responses import json_response
from serve_app.errors import Conflict

# How a window may be sent: ``json`` to /predict, the others as tensors of that datatype to /v2.
ENCODINGS = ("json", "fp32", "fp16")


async def health(request: Request) -> Response:
    """200 when every model is ready, else 503 with ``starting`` or ``degraded`` and the reason.

    Where no shot model was ever published, the rules answer for it, and ``models`` says null.
    """
    state = get_state(request)
    status, reason = get_model_state(state)
    if reason is not None:
        return json_response({"status": status, "reason": reason}, 503)
    try:
        served = state.get_gestures(get_vocabulary(request))
    except Conflict as error:
        return json_response({"status": "degraded", "reason": error.message}, 503)
    versions = {model.status.name: model.status.version for model in state.models}
    versions[state.gesture.status.name] = served.version
    return json_response({"status": status, "classes": served.card.num_classes, "models": versions})


def get_model_state(state: AppState) -> tuple[str, str | None]:
    """``ok``, ``starting`` or ``degraded``, and why it isn't ``ok``."""
    waiting = [model.status for model in state.models if not model.ready]
    if not waiting:
        return "ok", None
    starting = not all(model.started for model in state.models)
    return "starting" if starting else "degraded", "; ".join(status.reason or status.name for status in waiting)


async def metadata(request: Request) -> Response:
    """What the gesture model expects and names, and one entry a served model."""
    state = get_state(request)
    served = state.get_gestures(get_vocabulary(request))
    models = {model.status.name: model.status.metadata() for model in state.models}
    if served.vocabulary is not None:
        labels = served.card.class_labels
        models[state.gesture.status.name] |= {
            "version": served.version,
            "num_classes": len(labels),
            "class_labels": labels,
        }
    return json_response(
        {
            **msgspec.structs.asdict(WindowSpec.read(served.card)),
            "version": served.version,
            "encodings": ENCODINGS,
            "models": models,
        }
    )
