"""One run: every server in turn, in rounds, each in its encodings; fixed rates and Pis in the last round."""

import argparse
import math
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import uvloop

from benchmarks import OUT, BenchmarkError
from benchmarks.load.connection import Target
from benchmarks.load.generator import send_closed_loop, send_in_turn
from benchmarks.load.http_connection import build_http_target
from benchmarks.load.request_encoders import ENCODERS, STREAM
from benchmarks.load.results import LoadResult, ResponseLog
from benchmarks.load.stream_connection import build_stream_target
from benchmarks.serving import capacity_search
from benchmarks.serving.report import Results
from benchmarks.serving.response_checks import compare_predictions, get_predictions
from benchmarks.serving.servers import GESTURE, RunningServer, Server, running_server
from landmarks.protocol.predictions import Prediction
from landmarks.synthetic import make_window
from testkit.processes import get_session_cpu_s

PERCENTS: Final = (50, 80)
RATED_AT: Final = 64  # connections of the closed loop that a rate is a share of
RATE_CONNECTIONS: Final = 128

Send = Callable[..., Coroutine[Any, Any, ResponseLog]]  # called with the seconds of the load


@dataclass
class Run:
    """What to measure of which servers: ``options`` are the program's (``parts``, ``ways``, ``rounds`` and so on)."""

    servers: Sequence[Server]
    options: argparse.Namespace
    results: Results
    predictions: dict[str, tuple[str, list[Prediction]]] = field(default_factory=dict)

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
                    with running_server(server, OUT / f"{server.name}.log") as running:
                        self._measure_server(running, encodings, last=number == rounds - 1)

    def _measure_server(self, running: RunningServer, encodings: Sequence[str], *, last: bool) -> None:
        server, parts = running.server, self.options.parts
        self.results.ready_s[server.name].append(running.ready_s)
        for name in encodings:
            if name in ENCODERS:
                found = get_predictions(server.name, running.url, ENCODERS[name])
                other, expected = self.predictions.setdefault(server.model, (server.name, found))
                compare_predictions(f"{server.name} in {name}", found, other, expected, ENCODERS[name].tolerance)
            if "closed" in parts:
                for connections in self.options.connections:
                    self._closed(running, name, connections)
            if "open" in parts and last and name in ENCODERS and server.model == GESTURE:
                self._fixed_rates(running, name)
            if "pis" in parts and last and name != "json":
                self._count_pis(running, name)

    def _fixed_rates(self, running: RunningServer, encoding: str) -> None:
        closed = self.results.get_median((running.server.name, encoding, f"{RATED_AT} connections"))
        # Without: no closed loop was wanted, or not at so many connections.
        result = closed or self._closed(running, encoding, RATED_AT)
        for percent in PERCENTS:
            rate = max(1.0, result.requests_per_s * percent / 100)
            self._open(running, encoding, f"{rate:.0f}/s, {percent} %", rate, RATE_CONNECTIONS)

    def _count_pis(self, running: RunningServer, encoding: str) -> None:
        def measure(pis: int) -> LoadResult:
            try:
                return self._open(running, encoding, f"{pis} Pis", float(pis * capacity_search.PREDICTIONS_PER_S), pis)
            except BenchmarkError as error:  # more than it accepts
                print(f"{pis} Pis: {error}", flush=True)
                return LoadResult(0.0, 0.0, 0.0, pis)

        self.results.pis[encoding] = capacity_search.search_capacity(measure)

    def _closed(self, running: RunningServer, encoding: str, connections: int) -> LoadResult:
        send = partial(send_closed_loop, build_target(running.url, encoding), connections=connections)
        return self._generate(running, encoding, f"{connections} connections", send)

    def _open(self, running: RunningServer, encoding: str, name: str, rate: float, connections: int) -> LoadResult:
        target = build_target(running.url, encoding, capacity_search.FRAMES)
        return self._generate(
            running, encoding, name, partial(send_in_turn, target, rate=rate, connections=connections)
        )

    def _generate(self, running: RunningServer, encoding: str, name: str, send: Send) -> LoadResult:
        before_s = get_session_cpu_s(running.pid)
        responses = uvloop.run(send(seconds=self.options.warm_up + self.options.seconds))
        spent_us, answered = (get_session_cpu_s(running.pid) - before_s) * 1e6, responses.statuses[200]
        result = responses.summarize(self.options.warm_up, self.options.seconds)
        result = result._replace(cpu_us=spent_us / answered if answered else math.nan)
        key = running.server.name, encoding, name
        self.results.loads[key].append(result)
        print(*key, result, flush=True)
        return result


def build_target(url: str, encoding: str, frames: int = 1) -> Target:
    """A made window in an encoding; over live sessions ``frames`` go with each message."""
    if encoding == STREAM:
        return build_stream_target(url, frames)
    return build_http_target(url, ENCODERS[encoding].encode(make_window(seed=0)))
