"""``POST /predict``: one window of landmarks in, the gesture's name and every probability out."""

import time

from starlette.requests import Request
from starlette.responses import Response

from landmarks.protocol.tensors import PRESENCE
from serve_app.api.app_state import AppState, get_state
from serve_app.api.auth.middleware import get_key_name
from serve_app.api.error_handlers import within_deadline
from serve_app.api.request_body import read_json_body
from serve_app.gestures.request import gesture_window


async def predict(request: Request) -> Response:
    """Name the gesture of one window."""
    service = get_state(request)
    return await within_deadline(request, answer(request, service), service.arguments.request_deadline_s)


async def answer(request: Request, service: AppState) -> Response:
    """Read, check, batch, infer: the path of a window from top to bottom."""
    started = time.perf_counter()
    card = service.gesture.card
    service.gesture.check_capacity()
    body = await read_json_body(request, service.arguments.max_body_bytes)
    began = time.perf_counter()
    window = gesture_window(body, card)
    service.counts.read("gesture", service.gesture.status.version or "-", time.perf_counter() - began)
    service.counts.record_presence("gesture", get_key_name(request.scope), window[PRESENCE])
    encoded = await service.gesture.submit(window)
    return Response(with_elapsed(encoded, started), media_type="application/json")


def with_elapsed(encoded: bytes, started: float) -> bytes:
    """Add ``elapsed_ms``, the time since ``started`` (``perf_counter`` seconds), to an encoded JSON object."""
    return b'%s,"elapsed_ms":%.3f}' % (encoded[:-1], (time.perf_counter() - started) * 1000)
