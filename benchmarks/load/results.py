"""What a load measured: every request by status and times, and the figures of a table."""

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

UNANSWERED: Final = 0  # instead of a status: the connection was lost, or the client gave up


class LoadResult(NamedTuple):
    """The outcome of one load: good answers a second, their latency, and how many requests or connections failed."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    errors: int


@dataclass
class ResponseLog:
    """What came back: of each request, by status, when it was due, sent and answered (``perf_counter`` seconds)."""

    sent: int = 0
    not_sent: int = 0
    completed: int = 0
    lost_connections: int = 0
    missing_retry_after: int = 0
    first_error: str = ""
    began_s: float = 0.0
    _times: "dict[int, array[float]]" = field(default_factory=dict)

    def record(self, status: int, due_s: float, sent_s: float, now_s: float) -> None:
        """Count one response."""
        self.completed += 1
        # Numbers side by side: a tuple for each of half a million would keep the garbage collector busy.
        self._times.setdefault(status, array("d")).extend((due_s, sent_s, now_s))

    @property
    def statuses(self) -> Counter[int]:
        """How many requests ended with each status, or ``UNANSWERED``."""
        return Counter({status: len(times) // 3 for status, times in self._times.items()})

    def latencies_ms(self, status: int, since_s: float = 0.0, until_s: float = math.inf) -> list[float]:
        """From due to answered, of the requests with a status that were due in a span."""
        due_s, _, now_s = self._columns(status, since_s, until_s)
        return list((now_s - due_s) * 1000)

    def service_times_ms(self, status: int) -> list[float]:
        """From sent to answered: what the service took, without the sender's own lateness."""
        _, sent_s, now_s = self._columns(status)
        return list((now_s - sent_s) * 1000)

    def lateness_ms(self) -> list[float]:
        """From due to sent, of all requests: the sender's own lateness, where none waits for the one before."""
        columns = [self._columns(status) for status in self._times]
        return [ms for due_s, sent_s, _ in columns for ms in (sent_s - due_s) * 1000]

    def summarize(self, warm_up_s: float, seconds: float) -> LoadResult:
        """The figures of the requests that were due in ``seconds`` after the warm-up; lost connections are errors."""
        since_s = self.began_s + warm_up_s
        until_s = since_s + seconds
        good = self.latencies_ms(200, since_s, until_s)
        failed = sum(len(self.latencies_ms(status, since_s, until_s)) for status in self._times if status != 200)
        p50_ms, p99_ms = get_percentile(good, 0.5), get_percentile(good, 0.99)
        return LoadResult(len(good) / seconds, p50_ms, p99_ms, failed + self.lost_connections)

    def _columns(self, status: int, since_s: float = 0.0, until_s: float = math.inf) -> NDArray[np.float64]:
        rows = np.array(self._times.get(status, ()), dtype=np.float64).reshape(-1, 3)
        return rows[(rows[:, 0] >= since_s) & (rows[:, 0] < until_s)].T


def get_percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0..1) of the values lie; NaN without any."""
    return float(np.quantile(values, share)) if len(values) else math.nan
