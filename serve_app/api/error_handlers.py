"""Exceptions to responses: errors that were foreseen, routes that aren't there, and anything else."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from serve_app.api.json_responses import error_response, get_request_id, json_response
from serve_app.errors import RequestError, error_body

logger = logging.getLogger(__name__)

HTTP_CODES: Final = {404: "not_found", 405: "method_not_allowed"}


async def handle_request_error(request: Request, error: RequestError) -> Response:
    """An error that was foreseen."""
    return error_response(error, request)


async def handle_http_error(request: Request, error: HTTPException) -> Response:
    """A route or method that isn't there."""
    path = request.scope["path"][:200]  # its url would read the query too, which need be no text
    message = {
        404: f"there is no {path} here; GET /docs lists the routes",
        405: f"{request.method} is not allowed on {path}",
    }.get(error.status_code, str(error.detail))
    code = HTTP_CODES.get(error.status_code, "http_error")
    response = json_response(error_body(message, code, get_request_id(request)), error.status_code)
    response.headers.update(error.headers or {})
    return response


async def handle_unexpected_error(request: Request, error: Exception) -> Response:
    """Anything else: the client learns where to look, the log what happened."""
    request_id = get_request_id(request)
    logger.error("request %s failed", request_id, exc_info=error, extra={"request_id": request_id})
    return error_response(RequestError("the service failed on this request; its log has the details"), request)


EXCEPTION_HANDLERS: Mapping[Any, Callable[[Request, Any], Awaitable[Response]]] = {
    RequestError: handle_request_error,
    HTTPException: handle_http_error,
    Exception: handle_unexpected_error,
}
