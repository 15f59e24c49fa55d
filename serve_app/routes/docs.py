"""``GET /docs`` and ``GET /openapi.json``: the routes, for people and for programs."""

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import Response

from serve_app.http import json_response
from serve_app.openapi import DOCUMENT


async def document(_: Request) -> Response:
    """The OpenAPI document."""
    return json_response(DOCUMENT)


async def page(_: Request) -> Response:
    """Swagger UI over it; the browser fetches Swagger's own files from its CDN."""
    return get_swagger_ui_html(openapi_url="openapi.json", title="Helen")
