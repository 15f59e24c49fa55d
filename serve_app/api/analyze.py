"""``POST /analyze``, also as ``/api/analyze``: frames of a pose in, the shot's labels, metrics and advice out."""

import asyncio
import time
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from serve_app.api.app_state import AppState, get_state
from serve_app.api.deadline import within_deadline
from serve_app.api.json_responses import add_elapsed_ms
from serve_app.api.preferences import preferred_language
from serve_app.api.request_body import read_json_body
from serve_app.shots.request import parse_shot

BODIES_AT_ONCE: Final = 4  # of the largest that are taken; smaller ones are as many more


async def analyze(request: Request) -> Response:
    """Analyze the shot in the frames."""
    state = get_state(request)
    return await within_deadline(request, respond(request, state), state.arguments.request_deadline_s)


async def respond(request: Request, state: AppState) -> Response:
    """Read, check, batch, analyze: the path of a shot from top to bottom."""
    started = time.perf_counter()
    state.shots.check_json_capacity()
    limit = state.arguments.max_analyze_bytes
    language = preferred_language(request.headers.get("accept-language", ""))
    with state.shot_bodies.hold(BODIES_AT_ONCE * limit) as take:
        body = await read_json_body(request, limit, take)
        async with state.shot_decoding:
            decoding = time.perf_counter()
            # A minute of video takes most of a second: not on the loop, which gestures wait for.
            shot = await asyncio.to_thread(parse_shot, body, language)
            state.metrics.record_decode("shot", "-", time.perf_counter() - decoding)
        del body
    encoded = await state.shots.predict_json(shot)
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    return Response(add_elapsed_ms(encoded, started), media_type="application/json", headers=headers)
