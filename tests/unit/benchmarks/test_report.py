"""Rounds become medians."""

from benchmarks.load.results import LoadResult
from benchmarks.serving.report import Results

SLOW = LoadResult(100.0, 10.0, 20.0, 1, cpu_us=1000.0)
FAST = LoadResult(300.0, 5.0, 9.0, 0, cpu_us=3000.0)
FASTEST = LoadResult(320.0, 4.0, 8.0, 2, cpu_us=900.0)
KEY = "helen", "stream", "64 connections"


def test_figures_are_the_median_of_the_rounds_and_errors_their_sum() -> None:
    results = Results()
    results.loads[KEY] += [FASTEST, SLOW, FAST]
    assert results.get_median(KEY) == LoadResult(300.0, 5.0, 9.0, 3, cpu_us=1000.0)


def test_what_was_not_measured_is_none() -> None:
    assert Results().get_median(KEY) is None
