"""Rounds become medians."""

from benchmarks.load.results import LoadResult
from benchmarks.serving.results import LoadKey, Results, Sample

SLOW, FAST, FASTEST = LoadResult(100.0, 10.0, 20.0, 1), LoadResult(300.0, 5.0, 9.0, 0), LoadResult(320.0, 4.0, 8.0, 2)
KEY = LoadKey("helen", "stream", "64 connections")


def test_figures_are_the_median_of_the_rounds_and_errors_their_sum() -> None:
    results = Results()
    for result, cpu_us in ((FASTEST, 900.0), (SLOW, 1000.0), (FAST, 3000.0)):
        results.add(KEY, Sample(result, cpu_us))
    assert results.get_median(KEY) == (LoadResult(300.0, 5.0, 9.0, 3), 1000.0)


def test_what_was_not_measured_is_none() -> None:
    assert Results().get_median(KEY) is None
