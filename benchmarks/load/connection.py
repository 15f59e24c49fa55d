"""What the load generator knows of a connection and of what it connects to; HTTP and live sessions fill it in."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from benchmarks.load.results import ResponseLog

OnFree = Callable[[Any], Any]  # called with the connection when nothing is due on it any more


class Connection(asyncio.Protocol, ABC):
    """One HTTP connection or live session: ``ready`` once something can be sent on it, ``lost`` when no longer."""

    def __init__(self, responses: ResponseLog, on_free: OnFree) -> None:
        self._responses = responses
        self._on_free = on_free
        self._transport: asyncio.Transport
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    @abstractmethod
    def send(self, due_s: float) -> None:
        """Send what was due at ``due_s`` (``perf_counter``)."""

    def close(self) -> None:
        self._transport.close()


@dataclass(frozen=True)
class Target:
    """The server at ``url``: ``build`` makes the connection of a number, not opened yet.

    The last responses are waited for ``drain_s``. ``addresses`` are of this machine; connections are opened from them
    in turn. None leaves that to the kernel.
    """

    url: str
    build: Callable[[int, ResponseLog, OnFree], Connection]
    drain_s: float
    addresses: Sequence[str] = ()

    async def connect(self, index: int, responses: ResponseLog, on_free: OnFree) -> Connection:
        """Open the connection of this number.

        Raises:
            OSError: it isn't accepted.
            BenchmarkError: the service did not admit the session.
        """
        host, _, port = urlsplit(self.url).netloc.partition(":")
        local = (self.addresses[index % len(self.addresses)], 0) if self.addresses else None
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: self.build(index, responses, on_free), host, int(port or 80), local_addr=local
        )
        try:
            await connection.ready
        except BaseException:
            connection.close()
            raise
        return connection
