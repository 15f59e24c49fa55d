"""What a run has measured so far: filled by ``run.py``, read by the tables, the figures to reach and the plot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from bench.pis import Probe
from bench.wrk import Load


class Key(NamedTuple):
    """One closed loop: who was asked, in which way, on how many connections (or live sessions) at once."""

    server: str
    way: str
    connections: int


class Cpu(NamedTuple):
    """CPU seconds of a server's processes by role during a load, and the windows that it answered meanwhile."""

    seconds: dict[str, float]
    windows: float

    @property
    def total_s(self) -> float:
        return sum(self.seconds.values())


class OpenLoop(NamedTuple):
    """Requests that arrived at a fixed rate: ``percent`` of what the closed loop gave."""

    server: str
    way: str
    percent: int
    rate: float
    load: Load


@dataclass
class Results:
    """``stopped`` says why a run ended early."""

    loads: dict[Key, list[Load]] = field(default_factory=dict)
    cpu: dict[Key, list[Cpu]] = field(default_factory=dict)
    ready_s: dict[str, list[float]] = field(default_factory=dict)
    open_loop: list[OpenLoop] = field(default_factory=list)
    pis: dict[str, list[Probe]] = field(default_factory=dict)
    model_us: dict[int, float] = field(default_factory=dict)
    stopped: str = ""

    def load(self, server: str, way: str, connections: int) -> Load | None:
        """The median load of the rounds so far; None before the first."""
        rounds = self.loads.get(Key(server, way, connections))
        return median_of(rounds) if rounds else None

    def model_share(self, key: Key) -> float | None:
        """The share of the service's CPU time that the model alone would have needed for the same windows.

        The model's µs a window are those of its largest batch, its cheapest: the share is never flattered. The median
        of the rounds; None when one of the two wasn't measured.
        """
        if not self.model_us or not (rounds := [one for one in self.cpu.get(key, ()) if one.total_s]):
            return None
        cost_s = self.model_us[max(self.model_us)] / 1e6
        return median(cost_s * one.windows / one.total_s for one in rounds)


def median_of(rounds: Sequence[Load]) -> Load:
    """The median of each figure over the rounds; errors are added up, since one round's failure must show."""
    return Load(
        requests_per_s=median(load.requests_per_s for load in rounds),
        p50_ms=median(load.p50_ms for load in rounds),
        p99_ms=median(load.p99_ms for load in rounds),
        errors=sum(load.errors for load in rounds),
    )


Rounds = Mapping[Key, Sequence[Load]]
