"""The load is the size and the shape of what a client sends, and the same window in each encoding."""

import json

import numpy as np

from benchmarks.load.request_encoders import ENCODERS, encode_json
from landmarks.hands import compute_presence
from landmarks.protocol.open_inference import HEADER_LENGTH, decode_request
from landmarks.synthetic import make_window

WINDOW = make_window(seed=3)


def test_a_made_window_has_two_hands_in_every_frame_inside_the_image() -> None:
    assert WINDOW.shape == (30, 84)
    assert WINDOW.dtype == np.float32
    assert (compute_presence(WINDOW) == 1).all()
    assert WINDOW.min() > 0
    assert WINDOW.max() < 1


def test_a_seed_gives_the_same_window_again_and_another_seed_another_one() -> None:
    assert np.array_equal(WINDOW, make_window(seed=3))
    assert not np.array_equal(WINDOW, make_window(seed=4))


def test_the_json_body_is_25_kb_of_numbers_with_six_decimals() -> None:
    body = encode_json(WINDOW).body
    content = json.loads(body)
    assert 24_000 < len(body) < 27_000
    assert np.abs(np.asarray(content["sequence"]) - WINDOW).max() <= 0.5e-6
    assert content["mask"] == [[1.0, 1.0]] * 30


def test_json_is_posted_as_json() -> None:
    request = ENCODERS["json"].encode(WINDOW)
    assert (request.path, request.headers) == ("/predict", {"Content-Type": "application/json"})


def test_fp16_is_5_kb_and_says_where_its_json_ends() -> None:
    request = ENCODERS["fp16"].encode(WINDOW)
    assert len(request.body) < 5_500
    sequence = decode_request(request.body, int(request.headers[HEADER_LENGTH])).tensors["sequence"]
    assert np.abs(np.asarray(sequence)[0] - WINDOW).max() < 0.0005
