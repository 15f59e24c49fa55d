"""deploy/nginx.conf bounds what the models are asked at once: one request too many is refused before the service."""

import asyncio
import re
from collections import Counter
from pathlib import Path

import httpx
import pytest
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from serve_app.api.application import ROUTES
from serve_app.settings import PROJECT_ROOT
from testkit.listening import listening
from testkit.load import EXAMPLE
from testkit.nginx import CONFIG, NAME, NginxFront, nginx_front
from testkit.programs import require_program
from testkit.stages.local_stages import serving

DEADLINE_S = 120
PLACES = 3
FEWER = [(r"max_conns=\d+", f"max_conns={PLACES}")]
INFER = "/v2/models/gesture/infer"


class Slow:
    """A service that holds each POST until ``go`` is set, and counts them."""

    def __init__(self) -> None:
        self.held = 0
        self.came = asyncio.Condition()
        self.go = asyncio.Event()
        self.app = Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "POST"])])

    async def answer(self, request: Request) -> Response:
        if request.method == "POST":
            await request.body()
            async with self.came:
                self.held += 1
                self.came.notify_all()
            await self.go.wait()
        return JSONResponse({"path": request.url.path})

    async def until_held(self, count: int) -> None:
        async with self.came:
            await self.came.wait_for(lambda: self.held >= count)


def is_the_refusal(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["code"]) == (429, "1", "overloaded")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "under way" in answer.json()["error"], "it blames the client's address"


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/predict", "/analyze", "/api/analyze", INFER, "/v2/models/shot/versions/1/infer"])
async def test_one_request_too_many_is_refused_and_takes_no_place(path: str, tmp_path: Path) -> None:
    require_program("nginx")

    slow = Slow()
    async with (
        asyncio.timeout(DEADLINE_S),
        listening(slow.app) as place,
        nginx_front(tmp_path, place, FEWER) as nginx,
        nginx.client() as client,
    ):
        under_way = [asyncio.create_task(client.post(path, json={})) for _ in range(PLACES)]
        await slow.until_held(PLACES)
        for _ in range(2):
            is_the_refusal(await client.post(path, json={}))
        assert (await client.get("/health")).status_code == 200
        slow.go.set()
        assert [answer.status_code for answer in await asyncio.gather(*under_way)] == [200] * PLACES
        assert slow.held == PLACES
        assert [(await client.post(path, json={})).status_code for _ in range(2 * PLACES)] == [200] * 2 * PLACES
    assert "helen_models" not in (tmp_path / "error.log").read_text(), "each refusal is a line"


@pytest.mark.anyio
async def test_bodies_that_do_not_come_hold_no_place(tmp_path: Path) -> None:
    require_program("nginx")

    async def begin(nginx: NginxFront) -> asyncio.StreamWriter:
        _, writer = await asyncio.open_connection("127.0.0.1", nginx.tls, ssl=nginx.trust(), server_hostname=NAME)
        writer.write(f"POST {INFER} HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 100\r\n\r\n{{".encode())
        await writer.drain()
        return writer

    slow = Slow()
    slow.go.set()
    async with (
        asyncio.timeout(DEADLINE_S),
        listening(slow.app) as place,
        nginx_front(tmp_path, place, FEWER) as nginx,
        nginx.client() as client,
    ):
        writers = [await begin(nginx) for _ in range(2 * PLACES)]
        assert [(await client.post(INFER, json={})).status_code for _ in range(5)] == [200] * 5
        assert slow.held == 5
        for writer in writers:
            writer.close()


@pytest.mark.anyio
async def test_beyond_the_bound_the_service_accepts_or_nginx_refuses_and_afterwards_all_is_well(
    repository: Path, tmp_path: Path
) -> None:
    require_program("nginx")

    async with (
        asyncio.timeout(DEADLINE_S),
        serving(repository) as url,
        nginx_front(tmp_path, url.removeprefix("http://"), FEWER) as nginx,
        nginx.client() as client,
    ):
        answers = await asyncio.gather(*(client.post("/predict", json=EXAMPLE) for _ in range(50)))
        counts = Counter(answer.status_code for answer in answers)
        assert counts[200] >= PLACES and counts[200] + counts[429] == 50
        for answer in answers:
            if answer.status_code == 429:
                is_the_refusal(answer)
        for _ in range(PLACES):
            answer = await client.post("/predict", json=EXAMPLE)
            assert answer.status_code == 200, answer.text


def bounded() -> re.Pattern[str]:
    """The paths that share the bound."""
    found = re.search(r"location ~ (\S+) \{[^}]*proxy_pass http://helen_models;", CONFIG.read_text())
    assert found
    return re.compile(found[1])


def test_every_route_that_asks_a_model_shares_the_bound_and_no_other_does() -> None:
    own = {"/vocabularies/mine/predict", f"/vocabularies/mine{INFER}"}
    asking = {"/predict", "/analyze", "/api/analyze", INFER, "/v2/models/gesture/versions/1/infer", *own}
    for route in ROUTES:
        path = route.path.format(name="gesture", version="1", file="a.js", vocabulary="mine")
        assert bool(bounded().search(path)) == (path in asking), path
        assert bool(bounded().search(f"{path}/")) == (path in asking), path
    assert all(bounded().search(path) for path in asking)


def test_nginx_refuses_before_the_service_does() -> None:
    arguments = yaml.safe_load((PROJECT_ROOT / "serve_config.yaml").read_text())["applications"][0]["args"]
    assert "zone helen_models 64k;" in CONFIG.read_text(), "each of nginx's processes counts its own"
    (places,) = (int(found) for found in re.findall(r"max_conns=(\d+)", CONFIG.read_text()))
    # Two full batches keep the model busy; less would leave it waiting, more than may wait the service refuses itself.
    assert arguments["max_batch_size"] * arguments["batches_in_flight"] <= places <= arguments["max_waiting"]
