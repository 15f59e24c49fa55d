"""One run: every server in turn, in rounds, each in its encodings; fixed rates and Pis in the last round."""

from collections.abc import Callable, Coroutine, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvloop

from benchmarks import BenchmarkError
from benchmarks.load.closed_loop import run_wrk
from benchmarks.load.http_connection import HttpTarget
from benchmarks.load.open_loop import send_closed_loop, send_in_turn
from benchmarks.load.request_encoders import ENCODERS, STREAM
from benchmarks.load.results import LoadResult, ResponseLog
from benchmarks.load.stream_connection import StreamTarget
from benchmarks.serving import capacity_search
from benchmarks.serving.keep_cpus_busy import keep_cpus_busy
from benchmarks.serving.response_checks import compare_predictions, get_predictions
from benchmarks.serving.results import LoadKey, Results, Sample, at_connections
from benchmarks.serving.servers import HELEN, LITSERVE, STARLETTE, RunningServer, Server, running_server
from landmarks.protocol.predictions import Prediction
from landmarks.synthetic import make_window
from testkit.processes import get_session_cpu_s

PERCENTS: Final = (50, 80)
RATED: Final = (LITSERVE, STARLETTE, HELEN)  # whom fixed rates are measured of
RATED_AT: Final = 64  # connections of the closed loop that a rate is a share of
RATE_CONNECTIONS: Final = 128
PI_ENCODINGS: Final = (STREAM, "fp16")

Load = Callable[[], tuple[LoadResult, float]]  # its figures, and how many windows were answered in all


@dataclass
class Run:
    """What to measure: ``parts`` are ``closed``, ``open`` and ``pis``; logs of the servers go to ``folder``."""

    servers: Sequence[Server]
    parts: frozenset[str]
    encodings: frozenset[str]
    connections: Sequence[int]
    rounds: int
    seconds: int
    warm_up: int
    awake: bool
    folder: Path
    results: Results
    predictions: dict[str, tuple[str, list[Prediction]]] = field(default_factory=dict)

    @property
    def total_s(self) -> float:
        """The length of a load of our own generator, its warm-up included."""
        return self.warm_up + self.seconds

    def measure(self) -> None:
        """Fill the results; what was measured before a failure stays in them.

        Raises:
            BenchmarkError: a load failed, or a server answered as another model would.
            StartError: a server did not start.
        """
        for number in range(self.rounds):
            # Another server goes first in each round, so that a machine that warms up or slows down favours none.
            first = number % len(self.servers)
            for position, server in enumerate([*self.servers[first:], *self.servers[:first]]):
                print(f"round {number + 1} of {self.rounds}, server {position + 1} of {len(self.servers)}", flush=True)
                if encodings := [name for name in server.encodings if name in self.encodings]:
                    self._measure_server(server, encodings, last=number == self.rounds - 1)

    def _measure_server(self, server: Server, encodings: Sequence[str], *, last: bool) -> None:
        with (
            running_server(server, self.folder / f"{server.name}.log") as running,
            keep_cpus_busy() if self.awake else nullcontext(),
        ):
            self.results.ready_s.setdefault(server.name, []).append(running.ready_s)
            over_http = [name for name in encodings if name != STREAM]
            for name in over_http:
                found = get_predictions(server.name, running.url, ENCODERS[name])
                other, expected = self.predictions.setdefault(server.model, (server.name, found))
                compare_predictions(f"{server.name} in {name}", found, other, expected, ENCODERS[name].tolerance)
            if "closed" in self.parts:
                for name in encodings:
                    for connections in self.connections:
                        self._closed(server, running, name, connections)
            if "open" in self.parts and last and server.name in RATED:
                for name in over_http:
                    self._fixed_rates(server, running, name)
            if "pis" in self.parts and last and server.name == HELEN:
                for name in PI_ENCODINGS:
                    if name in encodings:
                        self._count_pis(server, running, name)

    def _closed(self, server: Server, running: RunningServer, encoding: str, connections: int) -> None:
        def load() -> tuple[LoadResult, float]:
            if encoding == STREAM:
                target = StreamTarget(running.url)
                return self._generate(send_closed_loop(target, seconds=self.total_s, connections=connections))
            result = run_wrk(running.url, request, connections=connections, seconds=self.seconds)
            return result, result.requests_per_s * self.seconds

        if encoding != STREAM:
            request = ENCODERS[encoding].encode(make_window(seed=0))
            run_wrk(running.url, request, connections=connections, seconds=self.warm_up)
        self._add(LoadKey(server.name, encoding, at_connections(connections)), running, load)

    def _fixed_rates(self, server: Server, running: RunningServer, encoding: str) -> None:
        key = LoadKey(server.name, encoding, at_connections(RATED_AT))
        if key not in self.results.samples:  # no closed loop was wanted, or not at so many connections
            self._closed(server, running, encoding, RATED_AT)
        closed = self.results.get_median(key)
        top = closed.result.requests_per_s if closed else 0.0
        for percent in PERCENTS:
            rate = max(1.0, top * percent / 100)
            load = partial(self._send_http, running.url, encoding, rate, RATE_CONNECTIONS)
            self._add(LoadKey(server.name, encoding, f"{rate:.0f}/s, {percent} %"), running, load)

    def _count_pis(self, server: Server, running: RunningServer, encoding: str) -> None:
        def send(pis: int) -> tuple[LoadResult, float]:
            rate = float(pis * capacity_search.PREDICTIONS_PER_S)
            if encoding != STREAM:
                return self._send_http(running.url, encoding, rate, pis)
            target = StreamTarget(running.url, capacity_search.FRAMES)
            return self._generate(send_in_turn(target, rate=rate, seconds=self.total_s, connections=pis))

        def measure(pis: int) -> LoadResult:
            try:
                return self._add(LoadKey(server.name, encoding, f"{pis} Pis"), running, partial(send, pis))
            except BenchmarkError as error:  # more than it accepts
                print(f"{pis} Pis: {error}", flush=True)
                return LoadResult(0.0, 0.0, 0.0, pis)

        self.results.pis[encoding] = capacity_search.search_capacity(measure)

    def _send_http(self, url: str, encoding: str, rate: float, connections: int) -> tuple[LoadResult, float]:
        request = ENCODERS[encoding].encode(make_window(seed=0))
        target = HttpTarget.post(url + request.path, request.headers, request.body)
        return self._generate(send_in_turn(target, rate=rate, seconds=self.total_s, connections=connections))

    def _generate(self, load: Coroutine[Any, Any, ResponseLog]) -> tuple[LoadResult, float]:
        responses = uvloop.run(load)
        return responses.summarize(self.warm_up, self.seconds), responses.statuses[200]

    def _add(self, key: LoadKey, running: RunningServer, load: Load) -> LoadResult:
        before_s = get_session_cpu_s(running.pid)
        result, answered = load()
        spent_s = get_session_cpu_s(running.pid) - before_s
        self.results.add(key, Sample(result, spent_s * 1e6 / answered if answered else float("nan")))
        print(
            f"{', '.join(key)}: {result.requests_per_s:.0f}/s, p50 {result.p50_ms:.1f} ms, p99 {result.p99_ms:.1f} ms, "
            f"{result.errors} errors",
            flush=True,
        )
        return result
