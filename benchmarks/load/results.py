"""What a load measured: every request by status and times, and the figures of a table."""

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

UNANSWERED: Final = 0  # instead of a status: the connection was lost, or the client gave up


class LoadResult(NamedTuple):
    """The outcome of one load: good answers a second, their latency, and how many requests or connections failed.

    ``cpu_us`` is the CPU µs of all the server's processes for each good answer, NaN where that wasn't measured.
    """

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    errors: int
    cpu_us: float = math.nan


@dataclass
class ResponseLog:
    """What came back: of each request, by status, when it was due and answered (``perf_counter`` seconds)."""

    sent: int = 0
    not_sent: int = 0
    completed: int = 0
    lost_connections: int = 0
    missing_retry_after: int = 0
    first_error: str = ""
    began_s: float = 0.0
    _times: "dict[int, array[float]]" = field(default_factory=dict)

    def record(self, status: int, due_s: float, now_s: float) -> None:
        """Count one response."""
        self.completed += 1
        # Numbers side by side: a tuple for each of half a million would keep the garbage collector busy.
        self._times.setdefault(status, array("d")).extend((due_s, now_s))

    def note_error(self, text: str) -> None:
        """Keep the first error's text."""
        self.first_error = self.first_error or text

    @property
    def waiting(self) -> int:
        """How many requests have been sent and not answered."""
        return self.sent - self.not_sent - self.completed

    @property
    def statuses(self) -> Counter[int]:
        """How many requests ended with each status, or ``UNANSWERED``."""
        return Counter({status: len(times) // 2 for status, times in self._times.items()})

    def latencies_ms(self, status: int, since_s: float = 0.0, until_s: float = math.inf) -> list[float]:
        """From due to answered, of the requests with a status that were due in a span."""
        rows = np.array(self._times.get(status, ()), dtype=np.float64).reshape(-1, 2)
        due_s, now_s = rows[(rows[:, 0] >= since_s) & (rows[:, 0] < until_s)].T
        return list((now_s - due_s) * 1000)

    def summarize(self, warm_up_s: float, seconds: float) -> LoadResult:
        """The figures of the requests that were due in ``seconds`` after the warm-up; lost connections are errors."""
        since_s = self.began_s + warm_up_s
        until_s = since_s + seconds
        good = self.latencies_ms(200, since_s, until_s)
        failed = sum(len(self.latencies_ms(status, since_s, until_s)) for status in self._times if status != 200)
        p50_ms, p99_ms = get_percentile(good, 0.5), get_percentile(good, 0.99)
        return LoadResult(len(good) / seconds, p50_ms, p99_ms, failed + self.lost_connections)


def get_percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0..1) of the values lie; NaN without any."""
    return float(np.quantile(values, share)) if len(values) else math.nan
