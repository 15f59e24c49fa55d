"""A slash at the end of a path changes nothing: no redirect, the same route, the same keys, the same counts."""

import asyncio
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from starlette.routing import Route

from serve_app.api.application import ROUTES
from serve_app.api.docs.examples import example_shot
from testkit.load import EXAMPLE
from testkit.stages.local_stages import LocalStages, local_app, local_client
from testkit.websocket_client import accepted_socket


def said(answer: httpx.Response) -> object:
    """An answer but for what differs from one to the next, such as the time it took."""
    if answer.headers["content-type"] != "application/json" or not answer.content:
        return answer.headers["content-type"]
    decoded = answer.json()
    return sorted(decoded) if isinstance(decoded, dict) else decoded


@pytest.mark.anyio
@pytest.mark.parametrize("path", [route.path for route in ROUTES if isinstance(route, Route) and route.path != "/"])
async def test_every_route_answers_with_a_slash_as_without(repository: Path, path: str) -> None:
    path = path.format(name="gesture", version="1", file="card.json", vocabulary="mine")
    body = example_shot() if "analyze" in path else {} if "repository" in path else EXAMPLE

    async with asyncio.timeout(20), local_client(repository) as client:
        for method in ("GET", "HEAD", "POST"):
            sent = {"json": body} if method == "POST" else {}
            plain = await client.request(method, path, **sent)  # type: ignore[arg-type]
            slashed = await client.request(method, f"{path}/", **sent)  # type: ignore[arg-type]
            assert slashed.status_code == plain.status_code
            assert said(slashed) == said(plain)


@pytest.mark.anyio
async def test_a_slash_is_counted_under_its_route(repository: Path) -> None:
    async with asyncio.timeout(20), local_client(repository) as client:
        assert (await client.post("/predict/", json=EXAMPLE)).status_code == 200
        assert (await client.post("/predict//", json=EXAMPLE)).status_code == 404
        counted = (await client.get("/metrics/")).text
        assert "helen_requests_total{" in counted
        assert 'route="/predict",' in counted


@pytest.mark.anyio
async def test_a_live_session_begins_with_a_slash_too(repository: Path) -> None:
    async with (
        asyncio.timeout(20),
        local_app(LocalStages(repository)) as app,
        accepted_socket(app, path="/stream/") as socket,
    ):
        assert (await socket.opened())["type"] == "ready"


@pytest.mark.anyio
async def test_keys_open_the_same_paths(repository: Path) -> None:
    async with asyncio.timeout(20), local_client(repository, ["a-key"]) as client:
        assert (await client.get("/health/")).status_code == 200
        assert (await client.get("/metadata/")).status_code == 401


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/docs", "/docs/", "/shots/", "/"])
async def test_the_form_leads_back_to_where_it_was_asked_for(repository: Path, path: str) -> None:
    async with asyncio.timeout(20), local_client(repository, ["a-key"]) as client:
        answer = await client.post(path, headers={"Accept": "text/html"}, data={"key": "a-key"})
        assert urljoin(f"http://helen{path}", answer.headers["location"]) == f"http://helen{path}"


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/docs/", "/shots/"])
async def test_a_page_with_a_slash_finds_its_files(repository: Path, path: str) -> None:
    async with asyncio.timeout(20), local_client(repository) as client:
        page = await client.get(path)
        assert '<base href="../">' in page.text
        assert "base-uri 'self'" in page.headers["content-security-policy"]
        plain = await client.get(path.rstrip("/"))
        assert "<base" not in plain.text
        assert "base-uri 'none'" in plain.headers["content-security-policy"]
