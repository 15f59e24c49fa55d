"""Binary messages of a live session to frames, and numbers of another encoding than the session's found out."""

from collections.abc import Callable

import numpy as np
import pytest

from landmarks.hands import Array
from landmarks.models.card import ModelCard
from landmarks.protocol.stream import FRAME_NUMBER, INVALID_DATA
from serve_app.api.stream.frames import BinaryFrames
from serve_app.api.stream.messages import SessionClosed
from testkit.model_files import build_card, linear_model, made_window

CARD = build_card(linear_model())  # 84 numbers a frame, windows of 6 to 30 frames
CARD_Z = build_card(linear_model(use_z=True), use_z=True)
DTYPES = {"fp16": "<f2", "fp32": "<f4"}
DICE = np.random.default_rng(0)


def landmarks(card: ModelCard, frames: int) -> Array:
    """Hands of an image ``(frames, F)``: x and y from 0 to 1, z around 0."""
    points = DICE.uniform(0.05, 0.95, (frames, 42, card.feature_dim // 42)).astype(np.float32)
    points[:, :, 2:] = DICE.normal(0, 0.05, points[:, :, 2:].shape)
    return points.reshape(frames, -1)


def hand_boxes(card: ModelCard, frames: int) -> Array:
    """Hands as ``normalization: hand_box`` has them: x and y fill 0 to 1, z has mean 0 and deviation 1."""
    points = DICE.uniform(0, 1, (frames, 2, 21, card.feature_dim // 42)).astype(np.float32)
    points[:, :, 0, :2], points[:, :, 1, :2] = 0, 1
    points[..., 2:] = DICE.normal(0, 1, points[..., 2:].shape)
    return points.reshape(frames, -1)


def one_hand(card: ModelCard, frames: int) -> Array:
    hands = landmarks(card, frames)
    hands[:, : card.feature_dim // 2] = 0
    return hands


def constant(card: ModelCard, frames: int) -> Array:
    return np.full((frames, card.feature_dim), 0.3, np.float32)


MakeHands = Callable[[ModelCard, int], Array]
KINDS: list[MakeHands] = [landmarks, hand_boxes, one_hand, constant]


def packed(frames: Array, encoding: str, number: int | None = None) -> bytes:
    return (b"" if number is None else FRAME_NUMBER.pack(number)) + frames.astype(DTYPES[encoding]).tobytes()


def read(reader: BinaryFrames, message: bytes) -> Array:
    frames, _ = reader.measure(message)
    return reader.read(message, frames)


@pytest.mark.parametrize("number", [None, 7])
@pytest.mark.parametrize("frames", [1, 2, 5, 15])
@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("card", [CARD, CARD_Z])
def test_fp32_in_a_session_of_fp16_is_found_out_with_the_first_message(
    card: ModelCard, make: MakeHands, frames: int, number: int | None
) -> None:
    with pytest.raises(SessionClosed, match=r'numbers of fp32, expected fp16: .* "encoding": "fp32"') as over:
        read(BinaryFrames("fp16", card), packed(make(card, frames), "fp32", number))
    assert over.value.close_code == INVALID_DATA


@pytest.mark.parametrize("frames", [2, 4, 30])
@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("card", [CARD, CARD_Z])
def test_fp16_in_a_session_of_fp32_is_found_out_with_the_first_message(
    card: ModelCard, make: MakeHands, frames: int
) -> None:
    with pytest.raises(SessionClosed, match=r'numbers of fp16, expected fp32: .* "encoding": "fp16"'):
        read(BinaryFrames("fp32", card), packed(make(card, frames), "fp16"))


@pytest.mark.parametrize("number", [None, 7])
@pytest.mark.parametrize("frames", [1, 2, 3, 30])
@pytest.mark.parametrize("encoding", ["fp16", "fp32"])
@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("card", [CARD, CARD_Z])
def test_any_number_of_frames_of_the_session_s_own_encoding_may_begin_it(
    card: ModelCard, make: MakeHands, encoding: str, frames: int, number: int | None
) -> None:
    hands = make(card, frames)
    found = read(BinaryFrames(encoding, card), packed(hands, encoding, number))
    assert np.array_equal(found, hands.astype(DTYPES[encoding]).astype(np.float32))


def test_a_beginning_without_hands_proves_nothing_and_the_first_hand_does() -> None:
    reader = BinaryFrames("fp16", CARD)
    empty = np.zeros((1, 84), np.float32)
    for _ in range(3):
        assert not read(reader, packed(empty, "fp32")).any()
    with pytest.raises(SessionClosed, match="numbers of fp32"):
        read(reader, packed(made_window(1, seed=1), "fp32"))


def test_once_proven_a_session_may_send_whatever_is_in_range() -> None:
    reader = BinaryFrames("fp16", CARD)
    read(reader, packed(landmarks(CARD, 2), "fp16"))
    beyond = np.full((2, 84), 1.5, np.float32)
    assert np.array_equal(read(reader, packed(beyond, "fp16")), beyond)


@pytest.mark.parametrize("frames", [2, 4])
def test_hands_that_reach_below_the_image_are_still_fp16(frames: int) -> None:
    hands = landmarks(CARD, frames)
    hands[:, 1::2] = DICE.uniform(1.0, 1.3, hands[:, 1::2].shape)
    message = hands.astype("<f2").tobytes()
    assert np.array_equal(BinaryFrames("fp16", CARD).read(message, frames), hands.astype("<f2").astype(np.float32))
