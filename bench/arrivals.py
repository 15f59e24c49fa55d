"""Open-loop load over HTTP: requests arrive at a fixed rate whatever the answers do. Counts, latency percentiles.

Usage: ``python -m bench.arrivals URL BODY_FILE --rate 300 --connections 128 --seconds 5 [--header NAME VALUE]...``,
whose result is a line of JSON; ``overload.py`` and ``soak.py`` call it. Latency counts from the time at which a request
was due, so that a stalled server can't hide who waited. One process on raw sockets with bytes made beforehand, since
it shares the machine with the server; it sends once a millisecond, which makes latencies up to 1 ms too long.
"""

import argparse
import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import uvloop

from bench import BenchError
from bench.connection import Answers, Connection, Target
from bench.load_line import line_of

WARM_S: Final = 1.0
ANSWER_WITHIN_S: Final = 5.0  # the Pi's client gives up then
CONNECT_WITHIN_S: Final = 10.0
TICK_S: Final = 0.001


async def in_turn(target: Target, *, rate: float, seconds: float, connections: int) -> Answers:
    """``rate`` requests a second, over the connections in turn; each waits for the one before it, as a Pi's do.

    Raises:
        BenchError: a connection isn't accepted.
    """
    answers = Answers()
    async with _opened(target, answers, connections, lambda _: None) as opened:
        await _send(answers, rate, seconds, lambda number, due_s: opened[number % connections].ask(due_s))
        await _last_answers(answers, ANSWER_WITHIN_S)
    return answers


async def on_free(
    target: Target, *, rate: float, seconds: float, connections: int, wait_s: float = ANSWER_WITHIN_S
) -> Answers:
    """``rate`` requests a second, each on the connection that has been free for longest; without one it isn't sent.

    Raises:
        BenchError: a connection isn't accepted, or all were lost.
    """
    answers = Answers()
    free: OrderedDict[Connection, None] = OrderedDict()

    def ask(_: int, due_s: float) -> None:
        while free:
            connection, _none = free.popitem(last=False)
            if not connection.lost:
                connection.ask(due_s)
                return
        answers.not_sent += 1
        if all(connection.lost for connection in opened):
            raise BenchError(f"the service closed every connection: {answers.said}")

    async with _opened(target, answers, connections, free.setdefault) as opened:
        free.update(dict.fromkeys(opened))
        await _send(answers, rate, seconds, ask)
        await _last_answers(answers, wait_s)
    return answers


async def closed_loop(target: Target, *, seconds: float, connections: int) -> Answers:
    """Each connection asks again as soon as it has its answer.

    Raises:
        BenchError: a connection isn't accepted.
    """
    answers = Answers()
    until_s = math.inf

    def again(connection: Connection) -> None:
        if (now_s := time.perf_counter()) < until_s:
            answers.asked += 1
            connection.ask(now_s)

    async with _opened(target, answers, connections, again) as opened:
        answers.began_s = time.perf_counter()
        until_s = answers.began_s + seconds
        for connection in opened:
            again(connection)
        await asyncio.sleep(seconds)
        await _last_answers(answers, ANSWER_WITHIN_S)
    return answers


@asynccontextmanager
async def _opened(
    target: Target, answers: Answers, count: int, freed: Callable[[Connection], None]
) -> AsyncIterator[list[Connection]]:
    loop = asyncio.get_running_loop()
    opened: list[Connection] = []
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            for address in islice(cycle(target.addresses or (None,)), count):
                _, connection = await loop.create_connection(
                    lambda: Connection(target.request, answers, freed),
                    target.host,
                    target.port,
                    local_addr=None if address is None else (address, 0),
                )
                opened.append(connection)
    except (OSError, TimeoutError) as error:
        raise BenchError(
            f"{target.host}:{target.port} accepted {len(opened)} of {count} connections: {error!r}"
        ) from error
    try:
        yield opened
    finally:
        answers.closed = sum(connection.lost for connection in opened)
        for connection in opened:
            connection.close()


async def _send(answers: Answers, rate: float, seconds: float, ask: Callable[[int, float], None]) -> None:
    began_s = answers.began_s = time.perf_counter()
    count = int(rate * seconds)
    while answers.asked < count:
        due = min(count, int((time.perf_counter() - began_s) * rate) + 1)
        for number in range(answers.asked, due):
            ask(number, began_s + number / rate)
        answers.asked = due
        await asyncio.sleep(max(TICK_S, began_s + due / rate - time.perf_counter()))


async def _last_answers(answers: Answers, wait_s: float) -> None:
    give_up_s = time.perf_counter() + wait_s
    # An event for each of half a million answers would cost more than looking.
    while time.perf_counter() < give_up_s and answers.settled + answers.not_sent < answers.asked:  # noqa: ASYNC110
        await asyncio.sleep(TICK_S)


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
    target = Target.post(options.url, dict(options.header), options.body.read_bytes())
    answers = uvloop.run(
        in_turn(target, rate=options.rate, seconds=WARM_S + options.seconds, connections=options.connections)
    )
    since_s = answers.began_s + WARM_S
    latencies_ms = answers.latencies_ms(200, since_s)
    errors = sum(len(answers.latencies_ms(status, since_s)) for status in answers.statuses if status != 200)
    print(
        line_of(
            latencies_ms,
            options.seconds,
            errors=errors,
            closed=answers.closed,
            answered=len(latencies_ms),
            said=answers.said,
        )
    )


if __name__ == "__main__":
    main()
