"""The load generator: requests or messages at a fixed rate whatever comes back, and a closed loop on the same targets.

Latency counts from the time at which a request was due, so that a stalled server can't hide who waited. Everything is
sent once a millisecond, which makes latencies up to 1 ms too long.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from benchmarks import BenchmarkError
from benchmarks.load.connection import Connection, Target
from benchmarks.load.results import ResponseLog

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
        await _drain(responses, target.drain_s)
    return responses


async def send_when_free(
    target: Target, *, rate: float, seconds: float, connections: int, drain_s: float | None = None
) -> ResponseLog:
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
        await _drain(responses, target.drain_s if drain_s is None else drain_s)
    return responses


async def send_closed_loop(target: Target, *, seconds: float, connections: int) -> ResponseLog:
    """Each connection sends again as soon as it has its response.

    Raises:
        BenchmarkError: a connection isn't accepted.
    """
    responses = ResponseLog()
    until_s = math.inf

    def send_again(connection: Connection) -> None:
        if (now_s := time.perf_counter()) < until_s:
            responses.sent += 1
            connection.send(now_s)

    async with _opened(target, responses, connections, send_again) as opened:
        responses.began_s = time.perf_counter()
        until_s = responses.began_s + seconds
        for connection in opened:
            send_again(connection)
        await asyncio.sleep(seconds)
        await _drain(responses, target.drain_s)
    return responses


@asynccontextmanager
async def _opened(
    target: Target, responses: ResponseLog, count: int, on_free: Callable[[Connection], Any]
) -> AsyncIterator[list[Connection]]:
    opened: list[Connection] = []
    try:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                for index in range(count):
                    opened.append(await target.connect(index, responses, on_free))  # noqa: PERF401 - closed one by one
        except (OSError, TimeoutError) as error:
            raise BenchmarkError(f"{target} accepted {len(opened)} of {count} connections: {error!r}") from error
        yield opened
    finally:
        responses.lost_connections = sum(connection.lost for connection in opened)
        for connection in opened:
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


async def _drain(responses: ResponseLog, wait_s: float) -> None:
    give_up_s = time.perf_counter() + wait_s
    # An event for each of half a million responses would cost more than polling.
    while time.perf_counter() < give_up_s and responses.completed + responses.not_sent < responses.sent:  # noqa: ASYNC110
        await asyncio.sleep(TICK_S)
