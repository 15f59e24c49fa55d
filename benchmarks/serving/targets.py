"""The targets of a run: each bound beside what was measured, met, missed or not measured."""

from typing import Final, NamedTuple

from benchmarks.load.request_encoders import STREAM
from benchmarks.load.results import LoadResult
from benchmarks.serving.results import LoadKey, Results, at_connections
from benchmarks.serving.servers import FLASK, HELEN, LITSERVE, STARLETTE

# What is compared with Helen: its encoding, the other's server and encoding, connections, how many times as fast.
SPEEDS: Final = (
    *(
        (f"JSON, {connections} connections, against {server}", "json", server, "json", connections, bound)
        for connections, bounds in ((64, (4.0, 1.3, 1.1)), (16, (2.0, 1.0, 0.8)))
        for server, bound in zip((FLASK, LITSERVE, STARLETTE), bounds, strict=True)
    ),
    ("FP16, 64 connections, against our own JSON", "fp16", HELEN, "json", 64, 1.25),
    ("live sessions, 64, predictions/s against our own JSON at 64", STREAM, HELEN, "json", 64, 1.5),
)


class Target(NamedTuple):
    """One target: at least ``bound`` where that is positive, at most ``-bound`` where it is negative."""

    name: str
    bound: float
    measured: float | None
    unit: str

    def get_cells(self) -> tuple[str, str, str, str]:
        """Name, target, measured, verdict."""
        digits = 2 if self.unit == "×" else 0
        bound = f"{'≥' if self.bound > 0 else '≤'} {abs(self.bound):.{digits}f}{self.unit}"
        if self.measured is None:
            return self.name, bound, "–", "not measured"
        met = self.measured >= self.bound if self.bound > 0 else self.measured <= -self.bound
        return self.name, bound, f"{self.measured:.{digits}f}{self.unit}", "met" if met else "missed"


def list_targets(results: Results) -> list[Target]:
    """All of them."""

    def get_result(server: str, encoding: str, connections: int) -> LoadResult | None:
        sample = results.get_median(LoadKey(server, encoding, at_connections(connections)))
        return sample.result if sample else None

    targets = []
    for name, encoding, server, other, connections, bound in SPEEDS:
        ours, theirs = get_result(HELEN, encoding, connections), get_result(server, other, connections)
        speed = ours.requests_per_s / theirs.requests_per_s if ours and theirs and theirs.requests_per_s else None
        targets.append(Target(name, bound, speed, "×"))
    ours, theirs = get_result(HELEN, "json", 1), get_result(LITSERVE, "json", 1)
    p50 = ours.p50_ms / theirs.p50_ms if ours and theirs and theirs.p50_ms else None
    # The last start: the first one of a run may have read everything from disk.
    ready_s = results.ready_s[HELEN][-1] if results.ready_s.get(HELEN) else None
    pis = results.pis
    return [
        *targets,
        Target(f"JSON, 1 connection, p50 against {LITSERVE}", -1.6, p50, "×"),
        Target("Pis at 15 predictions/s, p99 < 50 ms, live sessions", 60, pis.get(STREAM), ""),
        Target("Pis at 15 predictions/s, p99 < 50 ms, FP16 over HTTP", 60, pis.get("fp16"), ""),
        Target("ready after `serve run`, the last start", -15, ready_s, " s"),
    ]
