"""``GET /openapi.json``: the routes, for programs and for the page at ``/docs``."""

from starlette.requests import Request
from starlette.responses import Response

from serve_app.http import json_response
from serve_app.openapi import DOCUMENT


async def document(_: Request) -> Response:
    """The OpenAPI document."""
    return json_response(DOCUMENT)
