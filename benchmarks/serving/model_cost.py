"""What a window costs the model alone, in this process: no network, no JSON, one thread. The limit of every server."""

import time
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from landmarks.hands import compute_presence
from landmarks.models.session import ModelSession
from landmarks.synthetic import make_window

BATCH: Final = 32
REPEATS: Final = 20


def measure_model_us(folder: Path, batch: int = BATCH, seconds: float = 1.0) -> float:
    """CPU µs a window of 30 frames: the median of 20 stretches that take ``seconds`` together."""
    session = ModelSession.open(folder, threads=1)
    sequence = np.stack([make_window(seed=seed) for seed in range(batch)])
    tensors = {"sequence": sequence, "presence": np.stack([compute_presence(window) for window in sequence])}
    stretches = []
    for _ in range(REPEATS):
        # The thread's own clock: what else runs on the machine takes the core away, not the time.
        began_s, until_s, windows = time.thread_time(), time.monotonic() + seconds / REPEATS, 0
        while windows == 0 or time.monotonic() < until_s:
            session.run(tensors)
            windows += batch
        stretches.append((time.thread_time() - began_s) / windows * 1e6)
    return median(stretches)
