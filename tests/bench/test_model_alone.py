"""The model's cost is measured of the bundled model itself."""

from bench.model_alone import microseconds_a_window
from bench.peer import latest_model


def test_each_batch_has_a_cost_a_window() -> None:
    cost = microseconds_a_window(latest_model(), (1, 4), seconds=0.2)
    assert list(cost) == [1, 4]
    assert all(value > 0 for value in cost.values())
