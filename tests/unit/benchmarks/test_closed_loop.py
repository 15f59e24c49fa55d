"""What wrk prints becomes figures; the script it runs posts what it should."""

import json
import math
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import BenchmarkError
from benchmarks.load.closed_loop import parse_summary, run_wrk
from benchmarks.load.results import LoadResult
from edge_client.service.request_encoding import EncodedRequest

PRINTED = """Running 10s test @ http://127.0.0.1:8101/predict
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    24.79ms    2.51ms  41.61ms   83.21%
  {n} requests in 10.00s, 3.20MB read
Requests/sec:    639.21
"""
SUMMARY = {
    "requests": 6400,
    "duration_us": 10_000_000,
    "p50_us": 24_800,
    "p99_us": 31_900,
    "socket_errors": 0,
    "status_errors": 0,
}


def printed(**changes: int) -> str:
    return PRINTED + json.dumps(SUMMARY | changes) + "\n"


def test_requests_a_second_and_latency_in_milliseconds_come_from_the_line_of_json() -> None:
    assert parse_summary(printed()) == LoadResult(requests_per_s=640.0, p50_ms=24.8, p99_ms=31.9, errors=0)


@pytest.mark.parametrize("kind", ["socket_errors", "status_errors"])
def test_every_kind_of_failure_is_an_error(kind: str) -> None:
    assert parse_summary(printed(**{kind: 7})).errors == 7


def test_error_answers_are_no_throughput() -> None:
    assert parse_summary(printed(status_errors=6000)).requests_per_s == 40.0


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (PRINTED, "no line of JSON"),
        (PRINTED + '{"requests": 1}\n', "missing required field"),
        (PRINTED + '{"requests": \n', "wrk printed"),
    ],
)
def test_an_output_without_figures_is_refused(output: str, sentence: str) -> None:
    with pytest.raises(BenchmarkError, match=sentence):
        parse_summary(output)


@pytest.mark.parametrize(("failed", "errors"), [(16, 16), (0, 1)])
def test_a_server_that_falls_silent_is_a_result_with_errors_and_no_latency(failed: int, errors: int) -> None:
    silent = parse_summary(printed(requests=0, socket_errors=failed))
    assert (silent.requests_per_s, silent.errors) == (0.0, errors)
    assert math.isnan(silent.p50_ms)
    assert math.isnan(silent.p99_ms)


@contextmanager
def answering(status: int) -> Iterator[tuple[str, set[tuple[str, str, str, bytes]]]]:
    """A real server that answers ``status`` to everything: its address, and what it was asked."""
    asked: set[tuple[str, str, str, bytes]] = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.add((self.path, self.headers["Content-Type"], self.headers["X-Size"], body))
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join(10)


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
@pytest.mark.parametrize("status", [200, 503])
def test_wrk_posts_the_request_with_its_headers_and_counts_what_was_rejected(status: int) -> None:
    headers = {"Content-Type": "application/json", "X-Size": "21"}
    request = EncodedRequest("/predict", headers, b'{"sequence": [[0.5]]}')
    with answering(status) as (url, asked):
        outcome = run_wrk(url, request, connections=2, seconds=1)
    assert asked == {("/predict", "application/json", "21", request.body)}
    assert outcome.p99_ms >= outcome.p50_ms > 0
    assert (outcome.requests_per_s > 0, outcome.errors == 0) == ((True, True) if status == 200 else (False, False))
