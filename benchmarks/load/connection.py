"""What a connection of a load and its target are to the generator."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol, cast

from benchmarks.load.results import ResponseLog

OnFree = Callable[[Any], Any]  # called with the connection when nothing is due on it any more


class Connection(asyncio.Protocol, ABC):
    """One HTTP connection or live session; ``lost`` when nothing can be sent on it any more."""

    def __init__(self, responses: ResponseLog, on_free: OnFree) -> None:
        self._responses = responses
        self._on_free = on_free
        self._transport: asyncio.Transport
        self._buffer = b""
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    @abstractmethod
    def send(self, due_s: float) -> None:
        """Send what was due at ``due_s`` (``perf_counter``)."""

    def close(self) -> None:
        self._transport.close()

    def _note_error(self, text: str) -> None:
        self._responses.first_error = self._responses.first_error or text


class Target(Protocol):
    """Opens connections. ``drain_s`` is how long the last responses are waited for."""

    @property
    def drain_s(self) -> float: ...

    async def connect(self, index: int, responses: ResponseLog, on_free: OnFree) -> Connection: ...
