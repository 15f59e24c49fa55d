"""Requests that keep coming while something happens to the service."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

EXAMPLE: dict[str, Any] = {"sequence": [[0.1] * 84] * 10, "mask": [[1.0, 0.0]] * 10}


@dataclass
class Load:
    """What came back so far: statuses, and which model versions have answered."""

    statuses: Counter[int | str] = field(default_factory=Counter)
    answered: defaultdict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))

    def note(self, answer: httpx.Response) -> None:
        self.statuses[answer.status_code] += 1
        if answer.status_code == 200:
            self.answered[answer.json()["model_version"]].set()

    async def until_version(self, version: str, seconds: float) -> None:
        """Wait until a version has answered."""
        async with asyncio.timeout(seconds):
            await self.answered[version].wait()

    def forget_versions(self) -> None:
        """Start anew with the versions that have answered."""
        self.answered.clear()


@asynccontextmanager
async def constant_load(url: str, clients: int = 8) -> AsyncIterator[Load]:
    """Clients that post the example one request after the other, without retries, until the context closes."""
    load = Load()
    stop = asyncio.Event()

    async def client() -> None:
        async with httpx.AsyncClient(base_url=url, timeout=30) as session:
            while not stop.is_set():
                try:
                    load.note(await session.post("/predict", json=EXAMPLE))
                except httpx.TransportError as error:
                    load.statuses[repr(error)] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
        try:
            yield load
        finally:
            stop.set()


async def burst(url: str, body: bytes, count: int, refused: asyncio.Event) -> list[httpx.Response]:
    """Post one body on ``count`` connections, all of them open before the first byte is sent.

    ``refused`` is set when the first answer that isn't a 200 is in.
    """
    address = httpx.URL(url)
    request = (
        f"POST /predict HTTP/1.1\r\nHost: {address.host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body
    connections = [await asyncio.open_connection(address.host, address.port) for _ in range(count)]
    for _, writer in connections:
        writer.write(request)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> httpx.Response:
        head, _, content = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        status, *lines = head.decode().split("\r\n")
        headers = [tuple(line.split(": ", 1)) for line in lines]
        if (code := int(status.split()[1])) != 200:
            refused.set()
        return httpx.Response(code, headers=headers, content=content)  # type: ignore[arg-type]

    return await asyncio.gather(*(answer(*connection) for connection in connections))
