"""What a run has measured so far: filled by ``run.py``, read by the targets, the report and the chart."""

from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from benchmarks.load.results import LoadResult


class LoadKey(NamedTuple):
    """One load: which server, in which encoding, and how much: ``64 connections``, ``80 % of …``, ``48 Pis``."""

    server: str
    encoding: str
    load: str


class Sample(NamedTuple):
    """One round of a load, and the CPU µs of all the server's processes for each window answered (NaN: none was)."""

    result: LoadResult
    cpu_us: float


@dataclass
class Results:
    """Everything measured; ``pis`` is the most that hold, by encoding, ``stopped`` why a run ended early."""

    samples: dict[LoadKey, list[Sample]] = field(default_factory=dict)
    ready_s: dict[str, list[float]] = field(default_factory=dict)
    pis: dict[str, int] = field(default_factory=dict)
    stopped: str = ""

    def add(self, key: LoadKey, sample: Sample) -> None:
        """Add a round of a load."""
        self.samples.setdefault(key, []).append(sample)

    def get_median(self, key: LoadKey) -> Sample | None:
        """The median of each figure over the rounds so far, None before the first.

        Errors are added up, since one round's failure must show.
        """
        if not (rounds := self.samples.get(key)):
            return None
        results = [sample.result for sample in rounds]
        per_s, p50_ms, p99_ms, errors = zip(*results, strict=True)
        result = LoadResult(median(per_s), median(p50_ms), median(p99_ms), sum(errors))
        return Sample(result, median(sample.cpu_us for sample in rounds))


def at_connections(count: int) -> str:
    """The name of a closed loop on so many connections, or live sessions."""
    return f"{count} connections"
