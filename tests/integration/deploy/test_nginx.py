"""deploy/nginx.conf in a real nginx with a self-signed certificate: what passes, what is refused and in which words."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import websockets
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from landmarks.models.vocabulary_files import MAX_BYTES
from serve_app.api.auth.api_keys import ApiKeyStore
from serve_app.api.middleware.same_origin import Site
from serve_app.gestures.client import TEACH_TIMEOUT_S
from serve_app.settings import PROJECT_ROOT, ServiceArguments
from serve_app.vocabularies.form import MAX_JSON_BYTES
from testkit.listening import listening
from testkit.load import EXAMPLE
from testkit.model_files import write_embedding_version
from testkit.nginx import CONFIG, NAME, Changes, Loopback, NginxFront, nginx_front
from testkit.programs import require_program
from testkit.service import free_ports
from testkit.stages.local_stages import serving
from testkit.vocabularies import made_gesture
from tests.unit.serve_app.api.stream.test_endpoint import PACKED

DEADLINE_S = 120
ON_EVERY_ANSWER = ("strict-transport-security", "x-content-type-options", "x-request-id")


async def logged(nginx: NginxFront, count: int) -> list[str]:
    """The first lines of its log, each of which it writes after its answer has gone; the caller sets the deadline."""
    while True:
        *complete, _ = (nginx.folder / "helen.log").read_text().split("\n")
        if len(complete) >= count:
            return complete
        await asyncio.sleep(0.05)


@asynccontextmanager
async def running_nginx(folder: Path, upstream: str | None = None, changes: Changes = ()) -> AsyncIterator[NginxFront]:
    """nginx in front of ``upstream``, by default a port where nobody listens."""
    require_program("nginx")
    async with (
        asyncio.timeout(DEADLINE_S),
        nginx_front(folder, upstream or f"127.0.0.1:{free_ports(1)[0]}", changes) as running,
    ):
        yield running


@asynccontextmanager
async def serving_behind_nginx(repository: Path, folder: Path, changes: Changes = ()) -> AsyncIterator[NginxFront]:
    """nginx in front of the whole service."""
    async with (
        asyncio.timeout(DEADLINE_S),
        serving(repository) as url,
        running_nginx(folder, url.removeprefix("http://"), changes) as running,
    ):
        yield running


def is_the_contracts_error(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert set(answer.json()) == {"error", "code", "request_id"}
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.anyio
async def test_a_window_is_answered_over_tls_under_its_request_id(repository: Path, tmp_path: Path) -> None:
    async with serving_behind_nginx(repository, tmp_path) as nginx:
        async with nginx.client() as client:
            answer = await client.post("/predict", json=EXAMPLE, headers={"x-request-id": "pi-7.42"})
            assert answer.status_code == 200, answer.text
            assert answer.json()["prediction"]
            assert answer.headers.get_list("x-request-id") == ["pi-7.42"]
            assert answer.headers["server"] == "nginx", "the version is told"
            refused = await client.post("/predict", content=b"{", headers={"x-request-id": "pi-7.43"})
            is_the_contracts_error(refused, 400, "invalid_input")
            assert refused.json()["request_id"] == "pi-7.43"
            page = await client.get("/shots")
            assert "default-src 'none'" in page.headers["content-security-policy"]
            for each in (answer, refused, page):
                for name in ON_EVERY_ANSWER:
                    assert len(each.headers.get_list(name)) == 1, (name, each.headers)
        lines = [json.loads(line) for line in await logged(nginx, 3)]
        assert [line["request_id"] for line in lines[:2]] == ["pi-7.42", "pi-7.43"]
        assert [line["status"] for line in lines] == [200, 400, 200]


@pytest.mark.anyio
async def test_plain_http_is_sent_to_https_and_strangers_names_get_nothing(tmp_path: Path) -> None:
    async with running_nginx(tmp_path) as nginx:
        async with httpx.AsyncClient(transport=Loopback()) as client:
            answer = await client.get(f"http://{NAME}:{nginx.plain}/shots?a=b", headers={"host": NAME})
            assert (answer.status_code, answer.headers["location"]) == (301, f"https://{NAME}/shots?a=b")
            with pytest.raises(httpx.TransportError):
                await client.get(f"http://elsewhere.example:{nginx.plain}/")
        async with httpx.AsyncClient(transport=nginx.here()) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(f"https://elsewhere.example:{nginx.tls}/")


@pytest.mark.anyio
async def test_a_body_too_large_is_refused_before_the_service_sees_it(tmp_path: Path) -> None:
    async with running_nginx(tmp_path) as nginx, nginx.client() as client:
        for path, most in (("/predict", 1_048_576), ("/analyze", 16_777_216), ("/api/analyze/", 16_777_216)):
            answer = await client.post(path, content=b" " * (most + 1))
            is_the_contracts_error(answer, 413, "body_too_large")
            assert answer.json()["error"].endswith(f"expected at most {most}")
            passed = await client.post(path, content=b" " * most)
            is_the_contracts_error(passed, 503, "not_ready")


@pytest.mark.anyio
async def test_an_address_that_asks_too_often_gets_a_429_in_json(repository: Path, tmp_path: Path) -> None:
    async with (
        serving_behind_nginx(repository, tmp_path, [(r"rate=\w+/s", "rate=1r/m"), (r"burst=\d+", "burst=3")]) as nginx,
        nginx.client() as client,
    ):
        answers = [await client.get("/health") for _ in range(8)]
        assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 4
        is_the_contracts_error(answers[-1], 429, "overloaded")
        assert int(answers[-1].headers["retry-after"]) >= 1


@pytest.mark.anyio
async def test_while_the_service_is_away_clients_are_told_to_come_back(tmp_path: Path) -> None:
    async with running_nginx(tmp_path) as nginx, nginx.client() as client:
        answer = await client.post("/predict", json=EXAMPLE)
        is_the_contracts_error(answer, 503, "not_ready")
        assert answer.headers["retry-after"] == "1"


@pytest.mark.anyio
async def test_the_counts_are_not_for_the_outside(repository: Path, tmp_path: Path) -> None:
    async with serving_behind_nginx(repository, tmp_path) as nginx, nginx.client() as client:
        for path in ("/metrics", "/metrics/", "/metrics//", "/metrics%2f"):
            is_the_contracts_error(await client.get(path), 404, "not_found")
        assert (await client.get("/metadata")).status_code == 200


@contextlib.asynccontextmanager
async def mirror() -> AsyncIterator[str]:
    """A service that says which headers reached it, and sends every WebSocket message back."""

    async def headers(request: Request) -> Response:
        return JSONResponse([[name, value] for name, value in request.headers.items()])

    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        async for message in socket.iter_text():
            await socket.send_text(f"{socket.headers['x-request-id']} {message}")

    app = Starlette(routes=[WebSocketRoute("/stream", echo), Route("/{path:path}", headers)])
    async with listening(app) as place:
        yield place


@pytest.mark.anyio
async def test_a_live_session_passes(tmp_path: Path) -> None:
    require_program("nginx")

    async with (
        asyncio.timeout(DEADLINE_S),
        mirror() as upstream,
        nginx_front(tmp_path, upstream) as nginx,
        websockets.connect(
            f"wss://{NAME}:{nginx.tls}/stream",
            host="127.0.0.1",
            ssl=nginx.trust(),
            additional_headers={"X-Request-Id": "pi-7"},
        ) as session,
    ):
        for index in range(50):
            await session.send(f"frame {index}")
            assert await session.recv() == f"pi-7 frame {index}"


@pytest.mark.anyio
async def test_a_live_session_of_the_service_itself_passes_and_one_without_a_key_is_refused(
    repository: Path, tmp_path: Path
) -> None:
    require_program("nginx")

    async with (
        asyncio.timeout(DEADLINE_S),
        serving(repository, ApiKeyStore(["of-the-pi"])) as url,
        nginx_front(tmp_path, url.removeprefix("http://")) as nginx,
    ):
        address, trust = f"wss://{NAME}:{nginx.tls}/stream", nginx.trust()
        headers = {"X-API-Key": "of-the-pi"}
        async with websockets.connect(address, host="127.0.0.1", ssl=trust, additional_headers=headers) as session:
            await session.send("{}")
            assert json.loads(await session.recv())["type"] == "ready"
            await session.send(b"".join(PACKED[:6]))
            assert json.loads(await session.recv())["frames"] == 6
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(address, host="127.0.0.1", ssl=trust)
        assert refused.value.response.status_code == 401


@pytest.mark.anyio
async def test_its_own_pages_may_ask_a_service_on_loopback_without_keys_and_pages_elsewhere_may_not(
    repository: Path, tmp_path: Path
) -> None:
    require_program("nginx")

    async with (
        asyncio.timeout(DEADLINE_S),
        serving(repository, site=Site(hosts=frozenset())) as url,
        nginx_front(tmp_path, url.removeprefix("http://")) as nginx,
        nginx.client() as client,
    ):
        for origin, status in ((f"https://{NAME}", 200), ("https://elsewhere.example", 403), ("null", 403)):
            headers = {"Origin": origin, "X-Forwarded-Host": "elsewhere.example"}
            answer = await client.post("/predict", json=EXAMPLE, headers=headers)
            assert answer.status_code == status, answer.text
            session = websockets.connect(
                f"wss://{NAME}:{nginx.tls}/stream",
                host="127.0.0.1",
                ssl=nginx.trust(),
                additional_headers={"Origin": origin},
            )
            if status == 200:
                async with session:
                    pass
            else:
                with pytest.raises(websockets.InvalidStatus) as refused:
                    await session
                assert refused.value.response.status_code == 403


@pytest.mark.anyio
async def test_headers_that_a_client_makes_up_do_not_reach_the_service(tmp_path: Path) -> None:
    require_program("nginx")
    made_up = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Proto": "gopher",
        "Forwarded": "for=6.6.6.6",
        "Proxy": "http://elsewhere.example",
        "Serve_Multiplexed_Model_Id": "x",
        "X-Request-Id": "two words",
        "X-API-Key": "kept",
    }

    async with asyncio.timeout(DEADLINE_S), mirror() as upstream, nginx_front(tmp_path, upstream) as nginx:
        async with nginx.client() as client:
            answer = await client.get("/anything", headers=made_up)
        reached = dict(answer.json())
        assert reached["x-forwarded-for"] == "127.0.0.1"
        assert reached["x-forwarded-proto"] == "https"
        assert reached["x-api-key"] == "kept"
        assert re.fullmatch(r"[0-9a-f]{32}", reached["x-request-id"])
        assert reached["x-request-id"] == answer.headers["x-request-id"]
        assert {"forwarded", "proxy", "serve_multiplexed_model_id"}.isdisjoint(reached)


@pytest.mark.anyio
async def test_a_vocabulary_is_taught_and_asked_through_it(tmp_path: Path) -> None:
    write_embedding_version(tmp_path / "models", 1)
    recordings = [
        {"label": label, "hands": made_gesture(label, seed, 30).tolist()}
        for label in ("wave", "stop", "circle")
        for seed in range(20)
    ]
    async with serving_behind_nginx(tmp_path / "models", tmp_path) as nginx, nginx.client() as client:
        body = json.dumps({"recordings": recordings}).encode()
        assert len(body) > 2 * 1_048_576, "it is no more than other bodies may have"
        headers = {"Content-Type": "application/json"}
        made = await client.put("/vocabularies/mine", content=body, headers=headers)
        assert made.status_code == 201, made.text
        window = {"sequence": made_gesture("stop", 99).tolist()}
        answer = await client.post("/vocabularies/mine/predict", json=window)
        assert answer.json()["prediction"] == "stop"


def seconds(directive: str, text: str) -> list[int]:
    """The values of a directive in seconds."""
    return [int(value) for value in re.findall(rf"^\s*{directive} (\d+)s;", text, flags=re.MULTILINE)]


def test_its_limits_and_timeouts_go_with_the_serve_config() -> None:
    text = CONFIG.read_text()
    serve = yaml.safe_load((PROJECT_ROOT / "serve_config.yaml").read_text())
    arguments, options = serve["applications"][0]["args"], serve["http_options"]
    assert re.findall(r"client_max_body_size (\w+);", text) == ["1m", "16m", "16m"]
    assert 16 * 1_048_576 == MAX_JSON_BYTES >= MAX_BYTES
    assert (arguments["max_body_bytes"], arguments["max_analyze_bytes"]) == (1_048_576, 16 * 1_048_576)
    assert min(seconds("proxy_read_timeout", text)) > arguments["request_deadline_s"]
    teaching = re.search(r"location ~ \^/vocabularies/\[\^/\]\+/\?\$ \{[^}]*proxy_read_timeout (\d+)s;", text)
    assert teaching and int(teaching[1]) > arguments["request_deadline_s"] + TEACH_TIMEOUT_S
    assert max(seconds("proxy_read_timeout", text)) > 1.5 * ServiceArguments.model_validate(arguments).session_idle_s
    assert max(seconds("keepalive_timeout", text)) < options["keep_alive_timeout_s"]
    assert f"server 127.0.0.1:{options['port']};" in text


def test_only_the_service_is_reachable_through_it() -> None:
    assert set(re.findall(r"proxy_pass ([^;]+);", CONFIG.read_text())) == {"http://helen", "http://helen_models"}
