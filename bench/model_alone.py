"""What a window costs the model alone, in this process: no network, no JSON, one thread. The limit of every server."""

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from bench.window import made_window
from landmarks.hands import compute_presence
from landmarks.models.session import ModelSession

BATCHES: Final = (1, 8, 32)
REPEATS: Final = 20


def microseconds_a_window(folder: Path, batches: Sequence[int] = BATCHES, seconds: float = 1.0) -> dict[int, float]:
    """CPU µs a window of 30 frames by batch size: the median of 20 stretches that take ``seconds`` together."""
    session = ModelSession.open(folder, threads=1)
    cost = {}
    for batch in batches:
        sequence = np.stack([made_window(seed) for seed in range(batch)])
        tensors = {"sequence": sequence, "presence": np.stack([compute_presence(window) for window in sequence])}
        stretches = []
        for _ in range(REPEATS):
            # The thread's own clock: what else runs on the machine takes the core away, not the time.
            began, until, windows = time.thread_time(), time.monotonic() + seconds / REPEATS, 0
            while windows == 0 or time.monotonic() < until:
                session.run(tensors)
                windows += batch
            stretches.append((time.thread_time() - began) / windows * 1e6)
        cost[batch] = median(stretches)
    return cost
