"""Streams of the local screen: server-sent events, and the one WebSocket of each page.

A page has a WebSocket because browsers open six connections to a server and no more, over all tabs, unless they are
WebSockets. Its messages are JSON objects: ``{"id", "at", "past", "gesture"}``, ``{"state"}``, and ``{}`` now and then.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect

from edge_client.ui.broadcast import EVENTS_SHOWN, Broadcaster, Hub

MAX_LISTENERS: Final = 64
HELLO: Final = b'data: {"type":"hello","status":"ok"}\n\n'
STILL_HERE: Final = b": still here\n\n"
TRY_AGAIN_LATER: Final = 1013


async def event_frames(hub: Hub, last_event_id: str | None) -> AsyncIterator[bytes]:
    """SSE: the hello, then each event with its id; first those that came after ``last_event_id``, if it is given."""
    with hub.connection("listeners"):
        after = hub.events.newest if last_event_id is None else hub.event_number(last_event_id)
        yield HELLO
        async for message in hub.events.follow(after):
            if message is None:
                yield STILL_HERE
            else:
                yield b"data: " + message.body + b"\nid: " + hub.event_id(message).encode() + b"\n\n"


async def state_frames(hub: Hub) -> AsyncIterator[bytes]:
    """SSE: ``null``, then each state of the client; one that is overtaken by a newer one is left out."""
    with hub.connection("pages"):
        after = hub.live.newest
        yield b"data: null\n\n"
        async for message in hub.live.follow(after):
            yield STILL_HERE if message is None else b"data: " + message.body + b"\n\n"


async def serve_page(hub: Hub, page: WebSocket) -> None:
    """Events and states to one page until it leaves or the screen ends.

    ``?after=ID`` goes on after that event; without it the page gets the last ``EVENTS_SHOWN`` first.
    """
    await page.accept()
    if hub.connected["pages"] >= MAX_LISTENERS:
        await page.close(TRY_AGAIN_LATER, f"{MAX_LISTENERS} pages are connected already")
        return
    seen = page.query_params.get("after")
    newest = hub.events.newest
    after = newest - EVENTS_SHOWN if seen is None else hub.event_number(seen)

    async def send_events() -> None:
        async for message in hub.events.follow(after):
            if message is None:
                await page.send_text("{}")
                continue
            past = "true" if message.number <= newest else "false"
            head = f'{{"id":"{hub.event_id(message)}","at":{message.received_s:.3f},"past":{past},"gesture":'
            await page.send_text(head + message.body.decode() + "}")

    async def send_states(channel: Broadcaster) -> None:
        async for message in channel.follow(channel.newest):
            if message is not None:
                await page.send_text('{"state":' + message.body.decode() + "}")

    async def wait_until_gone() -> None:
        while (await page.receive())["type"] != "websocket.disconnect":
            pass  # a page has nothing to say

    async def run(work: Callable[[], Awaitable[None]]) -> None:
        await work()
        group.cancel_scope.cancel()

    with hub.connection("pages"):
        try:
            async with anyio.create_task_group() as group:
                for work in (send_events, lambda: send_states(hub.live), wait_until_gone):
                    group.start_soon(run, work)
        except* (WebSocketDisconnect, OSError):
            pass  # it left while something was on its way
