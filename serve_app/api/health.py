"""``GET /health`` and ``GET /metadata``: can the service answer, and what does a client have to send."""

from starlette.requests import Request
from starlette.responses import Response

from serve_app.api.app_state import AppState, get_state
from serve_app.api.error_handlers import json_response

# How a window may be sent: ``json`` to /predict, the others as tensors of that datatype to /v2.
ENCODINGS = ("json", "fp32", "fp16")


async def health(request: Request) -> Response:
    """200 when every model can answer, else 503 with ``starting`` or ``degraded`` and the reason.

    Where no shot model was ever published, the rules answer for it, and ``models`` says null.
    """
    service = get_state(request)
    state, reason = get_model_state(service)
    if reason is not None:
        return json_response({"status": state, "reason": reason}, 503)
    versions = {pipeline.status.name: pipeline.status.version for pipeline in service.pipelines}
    return json_response({"status": state, "classes": service.gesture.card.num_classes, "models": versions})


def get_model_state(service: AppState) -> tuple[str, str | None]:
    """``ok``, ``starting`` or ``degraded``, and why it isn't ``ok``."""
    waiting = [pipeline.status for pipeline in service.pipelines if not pipeline.answering]
    if not waiting:
        return "ok", None
    starting = not all(pipeline.started for pipeline in service.pipelines)
    return "starting" if starting else "degraded", "; ".join(status.reason or status.name for status in waiting)


async def metadata(request: Request) -> Response:
    """What the gesture model expects and names, and one entry a served model."""
    service = get_state(request)
    card = service.gesture.card
    return json_response(
        {
            "seq_len": card.seq_len,
            "min_seq_len": card.min_seq_len,
            "use_z": card.use_z,
            "num_classes": card.num_classes,
            "class_labels": card.class_labels,
            "feature_dim": card.feature_dim,
            "normalization": card.normalization,
            "version": service.gesture.status.version,
            "encodings": ENCODINGS,
            "models": {pipeline.status.name: pipeline.status.metadata() for pipeline in service.pipelines},
        }
    )
