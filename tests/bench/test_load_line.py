"""What a load client prints is what ``client.py`` reads."""

import math

from bench.client import parse
from bench.load_line import line_of, percentile
from bench.wrk import Load


def test_a_line_is_read_as_it_was_meant() -> None:
    line = line_of([1.0, 2.0, 3.0], 1.5, errors=1, closed=2, answered=4, said="429: busy" + "!" * 400)
    outcome = parse(line)
    assert outcome.load == Load(2.0, 2.0, 2.98, 3)
    assert outcome.windows == 4
    assert outcome.said.startswith("429: busy") and len(outcome.said) == 300


def test_where_nothing_was_answered_latency_is_not_a_number() -> None:
    load = parse(line_of([], 1, errors=0, closed=0, answered=0, said="")).load
    assert load.requests_per_s == 0
    assert math.isnan(load.p50_ms) and math.isnan(load.p99_ms)


def test_percentiles_of_nothing_are_no_number() -> None:
    assert math.isnan(percentile([], 0.99))
    assert percentile([1.0, 2.0, 3.0], 0.5) == 2.0
