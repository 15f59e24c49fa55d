"""Who may begin a live session: one too many, without a model or without a right key it is refused in HTTP."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from testkit.stages.gated_stages import serving
from testkit.websocket_client import accepted_socket, live_socket


async def refused(app: Starlette, **asked: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, body and headers of an upgrade that the app refuses."""
    async with live_socket(app, **asked) as socket:
        start, body = await socket.event(), await socket.event()
    assert start["type"] == "websocket.http.response.start", start
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], json.loads(body["body"]), headers


@pytest.mark.anyio
async def test_one_session_too_many_is_refused_in_http_and_admitted_once_another_has_ended(repository: Path) -> None:
    async with serving(repository, max_sessions=2) as (app, _):
        async with accepted_socket(app) as first, accepted_socket(app):
            await first.opened()
            status, body, headers = await refused(app)
            assert (status, body["code"], headers["retry-after"]) == (429, "overloaded", "1")
        async with accepted_socket(app) as third:
            assert (await third.opened())["type"] == "ready"


@pytest.mark.anyio
async def test_without_a_model_no_session_begins(tmp_path: Path) -> None:
    async with serving(tmp_path / "nothing") as (app, _):
        status, body, _headers = await refused(app)
        assert (status, body["code"]) == (503, "not_ready")


KEY = "geheim/+ schlüssel"
ENCODED = base64.urlsafe_b64encode(KEY.encode()).decode().rstrip("=")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 401),
        ({"headers": [("x-api-key", "wrong")]}, 403),
        ({"subprotocols": ["helen.v1", "helen.key.d3Jvbmc"]}, 403),
        ({"subprotocols": ["helen.v1", "helen.key.ä"]}, 401),
        ({"subprotocols": ["helen.v1"]}, 401),
    ],
)
async def test_without_a_right_key_no_session_begins(repository: Path, asked: dict[str, Any], status: int) -> None:
    async with serving(repository, api_keys=["other", KEY]) as (app, _):
        assert (await refused(app, **asked))[0] == status


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ({"headers": [("x-api-key", "other")]}, None),
        ({"headers": [("authorization", "Bearer other")]}, None),
        ({"subprotocols": ["helen.v1", f"helen.key.{ENCODED}"]}, "helen.v1"),
        ({"subprotocols": [f"helen.key.{ENCODED}"]}, None),
    ],
)
async def test_a_key_comes_in_a_header_or_as_a_subprotocol_which_is_never_echoed(
    repository: Path, asked: dict[str, Any], chosen: str | None
) -> None:
    async with serving(repository, api_keys=["other", KEY]) as (app, _), live_socket(app, **asked) as socket:
        assert await socket.event() == {"type": "websocket.accept", "subprotocol": chosen}
        assert (await socket.opened())["type"] == "ready"
