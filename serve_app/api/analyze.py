"""``POST /analyze``, also as ``/api/analyze``: frames of a pose in, the shot's labels, metrics and advice out."""

import asyncio
import time
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from serve_app.api.app_state import AppState, get_state
from serve_app.api.error_handlers import within_deadline
from serve_app.api.predict import with_elapsed
from serve_app.api.request_body import read_json_body
from serve_app.shots.advice import preferred_language
from serve_app.shots.request import shot_tensors

BODIES_AT_ONCE: Final = 4  # of the largest that are taken; smaller ones are as many more


async def analyze(request: Request) -> Response:
    """Judge the shot in the frames."""
    service = get_state(request)
    return await within_deadline(request, answer(request, service), service.arguments.request_deadline_s)


async def answer(request: Request, service: AppState) -> Response:
    """Read, check, batch, judge: the path of a shot from top to bottom."""
    started = time.perf_counter()
    service.shots.check_capacity()
    limit = service.arguments.max_analyze_bytes
    language = preferred_language(request.headers.get("accept-language", ""))
    with service.shot_bodies.hold(BODIES_AT_ONCE * limit) as take:
        body = await read_json_body(request, limit, take)
        async with service.reading_shot:
            began = time.perf_counter()
            # A minute of video takes most of a second: not on the loop, which gestures wait for.
            shot = await asyncio.to_thread(shot_tensors, body, language)
            service.counts.read("shot", "-", time.perf_counter() - began)
        del body
    encoded = await service.shots.submit(shot)
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    return Response(with_elapsed(encoded, started), media_type="application/json", headers=headers)
