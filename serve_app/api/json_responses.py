"""What all routes send back: JSON, errors in the contract's form, request ids, and the time that a request took."""

import re
import time
import uuid
from typing import Any

import msgspec
from starlette.requests import HTTPConnection
from starlette.responses import Response

from serve_app.errors import RequestError

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def get_request_id(request: HTTPConnection) -> str:
    """The id that Serve gave this request or passed on from the client; another one where that isn't sane."""
    given = request.headers.get("x-request-id", "")
    known: str = request.scope.setdefault("helen_id", given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex)
    return known


def json_response(value: Any, status: int = 200) -> Response:
    """A value as a JSON response."""
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


def error_response(error: RequestError, request: HTTPConnection) -> Response:
    """A request's error in the contract's form."""
    response = json_response(error.body(get_request_id(request)), error.status)
    response.headers.update(error.headers)
    return response


def elapsed_ms(started_s: float) -> float:
    """Milliseconds since ``started_s``, a time of ``perf_counter``."""
    return (time.perf_counter() - started_s) * 1000


def add_elapsed_ms(encoded: bytes, started_s: float) -> bytes:
    """Add ``elapsed_ms`` to an encoded JSON object."""
    return b'%s,"elapsed_ms":%.3f}' % (encoded[:-1], elapsed_ms(started_s))
