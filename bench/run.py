"""Run: every server in turn, in rounds, each in its ways; then fixed rates and Pis, in the last round.

It keeps the order and shows progress; what it drives is in the modules beside it, what it finds is a ``Results``.
"""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import BenchError, answer, client, closed, pis
from bench.awake import awake
from bench.peer import HELEN, LITSERVE, STARLETTE, Peer
from bench.processes import running
from bench.progress import Progress
from bench.results import Key, OpenLoop, Results
from bench.way import HTTP_WAYS, STREAM
from bench.window import made_window
from bench.wrk import Load

PERCENTS: Final = (50, 80)
RATED: Final = (LITSERVE, STARLETTE, HELEN)  # whom fixed rates are measured of
RATED_AT: Final = 64  # connections of the closed loop that a rate is a share of
ARRIVAL_CONNECTIONS: Final = 128
PI_WAYS: Final = (STREAM, "fp16")
TRIES_EXPECTED: Final = 9  # on the way to the number of Pis
START_S: Final = {HELEN: 20.0}
CLIENT_S: Final = 2.0  # the warm-up, start and end of a load client of ours


@dataclass(frozen=True)
class Plan:
    """What to measure: ``parts`` are ``closed``, ``open`` and ``pis``; ``ways`` those of ``way.py``."""

    peers: Sequence[Peer]
    parts: frozenset[str]
    ways: frozenset[str]
    connections: Sequence[int]
    rounds: int
    seconds: int
    warm_up: int
    awake: bool


