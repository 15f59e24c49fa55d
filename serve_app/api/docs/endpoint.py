"""``GET /openapi.json``: the routes, for programs and for the page at ``/docs``."""

from starlette.requests import Request
from starlette.responses import Response

from serve_app.api.docs.openapi import DOCUMENT
from serve_app.api.error_handlers import json_response


async def document(_: Request) -> Response:
    """The OpenAPI document."""
    return json_response(DOCUMENT)
