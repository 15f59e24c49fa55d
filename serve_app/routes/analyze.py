"""``POST /analyze``, also as ``/api/analyze``: frames of a pose in, the shot's labels, metrics and advice out."""

import time

from starlette.requests import Request
from starlette.responses import Response

from serve_app.http import read_json_body, within_deadline
from serve_app.recommendations import preferred_language
from serve_app.routes.predict import with_elapsed
from serve_app.service import Service, service_of
from serve_app.shot_frames import shot_tensors


async def analyze(request: Request) -> Response:
    """Judge the shot in the frames."""
    service = service_of(request)
    return await within_deadline(request, answer(request, service), service.arguments.request_deadline_s)


async def answer(request: Request, service: Service) -> Response:
    """Read, check, batch, judge: the path of a shot from top to bottom."""
    started = time.perf_counter()
    body = await read_json_body(request, service.arguments.max_body_bytes)
    language = preferred_language(request.headers.get("accept-language", ""))
    began = time.perf_counter()
    shot = shot_tensors(body, language)
    service.counts.read("shot", "-", time.perf_counter() - began)
    encoded = await service.shots.submit(shot)
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    return Response(with_elapsed(encoded, started), media_type="application/json", headers=headers)
