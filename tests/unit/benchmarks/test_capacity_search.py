"""The search finds the largest number of Pis that holds, whatever it is."""

import math

import pytest

from benchmarks.load.results import LoadResult
from benchmarks.serving.capacity_search import MOST, holds, search_capacity


def answering(limit: int, tried: list[int] | None = None) -> "Answering":
    return Answering(limit, tried if tried is not None else [])


class Answering:
    """Answers up to ``limit`` Pis in 20 ms, more of them in 80 ms."""

    def __init__(self, limit: int, tried: list[int]) -> None:
        self.limit = limit
        self.tried = tried

    def __call__(self, pis: int) -> LoadResult:
        self.tried.append(pis)
        return LoadResult(15.0 * pis, 5.0, 20.0 if pis <= self.limit else 80.0, 0)


@pytest.mark.parametrize(
    ("limit", "found"), [(0, 0), (7, 4), (8, 8), (16, 16), (63, 60), (64, 64), (98, 96), (250, 248), (10_000, MOST)]
)
def test_the_largest_number_that_holds_is_found_to_within_4(limit: int, found: int) -> None:
    assert search_capacity(answering(limit)) == found


def test_a_number_that_fails_is_tried_once_more() -> None:
    probe = answering(8)
    assert search_capacity(probe) == 8
    assert probe.tried == [16, 16, 8, 12, 12]


def test_a_number_that_fails_once_and_then_holds_is_no_limit() -> None:
    loads = iter(
        [LoadResult(240.0, 5.0, 80.0, 0), LoadResult(240.0, 5.0, 20.0, 0), LoadResult(0.0, math.nan, math.nan, 32)]
    )
    assert search_capacity(lambda _: next(loads, LoadResult(0.0, math.nan, math.nan, 1))) == 16


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (LoadResult(150.0, 5.0, 49.9, 0), True),
        (LoadResult(150.0, 5.0, 50.0, 0), False),
        (LoadResult(150.0, 5.0, 20.0, 1), False),
        (LoadResult(146.0, 5.0, 20.0, 0), False),  # a session that skips windows is fast and answers too few
        (LoadResult(0.0, math.nan, math.nan, 0), False),
    ],
)
def test_a_number_holds_when_all_are_answered_in_time(load: LoadResult, expected: bool) -> None:
    assert holds(10, load) is expected
