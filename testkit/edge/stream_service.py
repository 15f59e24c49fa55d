"""The service without Ray, on a port of this machine: its own routes and stages, under the server that Serve uses."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from testkit.listening import listening
from testkit.stages.local_stages import LocalStages, local_app

START_WITHIN_S = 30


@dataclass
class LiveService:
    """Where it answers, and what came and went over its sessions."""

    url: str = ""
    sessions: int = 0
    received: list[bytes] = field(default_factory=list)  # binary messages
    texts: list[str] = field(default_factory=list)
    break_next: bool = False  # the next answer's connection breaks before it is sent

    def around(self, app: ASGIApp) -> ASGIApp:
        """The app, watched."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "websocket":
                await app(scope, receive, send)
                return
            self.sessions += 1

            async def noted() -> Message:
                message = await receive()
                if message.get("bytes") is not None:
                    self.received.append(message["bytes"])
                elif message.get("text") is not None:
                    self.texts.append(message["text"])
                return message

            async def breaking(message: Message) -> None:
                if self.break_next and '"prediction"' in message.get("text", ""):
                    self.break_next = False
                    session.cancel()
                    return
                await send(message)

            session = asyncio.ensure_future(app(scope, noted, breaking))
            await asyncio.wait([session])  # the server cuts a connection whose app returns without a close

        return watched


@contextmanager
def live_service(repository: Path, api_keys: Sequence[str] = (), **arguments: float) -> Iterator[LiveService]:
    """Serve the models of a repository until the block ends."""
    service = LiveService()
    started, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        async with (
            local_app(LocalStages(repository), api_keys, **arguments) as app,
            listening(service.around(app), lifespan="off") as address,
        ):
            service.url = f"http://{address}"
            started.set()
            while not stop.is_set():  # noqa: ASYNC110 - another thread sets it
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    try:
        assert started.wait(START_WITHIN_S), "the service did not start"
        yield service
    finally:
        stop.set()
        thread.join(START_WITHIN_S)
