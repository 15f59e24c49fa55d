"""How many Pis a service carries: the largest number that is answered in time, by doubling and then halving the gap.

A Pi asks 15 times a second at fixed times. Over HTTP it posts a window of FP16 each time; over a live session it
sends the two frames that are new (30 fps, a stride of 2).
"""

from collections.abc import Callable
from typing import Final

from benchmarks.load.results import LoadResult

PREDICTIONS_PER_S: Final = 15
FRAMES: Final = 2
P99_BELOW_MS: Final = 50.0
ANSWERED: Final = 0.98  # of what was asked: a live session skips windows when it falls behind, which is no answer
FIRST: Final = 16
STEP: Final = 4
MOST: Final = 256  # the service's limit of live sessions a replica


def holds(pis: int, result: LoadResult) -> bool:
    """Whether ``pis`` were all answered, without an error, and 99 % of them in time."""
    answered = result.requests_per_s >= ANSWERED * pis * PREDICTIONS_PER_S
    return result.errors == 0 and answered and result.p99_ms < P99_BELOW_MS  # NaN, no answer at all, is not below


def search_capacity(measure: Callable[[int], LoadResult]) -> int:
    """The largest number of Pis that holds, to within ``STEP``; 0 when none does.

    A number that fails is tried once more, since the service may have been starting a replica for it.
    """

    def carries(pis: int) -> bool:
        return holds(pis, measure(pis)) or holds(pis, measure(pis))

    low, high = 0, FIRST
    while high <= MOST and carries(high):
        low, high = high, high * 2
    high = min(high, MOST + STEP)
    while high - low > STEP and (middle := (low + high) // 2 // STEP * STEP) > low:
        low, high = (middle, high) if carries(middle) else (low, middle)
    return low
