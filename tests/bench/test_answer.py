"""An answer that isn't a prediction, or another model's, stops the benchmark."""

import json
from typing import Any

import pytest

from bench import BenchError
from bench.answer import SEEDS, Prediction, check, compare

GOOD: dict[str, Any] = {
    "prediction": "hello",
    "probabilities": [0.1, 0.7, 0.2],
    "top_index": 1,
    "top_probability": 0.7,
    "elapsed_ms": 1.5,
}


def test_the_five_fields_are_a_prediction() -> None:
    assert check("helen", 200, json.dumps(GOOD | {"model_version": "1"}).encode()) == Prediction(**GOOD)


@pytest.mark.parametrize(
    ("status", "changes", "sentence"),
    [
        (503, {}, "answered 503 to a window, expected 200"),
        (200, {"elapsed_ms": None}, r"Expected `float`, got `null` - at `\$.elapsed_ms`"),
        (200, {"probabilities": [0.1, 0.7, 0.7]}, "add up to 1.5000, expected 1"),
        (200, {"top_index": 2}, "top_index is 2"),
        (200, {"top_probability": 0.2}, "top_probability is 0.2"),
    ],
)
def test_anything_else_is_refused(status: int, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BenchError, match=sentence):
        check("helen", status, json.dumps(GOOD | changes).encode())


def test_a_missing_field_is_named() -> None:
    with pytest.raises(BenchError, match="missing required field `probabilities`"):
        check("helen", 200, json.dumps({key: GOOD[key] for key in GOOD if key != "probabilities"}).encode())


def test_servers_of_one_model_may_differ_in_the_last_digits() -> None:
    same = [Prediction(**GOOD)] * len(SEEDS)
    compare("helen", same, "litserve", [Prediction(**(GOOD | {"top_probability": 0.70001}))] * len(SEEDS))


@pytest.mark.parametrize("changes", [{"prediction": "yes"}, {"top_probability": 0.72}])
def test_servers_of_one_model_that_disagree_are_refused(changes: dict[str, Any]) -> None:
    same = [Prediction(**GOOD)] * len(SEEDS)
    with pytest.raises(BenchError, match=r"helen answers 'hello' .* to made window 7, litserve with the same model"):
        compare("helen", same, "litserve", [*same[:-1], Prediction(**(GOOD | changes))])
