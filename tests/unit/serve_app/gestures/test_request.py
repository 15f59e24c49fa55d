"""Every way in which a ``/predict`` body can be wrong, and the sentence that it gets."""

import json
from typing import Any

import numpy as np
import pytest

from landmarks.hands import split_hands
from landmarks.models.card import ModelCard
from serve_app.errors import InvalidInput
from serve_app.gestures.request import parse_window
from testkit.model_files import build_card, linear_model


@pytest.fixture(scope="module")
def card() -> ModelCard:
    return build_card(linear_model())


def body(**changes: Any) -> bytes:
    """The contract's example with some fields changed, and those set to ``...`` left out."""
    fields: dict[str, Any] = {"sequence": [[0.1] * 84] * 10, "mask": [[1.0, 0.0]] * 10} | changes
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


def frames(count: int, width: int = 84, value: Any = 0.1) -> list[list[Any]]:
    return [[value] * width for _ in range(count)]


def with_number(value: Any) -> list[list[Any]]:
    rows = frames(10)
    rows[2][5] = value
    return rows


def test_the_example_becomes_a_masked_window_and_its_presence(card: ModelCard) -> None:
    window = parse_window(body(), card)
    assert {name: array.shape for name, array in window.items()} == {"sequence": (10, 84), "presence": (10, 2)}
    assert all(array.dtype == np.float32 for array in window.values())
    hands = split_hands(window["sequence"])
    assert (hands[:, 0] == np.float32(0.1)).all()
    assert (hands[:, 1] == 0).all(), "the right hand's mask is 0"
    assert window["presence"].tolist() == [[1.0, 0.0]] * 10


def test_a_fractional_mask_scales_its_hand(card: ModelCard) -> None:
    window = parse_window(body(mask=[[0.5, 1.0]] * 10), card)
    assert split_hands(window["sequence"])[0, :, 0, 0].tolist() == pytest.approx([0.05, 0.1])
    assert window["presence"].tolist() == [[1.0, 1.0]] * 10


def test_a_mask_of_true_and_false_is_one_of_ones_and_zeros(card: ModelCard) -> None:
    mixed = [[True, False], [1, 0.0]] * 5
    window, wanted = (parse_window(body(mask=mask), card) for mask in (mixed, [[1.0, 0.0]] * 10))
    assert (window["sequence"] == wanted["sequence"]).all()
    assert (window["presence"] == wanted["presence"]).all()


@pytest.mark.parametrize("mask", [..., None], ids=["left out", "null"])
def test_without_a_mask_presence_follows_from_the_zeros(card: ModelCard, mask: object) -> None:
    sequence = [[0.1] * 42 + [0.0] * 42] * 5 + [[0.1] * 84] * 5
    window = parse_window(body(sequence=sequence, mask=mask), card)
    assert window["presence"].tolist() == [[1.0, 0.0]] * 5 + [[1.0, 1.0]] * 5


@pytest.mark.parametrize("count", [6, 30])
def test_the_shortest_and_the_longest_window_are_read(card: ModelCard, count: int) -> None:
    assert parse_window(body(sequence=frames(count), mask=...), card)["sequence"].shape == (count, 84)


def test_whole_numbers_are_numbers(card: ModelCard) -> None:
    assert parse_window(body(sequence=frames(10, value=1)), card)["sequence"].dtype == np.float32


def test_fields_that_the_service_does_not_know_are_ignored(card: ModelCard) -> None:
    assert parse_window(body(session="pi-3"), card)["sequence"].shape == (10, 84)


