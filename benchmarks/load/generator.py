"""The load generator, for HTTP and live sessions: an open loop at a fixed rate whatever comes back, and a closed loop.

Latency counts from the time at which a request was due, so that a stalled server can't hide who waited. The open loop
sends once a millisecond, which makes its latencies up to 1 ms too long.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from benchmarks import BenchmarkError
from benchmarks.load.connection import Connection, OnFree, Target
from benchmarks.load.results import UNANSWERED, ResponseLog

CONNECT_TIMEOUT_S: Final = 30.0
TICK_S: Final = 0.001


async def send_in_turn(target: Target, *, rate: float, seconds: float, connections: int) -> ResponseLog:
    """``rate`` requests a second, over the connections in turn; each waits for the one before it, as a Pi's do.

    Raises:
        BenchmarkError: a connection isn't accepted.
    """
    responses = ResponseLog()
    async with _opened(target, responses, connections, lambda _: None) as opened:
        await _send(responses, rate, seconds, lambda number, due_s: opened[number % connections].send(due_s))
    return responses


async def send_when_free(target: Target, *, rate: float, seconds: float, connections: int) -> ResponseLog:
    """``rate`` requests a second, each on the connection that has been free for longest; without one it isn't sent.

    Raises:
        BenchmarkError: a connection isn't accepted, or all were lost.
    """
    responses = ResponseLog()
    free: OrderedDict[Connection, None] = OrderedDict()

    def send(_: int, due_s: float) -> None:
        while free:
            connection, _none = free.popitem(last=False)
            if not connection.lost:
                connection.send(due_s)
                return
        responses.not_sent += 1
        if all(connection.lost for connection in opened):
            raise BenchmarkError(f"the service closed every connection: {responses.first_error}")

    async with _opened(target, responses, connections, free.setdefault) as opened:
        free.update(dict.fromkeys(opened))
        await _send(responses, rate, seconds, send)
    return responses


async def send_closed_loop(target: Target, *, seconds: float, connections: int) -> ResponseLog:
    """Each connection sends again as soon as it has its response; one that the server closed is opened again.

    Raises:
        BenchmarkError: a connection isn't accepted at the start.
    """
    responses = ResponseLog()
    until_s = 0.0

    def send_again(connection: Connection) -> None:
        running = time.perf_counter() < until_s
        if not connection.lost and running:
            responses.sent += 1
            connection.send(time.perf_counter())
        elif connection.lost and responses.began_s and connection in opened:
            opened.remove(connection)  # its requests are recorded
            if running:
                group.create_task(open_again())

    async def open_again() -> None:
        try:
            opened.append(await target.connect(len(opened), responses, send_again))
        except OSError as error:
            responses.note_error(f"a connection was not opened again: {error}")
            responses.record(UNANSWERED, now_s := time.perf_counter(), now_s)
        else:
            send_again(opened[-1])

    async with _opened(target, responses, connections, send_again) as opened, asyncio.TaskGroup() as group:
        responses.began_s = time.perf_counter()
        until_s = responses.began_s + seconds
        for connection in list(opened):
            send_again(connection)
        await asyncio.sleep(seconds)
    return responses


@asynccontextmanager
async def _opened(
    target: Target, responses: ResponseLog, count: int, on_free: OnFree
) -> AsyncIterator[list[Connection]]:
    """Connections that are closed at the end, once the last responses are in."""
    opened: list[Connection] = []
    try:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                for index in range(count):
                    opened.append(await target.connect(index, responses, on_free))  # noqa: PERF401 - closed one by one
        except (OSError, TimeoutError) as error:
            raise BenchmarkError(f"{target.url} accepted {len(opened)} of {count} connections: {error!r}") from error
        yield opened
        give_up_s = time.perf_counter() + target.drain_s
        # An event for each of half a million responses would cost more than polling.
        while time.perf_counter() < give_up_s and responses.waiting > 0:  # noqa: ASYNC110
            await asyncio.sleep(TICK_S)
    finally:
        responses.lost_connections = sum(connection.lost for connection in opened)
        for connection in opened.copy():  # a closed loop takes out what is closed
            connection.close()


async def _send(responses: ResponseLog, rate: float, seconds: float, send: Callable[[int, float], None]) -> None:
    began_s = responses.began_s = time.perf_counter()
    count = int(rate * seconds)
    while responses.sent < count:
        due = min(count, int((time.perf_counter() - began_s) * rate) + 1)
        for number in range(responses.sent, due):
            send(number, began_s + number / rate)
        responses.sent = due
        await asyncio.sleep(max(TICK_S, began_s + due / rate - time.perf_counter()))
