"""Requests arrive at their rate whatever the answers do, and each is counted from when it was due."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from bench import BenchError
from bench.arrivals import Measured, measure

Answer = Callable[[int], list[bytes]]  # a request's number to the pieces of its answer; none closes
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Served(asyncio.Protocol):
    """One connection of a real server: answers each request of three bytes with the pieces that ``answer`` gives."""

    def __init__(self, answer: Answer, asked: list[bytes], delay_s: float) -> None:
        self._answer = answer
        self._asked = asked
        self._delay_s = delay_s
        self._buffer = b""
        self._transport: asyncio.Transport
        self.ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.ended.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._buffer.endswith(b"\r\n\r\nabc"):
            self._asked.append(self._buffer)
            self._buffer = b""
            asyncio.get_running_loop().call_later(self._delay_s, self._reply, self._answer(len(self._asked)))

    def _reply(self, pieces: list[bytes]) -> None:
        if pieces:
            self._transport.write(pieces[0])
            if pieces[1:]:
                asyncio.get_running_loop().call_later(0.002, self._reply, pieces[1:])
        else:
            self._transport.close()


def run(answer: Answer, *, rate: float, connections: int = 2, delay_s: float = 0.0) -> tuple[Measured, list[bytes]]:
    """A second of load on a server; what was measured, and what it was asked."""

    async def both() -> tuple[Measured, list[bytes]]:
        asked: list[bytes] = []
        opened: list[Served] = []

        def accept() -> Served:
            opened.append(Served(answer, asked, delay_s))
            return opened[-1]

        loop = asyncio.get_running_loop()
        async with asyncio.timeout(60), await loop.create_server(accept, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/predict"
            headers = [("X-Kind", "made")]
            measured = await measure(url, headers, b"abc", connections=connections, rate=rate, seconds=1)
            for one in opened:
                await one.ended.wait()
        return measured, asked

    return asyncio.run(both())


def test_every_request_of_the_measured_time_is_answered_and_the_warm_up_does_not_count() -> None:
    measured, asked = run(lambda _: [OK], rate=50)
    assert (measured.answered, measured.errors, measured.closed) == (50, 0, 0)
    assert len(measured.latencies_ms) == 50
    assert len(asked) == 100
    assert asked[0].startswith(b"POST /predict HTTP/1.1\r\n") and asked[0].endswith(b"\r\n\r\nabc")
    assert b"\r\nContent-Length: 3\r\nX-Kind: made\r\n" in asked[0]


def test_waiting_behind_a_slow_answer_counts() -> None:
    # One connection, 0.06 s an answer, 20 a second: the last of 40 is due after 1.95 s and not answered before 2.4 s.
    measured, _ = run(lambda _: [OK], rate=20, connections=1, delay_s=0.06)
    assert measured.answered == 20
    assert max(measured.latencies_ms) > 400


def test_refusals_are_errors_and_said() -> None:
    refusal = b"HTTP/1.1 429 Too Many\r\ncontent-length: 4\r\n\r\nbusy"
    measured, _ = run(lambda number: [OK if number % 2 else refusal], rate=20, connections=1)
    assert (measured.answered, measured.errors, measured.said) == (10, 10, "429: b'busy'")


@pytest.mark.parametrize(
    ("last", "sentence"), [([], "the connection was lost"), ([b"HTTP/1.1 200 OK\r\n\r\n"], "no Content-Length")]
)
def test_a_lost_connection_fails_all_that_is_due_on_it(last: list[bytes], sentence: str) -> None:
    measured, _ = run(lambda number: [OK] if number <= 30 else last, rate=20, connections=1)
    assert (measured.answered, measured.errors, measured.closed) == (10, 10, 1)
    assert sentence in measured.said


def test_an_answer_may_come_in_pieces() -> None:
    measured, _ = run(lambda _: [OK[:10], OK[10:40], OK[40:]], rate=10, connections=1)
    assert measured.answered == 10


def test_a_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(BenchError, match="accepted 0 of 1 connections"):
        asyncio.run(measure("http://127.0.0.1:9/", [], b"", connections=1, rate=1, seconds=1))
