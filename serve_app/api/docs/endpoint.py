"""``GET /openapi.json``: the routes, for programs and for the page at ``/docs``."""

from functools import lru_cache

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from serve_app.api.auth.middleware import get_key_name
from serve_app.api.docs.openapi import build_document

NO_KEY = "-"


async def document(request: Request) -> Response:
    """The OpenAPI document; it speaks of keys where the service has some."""
    content = encode_document(request.app, get_key_name(request.scope) != NO_KEY)
    return Response(content, media_type="application/json")


@lru_cache(maxsize=4)
def encode_document(app: Starlette, with_keys: bool) -> bytes:
    """The document of an app's routes; it takes some 10 ms of arithmetic, once."""
    return msgspec.json.encode(build_document(app.routes, with_keys=with_keys))
