"""HTTP manners that all routes share: request ids, deadlines, and JSON error bodies.

Knows nothing of models or landmarks. ``ingress.py`` puts it around the routes.
"""

import asyncio
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from serve_app.errors import DeadlineExceeded, RequestError, RequestTimeout, error_body

logger = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

BODY_READ = "helen_body_read"  # in a request's scope, once all of its body is here
Answer = TypeVar("Answer")

HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}


def get_request_id(request: HTTPConnection) -> str:
    """The id that Serve gave this request or passed on from the client; another one where that isn't sane."""
    given = request.headers.get("x-request-id", "")
    known: str = request.scope.setdefault("helen_id", given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex)
    return known


async def within_deadline(request: Request, answer: Awaitable[Answer], seconds: float) -> Answer:
    """Await a route's answer for ``seconds`` at most.

    Raises:
        RequestTimeout: the request's body had not all come until then, which is the client's fault.
        DeadlineExceeded: it took longer.
    """
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError as error:
        if BODY_READ not in request.scope:
            raise RequestTimeout(f"the body was not all there within {seconds:g} s") from error
        raise DeadlineExceeded(f"the request was not answered within {seconds:g} s") from error


def json_response(value: Any, status: int = 200) -> Response:
    """A value as a JSON response."""
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


def error_response(error: RequestError, request: HTTPConnection) -> Response:
    """A request's error in the contract's form."""
    response = json_response(error.body(get_request_id(request)), error.status)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    response.headers.update(error.headers)
    return response


async def handle_request_error(request: Request, error: Exception) -> Response:
    """A refusal that was foreseen."""
    assert isinstance(error, RequestError)  # noqa: S101 - Starlette's signature is wider than what it calls us with
    return error_response(error, request)


async def handle_http_error(request: Request, error: Exception) -> Response:
    """A route or method that isn't there."""
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    path = request.scope["path"][:200]  # its url would read the query too, which need be no text
    sentence = {
        404: f"there is no {path} here; GET /docs lists the routes",
        405: f"{request.method} is not allowed on {path}",
    }.get(error.status_code, str(error.detail))
    code = HTTP_CODES.get(error.status_code, "http_error")
    response = json_response(error_body(sentence, code, get_request_id(request)), error.status_code)
    response.headers.update(error.headers or {})
    return response


async def handle_unexpected_error(request: Request, error: Exception) -> Response:
    """Anything else: the client learns where to look, the log what happened."""
    request_id = get_request_id(request)
    logger.error("request %s failed", request_id, exc_info=error, extra={"request_id": request_id})
    return error_response(RequestError("the service failed on this request; its log has the details"), request)


EXCEPTION_HANDLERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    RequestError: handle_request_error,
    HTTPException: handle_http_error,
    Exception: handle_unexpected_error,
}
