"""Rounds become medians; the model's share is a share of CPU time."""

import pytest

from bench.results import Cpu, Key, Results, median_of
from bench.wrk import Load

SLOW, FAST, FASTEST = Load(100.0, 10.0, 20.0, 1), Load(300.0, 5.0, 9.0, 0), Load(320.0, 4.0, 8.0, 2)
KEY = Key("helen", "stream", 64)


def test_figures_are_the_median_of_the_rounds_and_errors_their_sum() -> None:
    assert median_of([FASTEST, SLOW, FAST]) == Load(300.0, 5.0, 9.0, 3)
    assert Results(loads={KEY: [FASTEST, SLOW, FAST]}).load(*KEY) == Load(300.0, 5.0, 9.0, 3)


def test_what_was_not_measured_is_none() -> None:
    assert Results().load(*KEY) is None
    assert Results(model_us={1: 500.0}).model_share(KEY) is None
    assert Results(cpu={KEY: [Cpu({"model": 1.0}, 10)]}).model_share(KEY) is None
    assert Results(cpu={KEY: [Cpu({}, 10)]}, model_us={1: 500.0}).model_share(KEY) is None


def test_the_models_share_is_its_cheapest_cost_times_the_windows_over_all_cpu_seconds() -> None:
    rounds = [Cpu({"model": 1.0, "ingress": 1.0}, 2000), Cpu({"ingress": 1.0}, 2000), Cpu({"ingress": 4.0}, 2000)]
    assert Results(cpu={KEY: rounds}, model_us={1: 500.0, 32: 250.0}).model_share(KEY) == pytest.approx(0.25)
