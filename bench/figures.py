"""The figures to reach, each against what a run has measured: reached, not reached, or not measured."""

from typing import Final, NamedTuple

from bench.peer import FLASK, HELEN, LITSERVE, STARLETTE, STARLETTE_PLAIN
from bench.pis import most_of
from bench.results import Key, Results
from bench.way import STREAM

READY_WITHIN_S: Final = 15.0


class Figure(NamedTuple):
    """One line: what, the bound and whether it is the least or the most, what was found, and the sign behind both."""

    what: str
    bound: float
    least: bool
    found: float | None
    unit: str

    @property
    def verdict(self) -> str:
        if self.found is None:
            return "not measured"
        reached = self.found >= self.bound if self.least else self.found <= self.bound
        return "reached" if reached else "not reached"

    def cells(self) -> tuple[str, str, str, str]:
        """What, to reach, found, verdict."""
        found = "–" if self.found is None else self._text(self.found)
        return self.what, f"{'≥' if self.least else '≤'} {self._text(self.bound)}", found, self.verdict

    def _text(self, value: float) -> str:
        return f"{value:.2f}{self.unit}" if self.unit == "×" else f"{value:.0f}{self.unit}"


def figures(results: Results) -> list[Figure]:
    """All of them, in the order of the project's own table."""
    rows = [
        Figure(f"JSON, {connections} connections, against {baseline}", bound, True, ratio, "×")
        for connections, bounds in ((64, (4.0, 1.3, 1.1, 1.1)), (16, (2.0, 1.0, 0.8, 0.8)))
        for baseline, bound in zip((FLASK, LITSERVE, STARLETTE_PLAIN, STARLETTE), bounds, strict=True)
        for ratio in [_speed(results, (HELEN, "json"), (baseline, "json"), connections)]
    ]
    alone, other = results.load(HELEN, "json", 1), results.load(LITSERVE, "json", 1)
    p50 = alone.p50_ms / other.p50_ms if alone and other and other.p50_ms else None
    rows.append(Figure(f"JSON, 1 connection, p50 against {LITSERVE}", 1.6, False, p50, "×"))
    for what, way, bound in (
        ("FP16, 64 connections, against our own JSON", "fp16", 1.25),
        ("live sessions, 64, predictions/s against our own JSON at 64", STREAM, 1.5),
    ):
        rows.append(Figure(what, bound, True, _speed(results, (HELEN, way), (HELEN, "json"), 64), "×"))
    for what, way in (("live sessions", STREAM), ("FP16 over HTTP", "fp16")):
        count = most_of(results.pis[way]) if way in results.pis else None
        rows.append(Figure(f"Pis at 15 predictions/s, p99 < 50 ms, {what}", 60, True, count, ""))
    share = results.model_share(Key(HELEN, STREAM, 64))
    rows.append(
        Figure("the model's share of the service's CPU time, 64 live sessions", 20, True, _percent(share), " %")
    )
    # The last start: the first one of a run may have read everything from disk.
    ready = results.ready_s[HELEN][-1] if results.ready_s.get(HELEN) else None
    rows.append(Figure("ready after `serve run`, the last start", READY_WITHIN_S, False, ready, " s"))
    return rows


def _speed(results: Results, one: tuple[str, str], other: tuple[str, str], connections: int) -> float | None:
    ours, theirs = results.load(*one, connections), results.load(*other, connections)
    return ours.requests_per_s / theirs.requests_per_s if ours and theirs and theirs.requests_per_s else None


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
