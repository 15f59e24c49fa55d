"""A real local screen on a free port, and what its listeners receive."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect

from edge_client.settings import Screen
from edge_client.ui.broadcast import Hub
from edge_client.ui.server import ScreenServer
from testkit.service import free_ports
from testkit.waiting import DEADLINE_S, wait_until


@contextmanager
def running_screen(hub: Hub, *, port: int | None = None, names: Sequence[str] = ()) -> Iterator[str]:
    """A screen's URL while it runs."""
    port = port or free_ports(1)[0]
    with ScreenServer(hub, Screen(port=port, hosts=tuple(names))) as server:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{port}"


def post(url: str, event: object) -> int:
    """Post a gesture; gives the status."""
    # Loading the certificates that nobody checks here takes longer than all the rest.
    return httpx.post(url + "/gestures/gesture-key", content=msgspec.json.encode(event), verify=False).status_code


@contextmanager
def listening(url: str, **headers: str) -> Iterator["Received"]:
    """What a listener of an SSE stream receives, in a list that fills: the data, and apart from it ``.ids``."""
    received = Received()
    stop = threading.Event()

    def listen() -> None:
        with httpx.stream("GET", url, timeout=DEADLINE_S, headers=headers, verify=False) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    received.append(msgspec.json.decode(line[6:]))
                if line.startswith("id: "):
                    received.ids.append(line[4:])
                if stop.is_set():
                    return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    wait_until(lambda: received)
    yield received
    stop.set()
    origin = url.rsplit("/", 1)[0]
    post(origin, {})
    httpx.post(origin + "/live", json={}, verify=False)
    thread.join(DEADLINE_S)


class Received(list[Any]):
    """Messages of an SSE stream, and the ids of those that had one."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []


@asynccontextmanager
async def connected_page(url: str, after: str | None = None) -> AsyncIterator[ClientConnection]:
    """A page's WebSocket."""
    query = "" if after is None else f"?after={after}"
    async with asyncio.timeout(DEADLINE_S), connect(url.replace("http", "ws", 1) + "/page" + query) as page:
        yield page


async def next_message(page: ClientConnection) -> Any:
    return msgspec.json.decode(await page.recv())
