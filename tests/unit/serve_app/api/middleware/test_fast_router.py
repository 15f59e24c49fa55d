"""The shortcut: the routes it knows never reach the router behind it, everything else does."""

import asyncio

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from serve_app.api.middleware.fast_router import ExactPathRouter
from serve_app.errors import InvalidInput


async def endpoint(request: Request) -> Response:
    if request.headers.get("x-bad"):
        raise InvalidInput("sequence is missing, expected it in the body")
    return PlainTextResponse(f"{request.scope['route'].path} {request.path_params['name']}")


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("the router")(scope, receive, send)


ROUTE = Route("/models/{name}/infer", endpoint, methods=["POST"])
SHORTCUT = ExactPathRouter(behind, {"/models/gesture/infer": (ROUTE, {"name": "gesture"})})


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "text"),
    [
        ("POST", "/models/gesture/infer", {}, 200, "/models/{name}/infer gesture"),
        ("POST", "/models/gesture/infer", {"x-bad": "1"}, 400, '"code":"invalid_input"'),
        ("GET", "/models/gesture/infer", {}, 200, "the router"),
        ("POST", "/models/other/infer", {}, 200, "the router"),
    ],
)
async def test_a_known_path_is_answered_by_its_route_and_the_rest_goes_on(
    method: str, path: str, headers: dict[str, str], status: int, text: str
) -> None:
    transport = httpx.ASGITransport(app=SHORTCUT)
    async with asyncio.timeout(10), httpx.AsyncClient(transport=transport, base_url="http://helen") as client:
        answer = await client.request(method, path, headers=headers)
    assert answer.status_code == status
    assert text in answer.text
