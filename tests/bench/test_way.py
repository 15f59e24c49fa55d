"""Each way asks for the same window."""

import numpy as np
import pytest

from bench.way import HTTP_WAYS
from bench.window import made_window
from landmarks.protocol.open_inference import HEADER_LENGTH, decode_request

WINDOW = made_window(seed=3)


@pytest.mark.parametrize(("way", "path"), [("json", "/predict"), ("v2_json", "/v2/models/gesture/infer")])
def test_json_is_posted_as_json(way: str, path: str) -> None:
    question = HTTP_WAYS[way].question(WINDOW)
    assert (question.path, question.headers) == (path, {"Content-Type": "application/json"})


def test_open_inference_json_holds_the_window_and_who_is_there() -> None:
    tensors = decode_request(HTTP_WAYS["v2_json"].question(WINDOW).body).tensors
    assert np.abs(np.asarray(tensors["sequence"]) - WINDOW).max() < 1e-6
    assert np.array_equal(tensors["presence"], np.ones((1, 30, 2)))


def test_fp16_is_5_kb_and_says_where_its_json_ends() -> None:
    question = HTTP_WAYS["fp16"].question(WINDOW)
    assert len(question.body) < 5_500
    sequence = decode_request(question.body, int(question.headers[HEADER_LENGTH])).tensors["sequence"]
    assert np.abs(np.asarray(sequence)[0] - WINDOW).max() < 0.0005
