"""How overload's responses become seconds until all is well."""

import math

import pytest

from benchmarks.load.results import ResponseLog
from benchmarks.reliability.overload import RECOVERY_S, get_recovery_s

BOUND_MS = 100.0


def make_responses(*spells: tuple[float, float, int, float]) -> ResponseLog:
    """A hundred requests a second; in each spell (from, until) they get this status after so many seconds."""
    responses = ResponseLog(began_s=10.0)
    for since_s, until_s, status, took_s in spells:
        for number in range(round(since_s * 100), round(until_s * 100)):
            due_s = responses.began_s + number / 100
            responses.record(status, due_s, due_s + took_s)
    return responses


@pytest.mark.parametrize(
    ("spells", "expected_s"),
    [
        ([(0, RECOVERY_S, 200, 0.05)], 0.0),
        ([(0, 0.4, 429, 0.0), (0.4, RECOVERY_S, 200, 0.05)], 0.5),
        ([(0, 1.6, 200, 0.3), (1.6, RECOVERY_S, 200, 0.05)], 1.75),
        # Well for half a second only, then refused again.
        ([(0, 0.5, 200, 0.05), (0.5, 1.0, 429, 0.0), (1.0, RECOVERY_S, 200, 0.05)], 1.0),
        # Well for a second: what comes later is another matter.
        ([(0, 1.0, 200, 0.05), (1.0, RECOVERY_S, 429, 0.0)], 0.0),
        ([(0, RECOVERY_S, 200, 0.3)], math.inf),
        ([(0, RECOVERY_S - 0.5, 200, 0.3), (RECOVERY_S - 0.5, RECOVERY_S, 200, 0.05)], math.inf),
        ([], math.inf),
    ],
)
def test_recovery_is_when_a_whole_second_is_well(
    spells: list[tuple[float, float, int, float]], expected_s: float
) -> None:
    assert get_recovery_s(make_responses(*spells), BOUND_MS) == expected_s
