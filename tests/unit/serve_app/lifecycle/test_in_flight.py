"""A replica that is told to drain closes its WebSockets and waits for its requests."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket

from landmarks.protocol.stream import SERVICE_RESTART
from serve_app.lifecycle import in_flight as in_flight_module
from serve_app.lifecycle.in_flight import InFlight, InFlightMiddleware, Socket
from testkit.websocket_client import live_socket

LIMIT_S = 10.0


def application(in_flight: InFlight, gate: asyncio.Event) -> Starlette:
    """A request that is answered once the gate opens, and a WebSocket that listens until it is closed."""

    async def slow(_: Request) -> Response:
        await gate.wait()
        return PlainTextResponse("done")

    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            await socket.send_text(text)

    routes = [Route("/slow", slow), WebSocketRoute("/live", listen)]
    return Starlette(routes=routes, middleware=[Middleware(InFlightMiddleware, in_flight=in_flight)])


async def request(app: Starlette, path: str) -> list[Message]:
    """One GET of an application; what it sent."""
    sent: list[Message] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


@pytest.mark.anyio
async def test_drain_waits_until_the_request_that_is_under_way_is_answered() -> None:
    in_flight, gate = InFlight(), asyncio.Event()
    asking = asyncio.create_task(request(application(in_flight, gate), "/slow"))
    while in_flight.requests != 1:
        await asyncio.sleep(0)
    draining = asyncio.create_task(in_flight.drain(LIMIT_S))
    await asyncio.sleep(0.12)
    assert not draining.done()
    gate.set()
    async with asyncio.timeout(LIMIT_S):
        await draining
    assert (await asking)[0]["status"] == 200
    assert in_flight.requests == 0


@pytest.mark.anyio
async def test_drain_gives_up_after_its_limit() -> None:
    in_flight, gate = InFlight(), asyncio.Event()
    asking = asyncio.create_task(request(application(in_flight, gate), "/slow"))
    await asyncio.sleep(0)
    async with asyncio.timeout(LIMIT_S):
        await in_flight.drain(0.1)
    assert not asking.done()
    gate.set()
    await asking


@pytest.mark.anyio
async def test_a_request_that_fails_is_under_way_no_more() -> None:
    in_flight = InFlight()

    async def broken(*_: object) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await InFlightMiddleware(broken, in_flight)({"type": "http"}, None, None)  # type: ignore[arg-type]
    assert in_flight.requests == 0


@pytest.mark.anyio
async def test_an_open_socket_is_closed_with_1012_and_so_is_one_that_comes_later() -> None:
    in_flight = InFlight()
    app = application(in_flight, asyncio.Event())
    async with live_socket(app, path="/live") as open_one:
        assert (await open_one.event())["type"] == "websocket.accept"
        await in_flight.drain(LIMIT_S)
        closed = await open_one.event()
        assert (closed["type"], closed["code"]) == ("websocket.close", SERVICE_RESTART)
        assert "stopping" in closed["reason"]
    async with live_socket(app, path="/live") as late:
        assert (await late.event())["type"] == "websocket.accept"
        assert (await late.event())["code"] == SERVICE_RESTART


@pytest.mark.anyio
async def test_whoever_sends_on_a_closed_socket_learns_that_it_is() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    socket = Socket(send)
    await socket.close()
    await socket.close()
    with pytest.raises(OSError, match="stopping"):
        await socket.send({"type": "websocket.send", "text": "late"})
    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.anyio
async def test_a_client_that_has_gone_keeps_nobody_from_draining() -> None:
    async def send(_: Message) -> None:
        raise ConnectionResetError

    in_flight = InFlight()
    await in_flight.add(Socket(send))
    async with asyncio.timeout(LIMIT_S):
        await in_flight.drain(LIMIT_S)


@pytest.mark.anyio
async def test_a_client_that_reads_nothing_keeps_neither_the_others_nor_the_stop_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(in_flight_module, "CLOSE_S", 0.05)
    in_flight = InFlight()
    closed: list[int] = []

    def socket(number: int) -> Socket:
        async def send(_: Message) -> None:
            if number % 2:
                await asyncio.Event().wait()
            closed.append(number)

        return Socket(send)

    for number in range(6):
        await in_flight.add(socket(number))
    async with asyncio.timeout(LIMIT_S):
        await in_flight.drain(LIMIT_S)
    assert sorted(closed) == [0, 2, 4]
