"""Requests at a fixed rate, whatever comes back."""

import asyncio
import math
import threading

import pytest

from bench.open_loop import Answers, at_rate, window_request
from tests.edge_client.http_service import Reply, Request, http_service


@pytest.mark.parametrize(("headers", "bare"), [({"Retry-After": "1"}, 0), ({}, 20)])
def test_every_request_is_asked_and_a_refusal_without_retry_after_is_noticed(
    headers: dict[str, str], bare: int
) -> None:
    with http_service(lambda _: Reply(429, headers=headers)) as service:
        answers = asyncio.run(at_rate(service.url, rate=100, seconds=0.2, connections=30))
        assert len(service.requests) == 20
    assert answers.statuses == {429: 20}
    assert answers.without_retry_after == bare
    assert answers.not_sent == answers.broken == 0


def test_without_an_idle_connection_a_request_is_counted_as_not_sent() -> None:
    over = threading.Event()

    def late(_: Request) -> Reply:
        over.wait(30)
        return Reply()

    with http_service(late) as service:
        answers = asyncio.run(at_rate(service.url, rate=100, seconds=0.2, connections=3, wait_s=0.1))
        over.set()
    assert answers.not_sent == 17


def test_percentiles_are_of_one_status_and_of_a_span() -> None:
    answers = Answers()
    for intended_s, took_s in ((0.0, 0.1), (1.0, 0.3), (2.0, 0.5)):
        answers.note(200, intended_s, intended_s + took_s)
    assert answers.percentile_ms(200, 50) == pytest.approx(300)
    assert answers.percentile_ms(200, 50, since_s=1.5) == pytest.approx(500)
    assert math.isnan(answers.percentile_ms(429, 50))


def test_the_request_is_a_window_as_a_pi_sends_it() -> None:
    head, _, body = window_request("http://127.0.0.1:8000").partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert len(body) > 30 * 84 * 2