class Run:
    """One run of a plan; bodies and the servers' logs go to ``folder``."""

    def __init__(self, plan: Plan, folder: Path, results: Results) -> None:
        self._plan = plan
        self._folder = folder
        self._results = results
        self._answers: dict[str, tuple[str, list[answer.Prediction]]] = {}
        self._progress = Progress(self._planned_s())

    def measure(self) -> None:
        """Fill the results.

        Raises:
            BenchError: a server or a load client failed; what was measured before stays in the results.
        """
        plan = self._plan
        for number in range(plan.rounds):
            # Another server goes first in each round, so that a machine that warms up or slows down favours none.
            first = number % len(plan.peers)
            for peer in [*plan.peers[first:], *plan.peers[:first]]:
                self._measure(peer, last=number == plan.rounds - 1)

    def _measure(self, peer: Peer, *, last: bool) -> None:
        ways, parts = self._ways_of(peer), self._parts_of(peer, last=last)
        if not ways or not parts:
            return
        self._progress.say(f"starting {peer.name}")
        with (
            running(peer, self._folder / f"{peer.name}.log") as ready_s,
            awake() if self._plan.awake else nullcontext(),
        ):
            self._results.ready_s.setdefault(peer.name, []).append(ready_s)
            self._progress.step(START_S.get(peer.name, 5.0), f"{peer.name} was ready after {ready_s:.1f} s")
            for way in ways:
                if way != STREAM:
                    self._check_answers(peer, way)
            if "closed" in parts:
                for way in ways:
                    for connections in self._plan.connections:
                        self._closed(peer, way, connections)
            if "open" in parts:
                for way in ways:
                    if way != STREAM:
                        self._open(peer, way)
            if "pis" in parts:
                for way in PI_WAYS:
                    if way in ways:
                        self._pis(peer, way)

    def _check_answers(self, peer: Peer, name: str) -> None:
        way = HTTP_WAYS[name]
        given = []
        for seed in answer.SEEDS:
            question = way.question(made_window(seed))
            reply = answer.post(peer.name, peer.url + question.path, question.headers, question.body)
            given.append(way.read(peer.name, *reply))
        other, expected = self._answers.setdefault(peer.model, (peer.name, given))
        answer.compare(f"{peer.name} in {name}", given, other, expected, way.tolerance)

    def _closed(self, peer: Peer, way: str, connections: int) -> None:
        plan, key = self._plan, Key(peer.name, way, connections)
        load, cpu = closed.load(
            peer, way, self._folder, connections=connections, seconds=plan.seconds, warm_up=plan.warm_up
        )
        self._results.loads.setdefault(key, []).append(load)
        self._results.cpu.setdefault(key, []).append(cpu)
        self._progress.step(self._closed_s, f"{peer.name}, {way}, {connections} connections: {_said(load)}")

    def _open(self, peer: Peer, way: str) -> None:
        top = self._results.load(peer.name, way, RATED_AT)
        if top is None:  # no closed loop was wanted, or not at so many connections
            self._closed(peer, way, RATED_AT)
            top = self._results.loads[Key(peer.name, way, RATED_AT)][-1]
        question, body = closed.question_of(way), closed.body_file(way, self._folder)
        for percent in PERCENTS:
            rate = max(1.0, top.requests_per_s * percent / 100)
            url, seconds = peer.url + question.path, self._plan.seconds
            load = client.arrivals(
                url, question.headers, body, seconds, rate=rate, connections=ARRIVAL_CONNECTIONS
            ).load
            self._results.open_loop.append(OpenLoop(peer.name, way, percent, rate, load))
            self._progress.step(self._client_s, f"{peer.name}, {way}, {rate:.0f} arrivals/s: {_said(load)}")

    def _pis(self, peer: Peer, way: str) -> None:
        question, body = closed.question_of("fp16"), closed.body_file("fp16", self._folder)

        def probe(count: int) -> Load:
            try:
                outcome = ask(count)
            except BenchError as error:  # more than it accepts
                outcome = client.Outcome(Load(0.0, math.nan, math.nan, count), 0, str(error))
            self._progress.say(f"{count} Pis, {way}: {_said(outcome.load)} {outcome.said}")
            return outcome.load

        def ask(count: int) -> client.Outcome:
            rate, seconds = pis.PREDICTIONS_PER_S, self._plan.seconds
            if way == STREAM:
                return client.sessions(peer.url, count, seconds, rate=rate, frames=pis.FRAMES)
            url = peer.url + question.path
            return client.arrivals(url, question.headers, body, seconds, rate=rate * count, connections=count)

        self._results.pis[way] = tries = pis.search(probe)
        self._progress.step(TRIES_EXPECTED * self._client_s, f"Pis, {way}: {pis.most_of(tries)}")

    def _ways_of(self, peer: Peer) -> list[str]:
        return [way for way in peer.ways if way in self._plan.ways]

    def _parts_of(self, peer: Peer, *, last: bool) -> frozenset[str]:
        """The parts of a round: fixed rates and Pis come in the last one, of those they are meant for."""
        parts = {"closed"}
        if last and peer.name in RATED:
            parts.add("open")
        if last and peer.name == HELEN:
            parts.add("pis")
        return self._plan.parts & parts

    @property
    def _closed_s(self) -> float:
        return self._plan.seconds + self._plan.warm_up + 0.5

    @property
    def _client_s(self) -> float:
        return self._plan.seconds + CLIENT_S

    def _planned_s(self) -> float:
        plan, total = self._plan, 0.0
        for number in range(plan.rounds):
            for peer in plan.peers:
                ways, parts = self._ways_of(peer), self._parts_of(peer, last=number == plan.rounds - 1)
                if ways and parts:
                    total += START_S.get(peer.name, 5.0)
                if "closed" in parts:
                    total += len(ways) * len(plan.connections) * self._closed_s
                if "open" in parts:
                    total += len([way for way in ways if way != STREAM]) * len(PERCENTS) * self._client_s
                if "pis" in parts:
                    total += len([way for way in PI_WAYS if way in ways]) * TRIES_EXPECTED * self._client_s
        return total


def _said(load: Load) -> str:
    return f"{load.requests_per_s:.0f}/s, p50 {load.p50_ms:.1f} ms, p99 {load.p99_ms:.1f} ms, {load.errors} errors"