WRONG: list[tuple[str, bytes, str]] = [
    ("empty", b"", "the body is empty, expected a JSON object"),
    ("not JSON", b"sequence=1", "the body is not JSON: JSON is malformed: invalid character (byte 0)"),
    ("cut off", b'{"sequence": [[0.1', "the body is not JSON: Input data was truncated"),
    ("not UTF-8", b"\xff\xfe\x00", "the body is not JSON: JSON is malformed: invalid character (byte 0)"),
    ("a list", b"[]", "the body is a list, expected an object"),
    ("null", b"null", "the body is null, expected an object"),
    ("no sequence", body(sequence=...), "sequence is missing, expected it in the body"),
    ("sequence is a number", body(sequence=3), "sequence is a number, expected a list"),
    ("sequence is null", body(sequence=None), "sequence is null, expected a list"),
    ("a frame is a number", body(sequence=[1.0]), "sequence[0] is a number, expected a list"),
    ("a string among the numbers", body(sequence=with_number("0.1")), "sequence[2][5] is a string, expected a number"),
    ("true among the numbers", body(sequence=with_number(True)), "sequence[2][5] is true or false, expected a number"),
    ("null among the numbers", body(sequence=with_number(None)), "sequence[2][5] is null, expected a number"),
    ("NaN", body(sequence=with_number(float("nan"))), "sequence[2][5] is nan, expected a finite number"),
    ("Infinity", body(sequence=with_number(float("-inf"))), "sequence[2][5] is -inf, expected a finite number"),
    ("overflows float32", body(sequence=with_number(1e39)), "sequence[2][5] is inf, expected a finite number"),
    (
        "overflows float64",
        body().replace(b"0.1", b"1e999", 1),
        "sequence[0][0] is beyond the range of numbers, expected a finite number",
    ),
    ("too large", body(sequence=with_number(2e6)), "sequence[2][5] is 2e+06, expected a number from -1e+06 to 1e+06"),
    ("no frames", body(sequence=[]), "sequence has 0 frames, expected 6 to 30"),
    ("too few frames", body(sequence=frames(5)), "sequence has 5 frames, expected 6 to 30"),
    ("too many frames", body(sequence=frames(31)), "sequence has 31 frames, expected 6 to 30"),
    (
        "ragged",
        body(sequence=[*frames(9), [0.1] * 80]),
        "sequence[9] has 80 numbers, expected 84 like sequence[0]: every frame has the same",
    ),
    (
        "with z",
        body(sequence=frames(10, 126)),
        "sequence has 126 numbers a frame, expected feature_dim = 84 (2 hands × 21 points × x, y)",
    ),
    (
        "empty frames",
        body(sequence=frames(10, 0)),
        "sequence has 0 numbers a frame, expected feature_dim = 84 (2 hands × 21 points × x, y)",
    ),
    ("mask is an object", body(mask={}), "mask is an object, expected a list or null"),
    ("mask is too short", body(mask=frames(9, 2)), "mask has 9 frames, expected 10, as many as sequence"),
    ("mask is too wide", body(mask=frames(10, 3)), "mask has 3 numbers a frame, expected 2: [left, right]"),
    (
        "mask is ragged",
        body(mask=[*frames(9, 2), [1.0]]),
        "mask[9] has 1 numbers, expected 2 like mask[0]: every frame has the same",
    ),
    ("mask above 1", body(mask=frames(10, 2, 1.5)), "mask[0][0] is 1.5, expected a number from 0 to 1"),
    ("mask below 0", body(mask=frames(10, 2, -1)), "mask[0][0] is -1, expected a number from 0 to 1"),
    ("mask is NaN", body(mask=frames(10, 2, float("nan"))), "mask[0][0] is nan, expected a finite number"),
    ("mask of strings", body(mask=frames(10, 2, "1")), "mask[0][0] is a string, expected true or false or a number"),
    ("true in the sequence", body(sequence=frames(10, 84, True)), "sequence[0][0] is true or false, expected a number"),
]


@pytest.mark.parametrize(("sent", "sentence"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_body_is_refused_with_one_sentence(card: ModelCard, sent: bytes, sentence: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_window(sent, card)
    assert refusal.value.message == sentence
    assert refusal.value.status == 400


@pytest.mark.parametrize("sent", [b"[" * 200_000, b'{"sequence":' * 50_000, b'{"sequence":' + b"[" * 100_000])
def test_a_body_nested_without_end_is_refused(card: ModelCard, sent: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_window(sent, card)
