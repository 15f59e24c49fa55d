"""``POST /predict``: one window of landmarks in, the gesture's name and every probability out."""

import time

from starlette.requests import Request
from starlette.responses import Response

from landmarks.protocol.tensors import PRESENCE
from serve_app.api.app_state import AppState, get_state, get_vocabulary
from serve_app.api.auth.middleware import get_key_name
from serve_app.api.deadline import within_deadline
from serve_app.api.json_responses import add_elapsed_ms
from serve_app.api.request_body import read_json_body
from serve_app.gestures.request import parse_window
from serve_app.schemas import BatchItem


async def predict(request: Request) -> Response:
    """Name the gesture of one window."""
    state = get_state(request)
    return await within_deadline(request, respond(request, state), state.arguments.request_deadline_s)


async def respond(request: Request, state: AppState) -> Response:
    """Read, check, batch, infer: the path of a window from top to bottom."""
    started = time.perf_counter()
    served = state.get_gestures(get_vocabulary(request))
    state.gesture.check_json_capacity()
    body = await read_json_body(request, state.arguments.max_body_bytes)
    decoding = time.perf_counter()
    window = parse_window(body, served.card)
    state.metrics.record_decode("gesture", state.gesture.status.version or "-", time.perf_counter() - decoding)
    state.metrics.record_presence("gesture", get_key_name(request.scope), window[PRESENCE])
    encoded = await state.gesture.predict_json(BatchItem(window, served.vocabulary))
    return Response(add_elapsed_ms(encoded, started), media_type="application/json")
