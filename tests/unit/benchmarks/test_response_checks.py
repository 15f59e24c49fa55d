"""A response that isn't a prediction, or another model's, stops the benchmark."""

import json
from typing import Any

import pytest

from benchmarks import BenchmarkError
from benchmarks.load.request_encoders import ENCODERS
from benchmarks.serving.response_checks import SEEDS, compare_predictions, get_predictions
from landmarks.protocol.predictions import Prediction
from testkit.edge.http_service import Reply, http_service

GOOD: dict[str, Any] = {
    "prediction": "hello",
    "probabilities": [0.1, 0.7, 0.2],
    "top_index": 1,
    "top_probability": 0.7,
    "elapsed_ms": 1.5,
}


def make_predictions(content: dict[str, Any], status: int = 200, encoding: str = "json") -> list[Prediction]:
    """What a server that always answers the same predicts."""
    with http_service(lambda request: Reply(status, json.dumps(content).encode())) as service:
        return get_predictions("helen", service.url, ENCODERS[encoding])


def test_the_five_fields_are_a_prediction() -> None:
    assert [(one.prediction, one.top_index) for one in make_predictions(GOOD)] == [("hello", 1)] * len(SEEDS)


@pytest.mark.parametrize(
    ("status", "changes", "message"),
    [
        (503, {}, "answered 503 to a window, expected 200"),
        (200, {"elapsed_ms": None}, r"Expected `float`, got `null` - at `\$.elapsed_ms`"),
        (200, {"probabilities": [0.1, 0.7, 0.7]}, "add up to 1.5000, expected 1"),
        (200, {"top_index": 2}, "top_index is 2"),
        (200, {"top_probability": 0.2}, "top_probability is 0.2"),
    ],
)
def test_anything_else_is_rejected(status: int, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchmarkError, match=message):
        make_predictions(GOOD | changes, status)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(BenchmarkError, match="missing required field `probabilities`"):
        make_predictions({key: GOOD[key] for key in GOOD if key != "probabilities"})


@pytest.mark.parametrize(
    ("status", "content", "message"),
    [(400, {}, "answered 400 to a window, expected 200"), (200, {}, "is not a prediction: model_name is missing")],
)
def test_an_open_inference_response_without_tensors_is_rejected(
    status: int, content: dict[str, Any], message: str
) -> None:
    with pytest.raises(BenchmarkError, match=message):
        make_predictions(content, status, "fp16")


def test_servers_of_one_model_may_differ_in_the_last_digits() -> None:
    same = [Prediction(**GOOD)] * len(SEEDS)
    close = [Prediction(**(GOOD | {"top_probability": 0.70001}))] * len(SEEDS)
    compare_predictions("helen", same, "litserve", close, 1e-3)


@pytest.mark.parametrize("changes", [{"prediction": "yes"}, {"top_probability": 0.72}])
def test_servers_of_one_model_that_disagree_are_rejected(changes: dict[str, Any]) -> None:
    same = [Prediction(**GOOD)] * len(SEEDS)
    other = [*same[:-1], Prediction(**(GOOD | changes))]
    with pytest.raises(
        BenchmarkError, match=r"helen answers 'hello' .* to made window 7, litserve with the same model"
    ):
        compare_predictions("helen", same, "litserve", other, 1e-3)
