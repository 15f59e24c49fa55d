"""The model's cost is measured of the bundled model itself."""

from benchmarks.serving.model_cost import measure_model_us
from benchmarks.serving.servers import find_latest_model


def test_a_window_has_a_cost() -> None:
    assert measure_model_us(find_latest_model(), 4, seconds=0.2) > 0
