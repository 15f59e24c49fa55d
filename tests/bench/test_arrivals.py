"""Requests arrive at their rate whatever the answers do, and each is counted from when it was due."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from bench import BenchError
from bench.arrivals import closed_loop, in_turn, main, on_free
from bench.client import parse
from bench.connection import UNANSWERED, Answers, Target
from testkit.edge.http_service import Reply, http_service

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


Load = Callable[[Target], Awaitable[Answers]]


def run(answer: WindowPrediction, load: Load, *, delay_s: float = 0.0) -> tuple[Answers, list[bytes]]:
    """A load on a server; what came back, and what it was asked."""

    async def both() -> tuple[Answers, list[bytes]]:
        asked: list[bytes] = []
        opened: list[Served] = []

        def accept() -> Served:
            opened.append(Served(answer, asked, delay_s))
            return opened[-1]

        loop = asyncio.get_running_loop()
        async with asyncio.timeout(60), await loop.create_server(accept, "127.0.0.1", 0) as server:
            answers = await load(target_of(server.sockets[0].getsockname()[1]))
            for one in opened:
                await one.ended.wait()
        return answers, asked

    return asyncio.run(both())


def target_of(port: int) -> Target:
    """A request of three bytes to a port, from two addresses."""
    url = f"http://127.0.0.1:{port}/predict"
    return Target.post(url, {"X-Kind": "made"}, b"abc", addresses=["127.0.0.1", "127.0.0.2"])


def turns(rate: float, connections: int) -> Load:
    """A second of requests over the connections in turn."""
    return partial(in_turn, rate=rate, seconds=1, connections=connections)


def test_every_request_is_asked_and_answered_and_those_due_in_a_span_can_be_told() -> None:
    answers, asked = run(lambda _: [OK], turns(50, 2))
    assert answers.statuses == {200: 50}
    assert (answers.asked, answers.closed, answers.not_sent, answers.said) == (50, 0, 0, "")
    assert len(answers.latencies_ms(200, answers.began_s + 0.495)) == 25
    assert len(asked) == 50
    assert asked[0].startswith(b"POST /predict HTTP/1.1\r\n") and asked[0].endswith(b"X-Kind: made\r\n\r\nabc")


def test_waiting_behind_a_slow_answer_counts() -> None:
    # One connection, 0.06 s an answer, 20 a second: the last of 20 is due after 0.95 s and not answered before 1.2 s.
    answers, _ = run(lambda _: [OK], turns(20, 1), delay_s=0.06)
    assert answers.statuses == {200: 20}
    assert max(answers.latencies_ms(200)) > 200


def test_refusals_are_counted_by_status_and_the_first_is_said() -> None:
    refusal = b"HTTP/1.1 429 Too Many\r\ncontent-length: 4\r\n\r\nbusy"
    kind = b"HTTP/1.1 429 Too Many\r\nretry-after: 1\r\ncontent-length: 4\r\n\r\nlate"
    answers, _ = run(lambda number: [[OK], [refusal], [kind]][number % 3], turns(30, 1))
    assert answers.statuses == {200: 10, 429: 20}
    assert (answers.without_retry_after, answers.said) == (10, "429: b'busy'")


@pytest.mark.parametrize(
    ("last", "sentence"),
    [
        ([], "the connection was lost"),
        ([b"HTTP/1.1 200 OK\r\n\r\n"], "no Content-Length"),
        ([b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"], "the connection was lost"),
    ],
)
def test_a_lost_connection_fails_all_that_is_due_on_it(last: list[bytes], sentence: str) -> None:
    answers, asked = run(lambda number: [OK] if number < 10 else last, turns(20, 1))
    assert len(asked) == 10
    assert answers.statuses[UNANSWERED] == 20 - answers.statuses[200]
    assert answers.statuses[200] == 9 + (b"close" in b"".join(last))
    assert answers.closed == 1
    assert sentence in answers.said


def test_an_answer_may_come_in_pieces() -> None:
    answers, _ = run(lambda _: [OK[:10], OK[10:40], OK[40:]], turns(10, 1))
    assert answers.statuses == {200: 10}


def test_on_a_free_connection_nothing_waits_and_without_one_it_is_not_sent() -> None:
    load = partial(on_free, rate=100, seconds=0.2, connections=3, wait_s=0.01)
    answers, asked = run(lambda _: [OK], load, delay_s=30)
    assert len(asked) == 3
    assert (answers.asked, answers.not_sent, answers.statuses) == (20, 17, {UNANSWERED: 3})


def test_a_connection_is_asked_again_once_it_is_free() -> None:
    answers, asked = run(lambda _: [OK], partial(on_free, rate=20, seconds=1, connections=2))
    assert len(asked) == answers.statuses[200] == 20 - answers.not_sent
    assert answers.statuses[200] > 2


def test_a_service_that_closes_every_connection_is_an_error() -> None:
    with pytest.raises(BenchError, match="closed every connection: the connection was lost"):
        run(lambda _: [], partial(on_free, rate=20, seconds=1, connections=2))


def test_in_the_closed_loop_each_connection_has_one_request_under_way() -> None:
    answers, asked = run(lambda _: [OK], partial(closed_loop, seconds=0.3, connections=2), delay_s=0.02)
    assert 2 < len(asked) == answers.statuses[200] == answers.asked <= 2 * (0.3 / 0.02 + 1)


@pytest.mark.anyio
async def test_connections_come_from_the_addresses_in_turn() -> None:
    async def peers() -> list[str]:
        seen: list[str] = []

        class Listener(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                seen.append(transport.get_extra_info("peername")[0])

        loop = asyncio.get_running_loop()
        async with asyncio.timeout(60), await loop.create_server(Listener, "127.0.0.1", 0) as server:
            target = target_of(server.sockets[0].getsockname()[1])
            await on_free(target, rate=100, seconds=0.2, connections=3, wait_s=0.01)
        return seen

    assert (await peers()) == ["127.0.0.1", "127.0.0.2", "127.0.0.1"]


@pytest.mark.anyio
async def test_a_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(BenchError, match="accepted 0 of 1 connections"):
        await in_turn(target_of(9), rate=1, seconds=1, connections=1)


def test_the_line_counts_what_was_due_after_the_warm_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "body").write_bytes(b"{}")
    with http_service(lambda request: Reply(200 if request.headers["X-Kind"] == "made" else 400)) as service:
        arguments = [
            f"{service.url}/predict",
            str(tmp_path / "body"),
            *["--rate", "20", "--connections", "2", "--seconds", "1"],
        ]
        for kind, answered, errors in (("made", 20, 0), ("other", 0, 20)):
            monkeypatch.setattr("sys.argv", ["arrivals", *arguments, "--header", "X-Kind", kind])
            main()
            outcome = parse(capsys.readouterr().out)
            assert (outcome.windows, outcome.load.errors, outcome.load.requests_per_s) == (answered, errors, answered)
        assert len(service.requests) == 2 * 40
