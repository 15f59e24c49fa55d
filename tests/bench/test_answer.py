"""An answer that isn't a prediction, or another model's, stops the benchmark."""

import json
from typing import Any

import numpy as np
import pytest

from bench import BenchError
from bench.answer import SEEDS, Prediction, compare, read_json, read_tensors
from landmarks.protocol.open_inference import HEADER_LENGTH, WantedOutput, encode_response

GOOD: dict[str, Any] = {
    "prediction": "hello",
    "probabilities": [0.1, 0.7, 0.2],
    "top_index": 1,
    "top_probability": 0.7,
    "elapsed_ms": 1.5,
}


def test_the_five_fields_are_a_prediction() -> None:
    assert read_json("helen", 200, json.dumps(GOOD | {"model_version": "1"}).encode(), {}) == Prediction(**GOOD)


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
        read_json("helen", status, json.dumps(GOOD | changes).encode(), {})


def test_a_missing_field_is_named() -> None:
    with pytest.raises(BenchError, match="missing required field `probabilities`"):
        read_json("helen", 200, json.dumps({key: GOOD[key] for key in GOOD if key != "probabilities"}).encode(), {})


def test_servers_of_one_model_may_differ_in_the_last_digits() -> None:
    same = [Prediction(**GOOD)] * len(SEEDS)
    compare("helen", same, "litserve", [Prediction(**(GOOD | {"top_probability": 0.70001}))] * len(SEEDS), 1e-3)


@pytest.mark.parametrize("changes", [{"prediction": "yes"}, {"top_probability": 0.72}])
def test_servers_of_one_model_that_disagree_are_refused(changes: dict[str, Any]) -> None:
    same = [Prediction(**GOOD)] * len(SEEDS)
    with pytest.raises(BenchError, match=r"helen answers 'hello' .* to made window 7, litserve with the same model"):
        compare("helen", same, "litserve", [*same[:-1], Prediction(**(GOOD | changes))], 1e-3)


@pytest.mark.parametrize("binary", [True, False])
def test_the_tensors_of_an_open_inference_answer_are_the_same_prediction(binary: bool) -> None:
    tensors = {"probabilities": np.array([[0.1, 0.7, 0.2]], np.float32), "label": np.array([b"hello"])}
    wanted = [WantedOutput(name, binary) for name in tensors]
    body, json_bytes = encode_response(
        tensors, wanted, model_name="gesture", model_version="1", request_id=None, elapsed_ms=1.5
    )
    headers = {} if json_bytes is None else {HEADER_LENGTH.lower(): str(json_bytes)}
    answer = read_tensors("helen", 200, body, headers)
    assert (answer.prediction, answer.top_index, answer.elapsed_ms) == ("hello", 1, 1.5)
    assert answer.top_probability == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (400, b"no", "answered 400 to a window, expected 200: no"),
        (200, b"{}", "mlserver: .* is not a prediction: model_name is missing"),
    ],
)
def test_an_open_inference_answer_without_tensors_is_refused(status: int, body: bytes, sentence: str) -> None:
    with pytest.raises(BenchError, match=sentence):
        read_tensors("mlserver", status, body, {})
