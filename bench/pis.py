"""How many Pis: the largest number of them that are all answered in time, found by doubling and then halving the gap.

A Pi asks 15 times a second at fixed times. Over HTTP it posts a window of FP16 each time; over a live session it
sends the two frames that are new (30 fps, a stride of 2).
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from bench.wrk import Load

PREDICTIONS_PER_S: Final = 15
FRAMES: Final = 2
P99_BELOW_MS: Final = 50.0
ANSWERED: Final = 0.98  # of what was asked: a live session skips windows when it falls behind, which is no answer
FIRST: Final = 16
STEP: Final = 4
MOST: Final = 256  # the service's limit of live sessions a replica


class Probe(NamedTuple):
    """One try with ``pis`` of them."""

    pis: int
    load: Load

    @property
    def holds(self) -> bool:
        """Whether all were answered, without an error, and 99 % of them in time."""
        asked = self.pis * PREDICTIONS_PER_S
        return (
            self.load.errors == 0
            and self.load.requests_per_s >= ANSWERED * asked
            and self.load.p99_ms < P99_BELOW_MS  # NaN, no answer at all, is not below
        )


def search(probe: Callable[[int], Load], *, first: int = FIRST, step: int = STEP, most: int = MOST) -> list[Probe]:
    """Every try on the way to the largest number that holds, to within ``step``.

    A number that fails is tried once more, since the service may have been starting a replica for it.
    """
    tries: list[Probe] = []

    def holds(pis: int) -> bool:
        for _ in range(2):
            tries.append(Probe(pis, probe(pis)))
            if tries[-1].holds:
                return True
        return False

    low, high = 0, first
    while high <= most and holds(high):
        low, high = high, high * 2
    high = min(high, most + step)
    while high - low > step:
        middle = (low + high) // 2 // step * step
        if middle <= low:
            break
        low, high = (middle, high) if holds(middle) else (low, middle)
    return tries


def most_of(tries: list[Probe]) -> int:
    """The largest number that held; 0 when none did."""
    return max((one.pis for one in tries if one.holds), default=0)
