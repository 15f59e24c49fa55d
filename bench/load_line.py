"""The line of JSON that a load client prints as its result: made by ``arrivals.py`` and ``stream_load.py``, read by
``client.py``.
"""

import math
import time
from collections.abc import Sequence

import msgspec
import numpy as np


class Line(msgspec.Struct, frozen=True):
    """What a load client found. ``answered`` counts the windows of a session's warm-up too.

    ``said`` is the first thing that went wrong, and ``cpu_s`` the client's own CPU time.
    """

    predictions_per_s: float
    p50_ms: float | None  # none: nothing was answered
    p99_ms: float | None
    errors: int
    closed: int
    answered: int
    cpu_s: float
    said: str


def line_of(
    latencies_ms: Sequence[float], seconds: float, *, errors: int, closed: int, answered: int, said: str
) -> str:
    """The line for what was answered in ``seconds`` of measured time."""
    p50_ms, p99_ms = (percentile(latencies_ms, share) for share in (0.5, 0.99))
    line = Line(
        predictions_per_s=round(len(latencies_ms) / seconds, 1),
        p50_ms=round(p50_ms, 2),  # msgspec writes NaN as null
        p99_ms=round(p99_ms, 2),
        errors=errors,
        closed=closed,
        answered=answered,
        cpu_s=round(time.process_time(), 2),
        said=said[:300],
    )
    return msgspec.json.encode(line).decode()


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0..1) of the values lie; NaN without any."""
    return float(np.quantile(values, share)) if len(values) else math.nan
