"""Open-loop load over HTTP: requests arrive at a fixed rate whatever the answers do. Counts, latency percentiles.

Usage: ``python -m bench.arrivals URL BODY_FILE --rate 300 --connections 128 --seconds 5 [--header NAME VALUE]...``.
Latency counts from the time at which a request should have gone, so that a stalled server can't hide who waited.
Arrivals are evenly spaced and go to the connections in turn; a request waits for the one before it on its connection,
as a Pi's do. One process on raw sockets with bytes made beforehand, since it shares the machine with the server; its
timers are a millisecond coarse, so that latencies are up to 1 ms too long, never too short. Prints a line of JSON.
"""

import argparse
import asyncio
import json
import re
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

import uvloop

from bench import BenchError
from bench.stream_load import percentile

WARM_S: Final = 1.0
ANSWER_WITHIN_S: Final = 5.0  # the Pi's client gives up then
CONNECT_WITHIN_S: Final = 10.0
LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)


@dataclass
class Measured:
    """What came back of the requests that were due in the measured time; ``closed`` counts lost connections."""

    answered: int = 0
    errors: int = 0
    closed: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    said: str = ""  # the first error


class Connection(asyncio.Protocol):
    """One kept-alive connection that sends the same bytes for each request that is due, one at a time."""

    def __init__(self, request: bytes, measured: Measured) -> None:
        self._request = request
        self._measured = measured
        self._transport: asyncio.Transport
        self._due: deque[tuple[float, bool]] = deque()  # intended time, whether it counts; the first is under way
        self._buffer = b""
        self.lost = False
        self.idle = asyncio.Event()
        self.idle.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        while self._due:
            self._finish(f"the connection was lost: {error or 'closed'}")

    def ask(self, intended_s: float, *, counts: bool) -> None:
        """Ask now, or once the answers before are in; ``intended_s`` is when it is due (``perf_counter``)."""
        self._due.append((intended_s, counts))
        self.idle.clear()
        if self.lost:
            self._finish("the connection was lost")
        elif len(self._due) == 1:
            self._transport.write(self._request)

    def close(self) -> None:
        """Give up on what is waiting, each an error, and close."""
        while self._due:
            self._finish(f"no answer within {ANSWER_WITHIN_S:.0f} s after the last request")
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._due:
            head_end = self._buffer.find(b"\r\n\r\n")
            if head_end < 0:
                return
            head = self._buffer[: head_end + 2]
            length = LENGTH.search(head)
            if length is None:
                self._measured.said = self._measured.said or f"an answer has no Content-Length: {head[:200]!r}"
                self._transport.abort()
                return
            end = head_end + 4 + int(length[1])
            if len(self._buffer) < end:
                return
            status = head[9:12]
            self._finish("" if status == b"200" else f"{status.decode()}: {self._buffer[head_end + 4 : end][:200]!r}")
            self._buffer = self._buffer[end:]
            if self._due:
                self._transport.write(self._request)

    def _finish(self, error: str) -> None:
        intended_s, counts = self._due.popleft()
        if not self._due:
            self.idle.set()
        if not counts:
            return
        if error:
            self._measured.errors += 1
            self._measured.said = self._measured.said or error
        else:
            self._measured.answered += 1
            self._measured.latencies_ms.append((time.perf_counter() - intended_s) * 1000)


async def measure(
    url: str, headers: Sequence[tuple[str, str]], body: bytes, *, connections: int, rate: float, seconds: float
) -> Measured:
    """Let ``rate`` requests a second arrive for ``seconds``, after a second of warm-up at the same rate.

    Raises:
        BenchError: when a connection isn't accepted.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    lines = [f"POST {parts.path} HTTP/1.1", f"Host: {host}:{port}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    request = "\r\n".join([*lines, "", ""]).encode() + body
    measured = Measured()
    loop = asyncio.get_running_loop()
    opened: list[Connection] = []
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            for _ in range(connections):
                _, connection = await loop.create_connection(lambda: Connection(request, measured), host, port)
                opened.append(connection)
    except (OSError, TimeoutError) as error:
        raise BenchError(f"{url} accepted {len(opened)} of {connections} connections: {error!r}") from error
    begin_s = time.perf_counter()
    for number in range(int(rate * (WARM_S + seconds))):
        intended_s = begin_s + number / rate
        if (wait_s := intended_s - time.perf_counter()) > 0:
            await asyncio.sleep(wait_s)
        elif number % connections == 0:
            await asyncio.sleep(0)  # late: what has come in must be read all the same
        opened[number % connections].ask(intended_s, counts=number >= rate * WARM_S)
    with suppress(TimeoutError):
        async with asyncio.timeout(ANSWER_WITHIN_S):
            for connection in opened:
                await connection.idle.wait()
    measured.closed = sum(connection.lost for connection in opened)
    for connection in opened:
        connection.close()
    return measured


def main() -> None:
    """Run the load that the command line asks for and print one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.arrivals", description="Requests at a fixed rate.")
    parser.add_argument("url")
    parser.add_argument("body", type=Path)
    parser.add_argument("--rate", type=float, required=True, help="requests a second")
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--header", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    options = parser.parse_args()
    measured = uvloop.run(
        measure(
            options.url,
            options.header,
            options.body.read_bytes(),
            connections=options.connections,
            rate=options.rate,
            seconds=options.seconds,
        )
    )
    ms = measured.latencies_ms
    print(
        json.dumps(
            {
                "predictions_per_s": round(measured.answered / options.seconds, 1),
                "p50_ms": round(percentile(ms, 0.5), 2),
                "p99_ms": round(percentile(ms, 0.99), 2),
                "errors": measured.errors,
                "closed": measured.closed,
                "answered": measured.answered,
                "cpu_s": round(time.process_time(), 2),
                "said": measured.said[:300],
            }
        )
    )


if __name__ == "__main__":
    main()
