"""The request of a load as it goes on the wire, and the arithmetic of what came back."""

import math

import pytest

from benchmarks.load.http_connection import format_request
from benchmarks.load.results import UNANSWERED, LoadResult, ResponseLog, get_percentile
from edge_client.service.request_encoding import EncodedRequest

REQUEST = EncodedRequest("/predict", {"X-Kind": "made"}, b"abc")


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "helen.example.org"])
def test_the_request_names_its_host_length_and_headers(host: str) -> None:
    head, _, body = format_request(REQUEST, host).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines == [b"POST /predict HTTP/1.1", b"Host: " + host.encode(), b"Content-Length: 3", b"X-Kind: made"]
    assert body == b"abc"


def test_latency_counts_from_due() -> None:
    responses = ResponseLog()
    for due_s in (0.0, 1.0, 2.0):
        responses.record(200, due_s, due_s + 0.3)
    responses.record(429, 1.0, 1.5)
    responses.record(UNANSWERED, 2.0, 2.0)
    assert responses.statuses == {200: 3, 429: 1, UNANSWERED: 1}
    assert responses.completed == 5
    assert responses.latencies_ms(200) == pytest.approx([300] * 3)
    assert responses.latencies_ms(200, 1.0, 2.0) == pytest.approx([300])
    assert responses.latencies_ms(503) == []


def test_the_figures_are_of_what_was_due_after_the_warm_up() -> None:
    responses = ResponseLog(began_s=10.0, lost_connections=2)
    for due_s, status in ((10.5, 200), (10.6, 503), (11.0, 200), (11.5, 200), (12.5, 200), (12.6, 429), (13.5, 200)):
        responses.record(status, due_s, due_s + 0.001 * due_s)
    assert responses.summarize(1.0, 2.0) == pytest.approx(LoadResult(1.5, 11.5, 12.48, 3), nan_ok=True)


def test_without_a_response_there_is_no_latency() -> None:
    result = ResponseLog().summarize(1.0, 2.0)
    assert (result.requests_per_s, result.errors) == (0, 0)
    assert math.isnan(result.p50_ms) and math.isnan(result.p99_ms)


def test_percentiles_of_nothing_are_no_number() -> None:
    assert math.isnan(get_percentile([], 0.99))
    assert get_percentile([1.0, 2.0, 3.0], 0.5) == 2.0
