"""One run: every server in turn, in rounds, each in its encodings; fixed rates and Pis in the last round."""

import argparse
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import uvloop

from benchmarks import OUT, BenchmarkError
from benchmarks.load.closed_loop import run_wrk
from benchmarks.load.connection import Target
from benchmarks.load.http_connection import HttpTarget
from benchmarks.load.open_loop import send_closed_loop, send_in_turn
from benchmarks.load.request_encoders import ENCODERS, STREAM
from benchmarks.load.results import LoadResult, ResponseLog
from benchmarks.load.stream_connection import StreamTarget
from benchmarks.serving import capacity_search
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


@dataclass
class Run:
    """What to measure of which servers: ``options`` are the program's (``parts``, ``ways``, ``rounds`` and so on)."""

    servers: Sequence[Server]
    options: argparse.Namespace
    results: Results
    predictions: dict[str, tuple[str, list[Prediction]]] = field(default_factory=dict)

    @property
    def total_s(self) -> float:
        """The length of a load of our own generator, its warm-up included."""
        return float(self.options.warm_up + self.options.seconds)

    def measure(self) -> None:
        """Fill the results; what was measured before a failure stays in them.

        Raises:
            BenchmarkError: a load failed, or a server answered as another model would.
            StartError: a server did not start.
        """
        rounds = self.options.rounds
        for number in range(rounds):
            # Another server goes first in each round, so that a machine that warms up or slows down favours none.
            first = number % len(self.servers)
            for server in (*self.servers[first:], *self.servers[:first]):
                if encodings := [name for name in server.encodings if name in self.options.ways]:
                    print(f"round {number + 1} of {rounds}: {server.name}", flush=True)
                    self._measure_server(server, encodings, last=number == rounds - 1)

    def _measure_server(self, server: Server, encodings: Sequence[str], *, last: bool) -> None:
        parts = self.options.parts
        with running_server(server, OUT / f"{server.name}.log") as running:
            self.results.ready_s.setdefault(server.name, []).append(running.ready_s)
            over_http = [name for name in encodings if name != STREAM]
            for name in over_http:
                found = get_predictions(server.name, running.url, ENCODERS[name])
                other, expected = self.predictions.setdefault(server.model, (server.name, found))
                compare_predictions(f"{server.name} in {name}", found, other, expected, ENCODERS[name].tolerance)
            if "closed" in parts:
                for name in encodings:
                    for connections in self.options.connections:
                        self._closed(server, running, name, connections)
            if "open" in parts and last and server.name in RATED:
                for name in over_http:
                    self._fixed_rates(server, running, name)
            if "pis" in parts and last and server.name == HELEN:
                for name in sorted({STREAM, "fp16"} & set(encodings)):
                    self._count_pis(server, running, name)

    def _closed(self, server: Server, running: RunningServer, encoding: str, connections: int) -> LoadResult:
        key = LoadKey(server.name, encoding, at_connections(connections))
        if encoding == STREAM:
            target, seconds = StreamTarget(running.url), self.total_s
            return self._generate(key, running, send_closed_loop(target, seconds=seconds, connections=connections))
        run = partial(run_wrk, running.url, ENCODERS[encoding].encode(make_window(seed=0)), connections=connections)
        run(seconds=self.options.warm_up)
        before_s = get_session_cpu_s(running.pid)
        result = run(seconds=self.options.seconds)
        return self._add(key, running, before_s, result, result.requests_per_s * self.options.seconds)

    def _fixed_rates(self, server: Server, running: RunningServer, encoding: str) -> None:
        closed = self.results.get_median(LoadKey(server.name, encoding, at_connections(RATED_AT)))
        # Without: no closed loop was wanted, or not at so many connections.
        result = closed.result if closed else self._closed(server, running, encoding, RATED_AT)
        for percent in PERCENTS:
            rate = max(1.0, result.requests_per_s * percent / 100)
            key = LoadKey(server.name, encoding, f"{rate:.0f}/s, {percent} %")
            self._open(key, running, rate, RATE_CONNECTIONS)

    def _count_pis(self, server: Server, running: RunningServer, encoding: str) -> None:
        def measure(pis: int) -> LoadResult:
            try:
                key = LoadKey(server.name, encoding, f"{pis} Pis")
                return self._open(key, running, float(pis * capacity_search.PREDICTIONS_PER_S), pis)
            except BenchmarkError as error:  # more than it accepts
                print(f"{pis} Pis: {error}", flush=True)
                return LoadResult(0.0, 0.0, 0.0, pis)

        self.results.pis[encoding] = capacity_search.search_capacity(measure)

    def _open(self, key: LoadKey, running: RunningServer, rate: float, connections: int) -> LoadResult:
        target: Target = StreamTarget(running.url, capacity_search.FRAMES)
        if key.encoding != STREAM:
            target = HttpTarget.post(running.url, ENCODERS[key.encoding].encode(make_window(seed=0)))
        load = send_in_turn(target, rate=rate, seconds=self.total_s, connections=connections)
        return self._generate(key, running, load)

    def _generate(self, key: LoadKey, running: RunningServer, load: Coroutine[Any, Any, ResponseLog]) -> LoadResult:
        before_s = get_session_cpu_s(running.pid)
        responses = uvloop.run(load)
        result = responses.summarize(self.options.warm_up, self.options.seconds)
        return self._add(key, running, before_s, result, responses.statuses[200])

    def _add(
        self, key: LoadKey, running: RunningServer, before_s: float, result: LoadResult, answered: float
    ) -> LoadResult:
        spent_s = get_session_cpu_s(running.pid) - before_s
        self.results.add(key, Sample(result, spent_s * 1e6 / answered if answered else float("nan")))
        print(*key, result, flush=True)
        return result
