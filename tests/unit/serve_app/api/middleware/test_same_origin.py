"""Which web pages may use the service from a browser: its own, those of the allow-list, none by another name."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError
from starlette.applications import Starlette

from serve_app.api.auth.api_keys import ApiKeyStore
from serve_app.api.middleware.same_origin import Site, build_site
from serve_app.settings import Environment
from testkit.load import EXAMPLE
from testkit.stages.local_stages import LocalStages, local_app
from testkit.websocket_client import accepted_socket, live_socket

LOOPBACK = Site(hosts=frozenset())
KEY = {"X-API-Key": "of-the-pi"}
CHANGES = [
    ("POST", "/predict"),
    ("POST", "/analyze"),
    ("POST", "/api/analyze"),
    ("POST", "/v2/models/gesture/infer"),
    ("POST", "/v2/models/gesture/versions/1/infer"),
    ("POST", "/v2/repository/index"),
    ("POST", "/v2/repository/models/gesture/load"),
    ("POST", "/v2/repository/models/gesture/unload"),
    ("PUT", "/vocabularies/mine"),
    ("DELETE", "/vocabularies/mine"),
    ("OPTIONS", "/predict"),
]


def asked_by(app: Starlette, host: str = "localhost:8000") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost:8000", headers={"Host": host})


def app_at(repository: Path, site: Site, keys: Sequence[str] = ()) -> AbstractAsyncContextManager[Starlette]:
    return local_app(LocalStages(repository), keys, site)


@pytest.mark.anyio
@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://localhost:5000", "http://[", "é", ""])
@pytest.mark.parametrize(("method", "path"), CHANGES)
async def test_a_page_of_another_site_can_neither_compute_nor_change_anything(
    repository: Path, method: str, path: str, origin: str
) -> None:
    async with asyncio.timeout(20), app_at(repository, LOOPBACK) as app, asked_by(app) as client:
        headers = {b"Origin": origin.encode(), b"Content-Type": b"text/plain"}
        answer = await client.request(method, path, content=b"{}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
        assert answer.json()["error"].startswith("Origin is ")
        assert set(answer.json()) == {"error", "code", "request_id"}
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:8000"},
        {"Origin": "HTTP://LOCALHOST:8000"},
        {"Host": "127.0.0.1:8000", "Origin": "http://127.0.0.1:8000"},
        {"Host": "[::1]:8000", "Origin": "http://[::1]:8000"},
        {"Host": "127.0.0.1", "X-Forwarded-Host": "helen.example.org", "Origin": "https://helen.example.org"},
        {"Origin": "https://lab.example"},
    ],
)
async def test_programs_its_own_pages_and_those_of_the_allow_list_are_answered(
    repository: Path, headers: dict[str, str]
) -> None:
    site = Site(hosts=frozenset(), origins=frozenset({"https://lab.example"}))

    async with asyncio.timeout(20), app_at(repository, site) as app, asked_by(app) as client:
        answer = await client.post("/predict", json=EXAMPLE, headers=headers)
        assert answer.status_code == 200, answer.text
        async with accepted_socket(app, headers=[("Host", "localhost:8000"), *headers.items()]) as socket:
            assert (await socket.opened())["type"] == "ready"


@pytest.mark.anyio
async def test_a_page_of_the_allow_list_may_ask_beforehand_and_read_the_answers(repository: Path) -> None:
    site = Site(hosts=frozenset(), origins=frozenset({"https://lab.example"}))
    asking = {
        "Origin": "https://lab.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-api-key",
    }

    async with asyncio.timeout(20), app_at(repository, site, ["of-the-pi"]) as app, asked_by(app) as client:
        allowed = await client.options("/predict", headers=asking)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://lab.example"
        headers = {"Origin": "https://lab.example"}
        for answer in (
            await client.post("/predict", json=EXAMPLE, headers=headers | KEY),
            await client.post("/predict", json=EXAMPLE, headers=headers),
        ):
            assert answer.headers["access-control-allow-origin"] == "https://lab.example"
            assert "access-control-allow-credentials" not in answer.headers
        assert answer.status_code == 401
        other = await client.options("/predict", headers=asking | {"Origin": "https://elsewhere.example"})
        assert other.status_code == 403


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([("host", "localhost:8000"), ("origin", "https://elsewhere.example")], "foreign_origin"),
        ([("host", "localhost:8000"), ("origin", "null")], "foreign_origin"),
        ([("host", "elsewhere.example"), ("origin", "http://elsewhere.example")], "unknown_host"),
    ],
)
async def test_a_live_session_of_another_site_is_refused_before_the_upgrade(
    repository: Path, headers: list[tuple[str, str]], code: str
) -> None:
    async with asyncio.timeout(20), app_at(repository, LOOPBACK) as app, live_socket(app, headers) as socket:
        start, body = await socket.event(), await socket.event()
        assert (start["type"], start["status"]) == ("websocket.http.response.start", 403)
        assert f'"code":"{code}"'.encode() in body["body"]


HOSTS = [
    ("localhost", True),
    ("LocalHost:8000", True),
    ("localhost.", True),
    ("helen.localhost:8000", True),
    ("127.0.0.1:8000", True),
    ("172.17.0.2:8000", True),
    ("[::1]:8000", True),
    ("[fe80::1]", True),
    ("box.lan", True),
    ("BOX.lan:80", True),
    ("elsewhere.example", False),
    ("elsewhere.example:8000", False),
    ("127.0.0.1.elsewhere.example", False),
    ("localhost.elsewhere.example", False),
    ("notlocalhost", False),
    ("sub.box.lan", False),
    ("²127.0.0.1", False),
    ("[::1", False),
    ("[", False),
    ("localhost:80:80", False),
    ("user@localhost", False),
    (" ", False),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("host", "known"), HOSTS)
@pytest.mark.parametrize("path", ["/predict", "/health", "/metrics", "/nowhere"])
async def test_a_name_that_is_not_its_own_reaches_nothing(repository: Path, host: str, known: bool, path: str) -> None:
    site = Site(hosts=frozenset({"box.lan"}))
    async with asyncio.timeout(20), app_at(repository, site) as app, asked_by(app) as client:
        answer = await client.get(path, headers={b"Host": host.encode()})
        assert (answer.status_code == 403) == (not known), answer.text
        if not known:
            assert answer.json()["code"] == "unknown_host"
            assert "HELEN_ALLOWED_HOSTS" in answer.json()["error"]


@pytest.mark.parametrize(
    ("variables", "keys", "bound_to", "hosts"),
    [
        ({}, (), "127.0.0.1", frozenset()),
        ({}, (), "::1", frozenset()),
        ({}, (), "localhost", frozenset()),
        ({}, (), "0.0.0.0", None),
        ({}, (), "box.lan", None),
        ({}, ("key",), "127.0.0.1", None),
        ({"HELEN_ALLOWED_HOSTS": " Box.lan , helen.example.org"}, (), "127.0.0.1", {"box.lan", "helen.example.org"}),
        ({"HELEN_ALLOWED_HOSTS": "box.lan"}, ("key",), "0.0.0.0", {"box.lan"}),
        ({"HELEN_ALLOWED_HOSTS": "*"}, (), "127.0.0.1", None),
        ({"HELEN_ALLOWED_HOSTS": ""}, (), "127.0.0.1", frozenset()),
    ],
)
def test_names_are_checked_where_a_browser_could_be_tricked(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], keys: Sequence[str], bound_to: str, hosts: set[str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert build_site(Environment(), ApiKeyStore(keys), bound_to) == Site(hosts=hosts)  # type: ignore[arg-type]


def test_origins_come_from_the_environment_with_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELEN_ALLOWED_ORIGINS", "https://Lab.example, http://localhost:5173,")
    assert build_site(Environment(), ApiKeyStore(), "127.0.0.1").origins == {
        "https://lab.example",
        "http://localhost:5173",
    }


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HELEN_ALLOWED_HOSTS", "https://box.lan"),
        ("HELEN_ALLOWED_HOSTS", "box.lan:8000"),
        ("HELEN_ALLOWED_HOSTS", "*.lan"),
        ("HELEN_ALLOWED_ORIGINS", "lab.example"),
        ("HELEN_ALLOWED_ORIGINS", "https://lab.example/"),
        ("HELEN_ALLOWED_ORIGINS", "null"),
        ("HELEN_ALLOWED_ORIGINS", "*"),
    ],
)
def test_a_setting_that_would_never_match_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError, match=f"{value.replace('*', '.')!r}, expected"):
        Environment()
