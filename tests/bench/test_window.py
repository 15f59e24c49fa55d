"""The load is the size and the shape of what a client sends."""

import json

import numpy as np

from bench.window import json_body, made_window
from landmarks.hands import compute_presence


def test_a_made_window_has_two_hands_in_every_frame_inside_the_image() -> None:
    window = made_window(seed=3)
    assert window.shape == (30, 84)
    assert window.dtype == np.float32
    assert (compute_presence(window) == 1).all()
    assert window.min() > 0
    assert window.max() < 1


def test_a_seed_gives_the_same_window_again_and_another_seed_another_one() -> None:
    assert np.array_equal(made_window(seed=3), made_window(seed=3))
    assert not np.array_equal(made_window(seed=3), made_window(seed=4))


def test_the_body_is_25_kb_of_numbers_with_six_decimals() -> None:
    window = made_window(seed=0)
    body = json_body(window)
    content = json.loads(body)
    assert 24_000 < len(body) < 27_000
    assert np.abs(np.asarray(content["sequence"]) - window).max() <= 0.5e-6
    assert content["mask"] == [[1.0, 1.0]] * 30
