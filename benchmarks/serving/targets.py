"""The targets of a run: each bound beside what was measured, met, missed or not measured."""

from typing import Final, NamedTuple

from benchmarks.load.request_encoders import STREAM
from benchmarks.load.results import LoadResult
from benchmarks.serving.results import LoadKey, Results, at_connections
from benchmarks.serving.servers import FLASK, HELEN, LITSERVE, STARLETTE

READY_WITHIN_S: Final = 15.0


class Target(NamedTuple):
    """One target: ``at_least`` says which way the bound goes."""

    name: str
    bound: float
    at_least: bool
    measured: float | None
    unit: str

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        met = self.measured >= self.bound if self.at_least else self.measured <= self.bound
        return "met" if met else "missed"

    def get_cells(self) -> tuple[str, str, str, str]:
        """Name, target, measured, verdict."""
        measured = "–" if self.measured is None else self._format(self.measured)
        return self.name, f"{'≥' if self.at_least else '≤'} {self._format(self.bound)}", measured, self.verdict

    def _format(self, value: float) -> str:
        return f"{value:.2f}{self.unit}" if self.unit == "×" else f"{value:.0f}{self.unit}"


def list_targets(results: Results) -> list[Target]:
    """All of them, in the order of the project's own table."""
    baselines = {FLASK: (4.0, 2.0), LITSERVE: (1.3, 1.0), STARLETTE: (1.1, 0.8)}
    targets = [
        Target(f"JSON, {connections} connections, against {baseline}", bounds[index], True, speed, "×")
        for index, connections in enumerate((64, 16))
        for baseline, bounds in baselines.items()
        for speed in [_compare_speed(results, (HELEN, "json"), (baseline, "json"), connections)]
    ]
    alone, other = _get_result(results, HELEN, "json", 1), _get_result(results, LITSERVE, "json", 1)
    p50 = alone.p50_ms / other.p50_ms if alone and other and other.p50_ms else None
    targets.append(Target(f"JSON, 1 connection, p50 against {LITSERVE}", 1.6, False, p50, "×"))
    for name, encoding, bound in (
        ("FP16, 64 connections, against our own JSON", "fp16", 1.25),
        ("live sessions, 64, predictions/s against our own JSON at 64", STREAM, 1.5),
    ):
        speed = _compare_speed(results, (HELEN, encoding), (HELEN, "json"), 64)
        targets.append(Target(name, bound, True, speed, "×"))
    for name, encoding in (("live sessions", STREAM), ("FP16 over HTTP", "fp16")):
        pis = results.pis.get(encoding)
        targets.append(Target(f"Pis at 15 predictions/s, p99 < 50 ms, {name}", 60, True, pis, ""))
    # The last start: the first one of a run may have read everything from disk.
    ready_s = results.ready_s[HELEN][-1] if results.ready_s.get(HELEN) else None
    targets.append(Target("ready after `serve run`, the last start", READY_WITHIN_S, False, ready_s, " s"))
    return targets


def _get_result(results: Results, server: str, encoding: str, connections: int) -> LoadResult | None:
    sample = results.get_median(LoadKey(server, encoding, at_connections(connections)))
    return sample.result if sample else None


def _compare_speed(results: Results, one: tuple[str, str], other: tuple[str, str], connections: int) -> float | None:
    ours, theirs = _get_result(results, *one, connections), _get_result(results, *other, connections)
    return ours.requests_per_s / theirs.requests_per_s if ours and theirs and theirs.requests_per_s else None
