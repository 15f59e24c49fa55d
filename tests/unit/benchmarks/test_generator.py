"""Requests arrive at their rate whatever the answers do, and each is counted from when it was due."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import cast

import pytest

from benchmarks import BenchmarkError
from benchmarks.load.connection import Target
from benchmarks.load.generator import send_closed_loop, send_in_turn, send_when_free
from benchmarks.load.http_connection import build_http_target
from benchmarks.load.results import UNANSWERED, ResponseLog
from edge_client.service.request_encoding import EncodedRequest

WindowPrediction = Callable[[int], list[bytes]]  # a request's number to the pieces of its answer; none closes
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Served(asyncio.Protocol):
    """One connection of a real server: answers each request of three bytes with the pieces that ``answer`` gives."""

    def __init__(self, answer: WindowPrediction, asked: list[bytes], delay_s: float) -> None:
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


Load = Callable[[Target], Awaitable[ResponseLog]]


def run(
    answer: WindowPrediction, load: Load, *, delay_s: float = 0.0, drain_s: float = 5.0
) -> tuple[ResponseLog, list[bytes]]:
    """A load on a server; what came back, and what it was asked."""

    async def both() -> tuple[ResponseLog, list[bytes]]:
        asked: list[bytes] = []
        opened: list[Served] = []

        def accept() -> Served:
            opened.append(Served(answer, asked, delay_s))
            return opened[-1]

        loop = asyncio.get_running_loop()
        async with asyncio.timeout(60), await loop.create_server(accept, "127.0.0.1", 0) as server:
            responses = await load(build_target(server.sockets[0].getsockname()[1], drain_s))
            for one in opened:
                await one.ended.wait()
        return responses, asked

    return asyncio.run(both())


def build_target(port: int, drain_s: float = 5.0) -> Target:
    """A request of three bytes to a port, from two addresses."""
    request = EncodedRequest("/predict", {"X-Kind": "made"}, b"abc")
    addresses = ["127.0.0.1", "127.0.0.2"]
    target = build_http_target(f"http://127.0.0.1:{port}", request, addresses=addresses)
    return replace(target, drain_s=drain_s)


def turns(rate: float, connections: int) -> Load:
    """A second of requests over the connections in turn."""
    return partial(send_in_turn, rate=rate, seconds=1, connections=connections)


def test_every_request_is_asked_and_answered_and_those_due_in_a_span_can_be_told() -> None:
    responses, asked = run(lambda _: [OK], turns(50, 2))
    assert responses.statuses == {200: 50}
    assert (responses.sent, responses.lost_connections, responses.not_sent, responses.first_error) == (50, 0, 0, "")
    assert len(responses.latencies_ms(200, responses.began_s + 0.495)) == 25
    assert len(asked) == 50
    assert asked[0].startswith(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:") and asked[0].endswith(
        b"X-Kind: made\r\n\r\nabc"
    )


def test_waiting_behind_a_slow_answer_counts() -> None:
    # One connection, 0.06 s an answer, 20 a second: the last of 20 is due after 0.95 s and not answered before 1.2 s.
    responses, _ = run(lambda _: [OK], turns(20, 1), delay_s=0.06)
    assert responses.statuses == {200: 20}
    assert max(responses.latencies_ms(200)) > 200


def test_refusals_are_counted_by_status_and_the_first_is_said() -> None:
    refusal = b"HTTP/1.1 429 Too Many\r\ncontent-length: 4\r\n\r\nbusy"
    kind = b"HTTP/1.1 429 Too Many\r\nretry-after: 1\r\ncontent-length: 4\r\n\r\nlate"
    responses, _ = run(lambda number: [[OK], [refusal], [kind]][number % 3], turns(30, 1))
    assert responses.statuses == {200: 10, 429: 20}
    assert (responses.missing_retry_after, responses.first_error) == (10, "429: b'busy'")


@pytest.mark.parametrize(
    ("last", "sentence"),
    [
        ([], "the connection was lost"),
        ([b"HTTP/1.1 200 OK\r\n\r\n"], "no Content-Length"),
        ([b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"], "the connection was lost"),
    ],
)
def test_a_lost_connection_fails_all_that_is_due_on_it(last: list[bytes], sentence: str) -> None:
    responses, asked = run(lambda number: [OK] if number < 10 else last, turns(20, 1))
    assert len(asked) == 10
    assert responses.statuses[UNANSWERED] == 20 - responses.statuses[200]
    assert responses.statuses[200] == 9 + (b"close" in b"".join(last))
    assert responses.lost_connections == 1
    assert sentence in responses.first_error


def test_an_answer_may_come_in_pieces() -> None:
    responses, _ = run(lambda _: [OK[:10], OK[10:40], OK[40:]], turns(10, 1))
    assert responses.statuses == {200: 10}


def test_on_a_free_connection_nothing_waits_and_without_one_it_is_not_sent() -> None:
    load = partial(send_when_free, rate=100, seconds=0.2, connections=3)
    responses, asked = run(lambda _: [OK], load, delay_s=30, drain_s=0.01)
    assert len(asked) == 3
    assert (responses.sent, responses.not_sent, responses.statuses) == (20, 17, {UNANSWERED: 3})


def test_a_connection_is_asked_again_once_it_is_free() -> None:
    responses, asked = run(lambda _: [OK], partial(send_when_free, rate=20, seconds=1, connections=2))
    assert len(asked) == responses.statuses[200] == 20 - responses.not_sent
    assert responses.statuses[200] > 2


def test_a_service_that_closes_every_connection_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match="closed every connection: the connection was lost"):
        run(lambda _: [], partial(send_when_free, rate=20, seconds=1, connections=2))


def test_in_the_closed_loop_each_connection_has_one_request_under_way() -> None:
    responses, asked = run(lambda _: [OK], partial(send_closed_loop, seconds=0.3, connections=2), delay_s=0.02)
    assert 2 < len(asked) == responses.statuses[200] == responses.sent <= 2 * (0.3 / 0.02 + 1)


def test_in_the_closed_loop_a_connection_that_the_server_closes_is_opened_again_and_no_error() -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    responses, asked = run(lambda _: [closing], partial(send_closed_loop, seconds=0.3, connections=2))
    assert responses.statuses == {200: len(asked)}
    assert len(asked) > 4
    assert responses.summarize(0.0, 0.3).errors == 0


@pytest.mark.parametrize("status", [b"429", b"503"])
def test_in_the_closed_loop_error_answers_are_errors_and_no_throughput(status: bytes) -> None:
    rejection = b"HTTP/1.1 " + status + b" No\r\nContent-Length: 0\r\n\r\n"
    load = partial(send_closed_loop, seconds=0.3, connections=2)
    responses, asked = run(lambda number: [OK] if number % 2 else [rejection], load, delay_s=0.001)
    result = responses.summarize(0.0, 0.3)
    assert result.requests_per_s == pytest.approx(responses.statuses[200] / 0.3)
    assert result.errors == responses.statuses[int(status)] == len(asked) // 2
    assert result.p99_ms >= result.p50_ms > 0


@pytest.mark.parametrize(("delay_s", "answer"), [(30.0, [OK]), (0.0, [])])
def test_a_server_that_falls_silent_is_a_result_with_errors_and_no_latency(delay_s: float, answer: list[bytes]) -> None:
    load = partial(send_closed_loop, seconds=0.2, connections=2)
    responses, _ = run(lambda _: answer, load, delay_s=delay_s, drain_s=0.01)
    silent = responses.summarize(0.0, 0.2)
    assert silent.requests_per_s == 0.0
    assert silent.errors >= 2
    assert math.isnan(silent.p50_ms) and math.isnan(silent.p99_ms)


@pytest.mark.anyio
async def test_in_the_closed_loop_a_server_that_goes_away_is_an_error_for_each_request_and_each_connection() -> None:
    class Leaving(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._transport = cast("asyncio.Transport", transport)

        def data_received(self, data: bytes) -> None:
            server.close()
            self._transport.close()

    server = await asyncio.get_running_loop().create_server(Leaving, "127.0.0.1", 0)
    async with asyncio.timeout(60):
        target = build_target(server.sockets[0].getsockname()[1])
        responses = await send_closed_loop(target, seconds=0.2, connections=2)
    assert responses.statuses == {UNANSWERED: 4}
    assert responses.summarize(0.0, 0.2).errors == 4


@pytest.mark.anyio
async def test_connections_come_from_the_addresses_in_turn() -> None:
    async def peers() -> list[str]:
        seen: list[str] = []

        class Listener(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                seen.append(transport.get_extra_info("peername")[0])

        loop = asyncio.get_running_loop()
        async with asyncio.timeout(60), await loop.create_server(Listener, "127.0.0.1", 0) as server:
            target = build_target(server.sockets[0].getsockname()[1], drain_s=0.01)
            await send_when_free(target, rate=100, seconds=0.2, connections=3)
        return seen

    assert (await peers()) == ["127.0.0.1", "127.0.0.2", "127.0.0.1"]


@pytest.mark.anyio
async def test_a_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match="accepted 0 of 1 connections"):
        await send_in_turn(build_target(9), rate=1, seconds=1, connections=1)
