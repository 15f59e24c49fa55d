"""What messages do to a session's window, and when a prediction is due. No sockets."""

import json
from typing import Any

import numpy as np
import pytest

from landmarks.hands import Array, compute_presence
from landmarks.models.card import ModelCard
from landmarks.protocol.stream import FRAME_NUMBER, OpenMessage
from serve_app.api.stream.messages import SessionClosed, parse_open_message
from serve_app.api.stream.session import FrameRate, PendingWindow, RejectedMessage, StreamSession
from serve_app.errors import InvalidInput
from testkit.model_files import build_card, linear_model, made_window

CARD = build_card(linear_model())  # 84 numbers a frame, windows of 6 to 30 frames
CARD_Z = build_card(linear_model(use_z=True), use_z=True)
FRAMES = made_window(100, seed=3)


def session(card: ModelCard = CARD, **opening: Any) -> StreamSession:
    return StreamSession(parse_open_message(json.dumps(opening).encode(), card), card)


def packed(frames: Array, number: int | None = None, dtype: str = "<f2") -> bytes:
    return (b"" if number is None else FRAME_NUMBER.pack(number)) + frames.astype(dtype).tobytes()


def take(live: StreamSession, message: bytes | str) -> None:
    if isinstance(message, bytes):
        live.feed_binary(message)
    else:
        live.feed_text(message.encode())


def next_window(live: StreamSession) -> PendingWindow:
    due = live.next_window()
    assert isinstance(due, PendingWindow)
    return due


def due_numbers(live: StreamSession, frames: Array = FRAMES) -> list[int]:
    """The numbers of the frames after which a window is due, each taken at once."""
    numbers = []
    for frame in frames:
        live.feed_binary(packed(frame))
        if live.due:
            numbers.append(next_window(live).number)
    return numbers


@pytest.mark.parametrize(
    ("opening", "first", "step"),
    [({}, 6, 1), ({"stride": 2}, 6, 2), ({"stride": 7}, 6, 7), ({"min_frames": 15, "stride": 3}, 15, 3)],
)
def test_a_prediction_is_due_every_stride_frames_from_the_first_whole_window_on(
    opening: dict[str, Any], first: int, step: int
) -> None:
    assert due_numbers(session(**opening)) == list(range(first, 101, step))


@pytest.mark.parametrize(("encoding", "dtype"), [("fp16", "<f2"), ("fp32", "<f4")])
@pytest.mark.parametrize("card", [CARD, CARD_Z])
def test_a_window_is_the_last_frames_with_their_presence(card: ModelCard, encoding: str, dtype: str) -> None:
    frames = made_window(40, use_z=card.use_z, seed=5)
    frames[::3, : card.feature_dim // 2] = 0
    frames[::4, card.feature_dim // 2 :] = 0
    live = session(card, encoding=encoding)
    for count, frame in enumerate(frames, 1):
        live.feed_binary(packed(frame, dtype=dtype))
        if count < card.min_seq_len:
            assert not live.due
            continue
        window = next_window(live)
        expected = frames[max(0, count - card.seq_len) : count].astype(dtype).astype(np.float32)
        assert (window.number, window.skipped) == (count, 0)
        assert np.array_equal(window.sequence, expected)
        assert np.array_equal(window.presence, compute_presence(expected))


def test_a_message_of_several_frames_holds_the_oldest_first_and_asks_once_for_the_last() -> None:
    live = session(stride=2)
    live.feed_binary(packed(FRAMES[:30], 77))
    assert live.frames == 30
    window = next_window(live)
    assert (window.number, window.skipped) == (77, 0)
    assert np.array_equal(window.sequence, FRAMES[:30].astype("<f2").astype(np.float32))
    assert not live.due


@pytest.mark.parametrize("mask", [[1, 0], [True, False]])
def test_json_frames_are_multiplied_by_their_mask(mask: list[float]) -> None:
    live = session(encoding="json", min_frames=6)
    for number, frame in enumerate(FRAMES[:6]):
        live.feed_text(json.dumps({"frame": frame.tolist(), "mask": mask, "n": number}).encode())
    window = next_window(live)
    assert window.number == 5
    assert np.array_equal(window.sequence[:, :42], FRAMES[:6, :42])
    assert not window.sequence[:, 42:].any()
    assert window.presence.tolist() == [[1, 0]] * 6


def test_the_newest_window_takes_the_place_of_one_that_nobody_took_and_says_how_many_were_skipped() -> None:
    live = session()
    for frame in FRAMES[:20]:
        live.feed_binary(packed(frame))
    window = next_window(live)
    assert (window.number, len(window.sequence), window.skipped) == (20, 20, 14)
    live.feed_binary(packed(FRAMES[20]))
    assert next_window(live).skipped == 0


def test_a_reset_empties_the_window_and_the_next_one_is_due_when_it_is_long_enough_again() -> None:
    live = session(stride=4)
    due_numbers(live, FRAMES[:12])
    live.feed_text(b'{"type":"reset"}')
    assert due_numbers(live, FRAMES[50:60]) == [18, 22]
    live.feed_text(b'{"type":"predict"}')
    assert np.array_equal(next_window(live).sequence, FRAMES[50:60].astype("<f2").astype(np.float32))


def test_with_reset_after_frames_without_a_hand_empty_the_window_and_it_begins_with_a_hand() -> None:
    live = session(reset_after=3)
    empty = np.zeros_like(FRAMES)
    assert due_numbers(live, np.concatenate([FRAMES[:8], empty[:2], FRAMES[:1]])) == [6, 7, 8, 9, 10, 11]
    assert due_numbers(live, np.concatenate([empty[:5], FRAMES[:7]])) == [12, 13, 22, 23]
    live.feed_text(b'{"type":"predict"}')
    assert next_window(live).presence.tolist() == [[1, 1]] * 7


def test_with_stride_0_only_numbered_frames_and_requests_are_predicted() -> None:
    live = session(stride=0)
    live.feed_binary(packed(FRAMES[:10]))
    assert not live.due
    live.feed_binary(packed(FRAMES[10], 500))
    assert (next_window(live).number, live.due) == (500, False)
    live.feed_text(b'{"type":"predict","n":501,"frames":8}')
    window = next_window(live)
    assert window.number == 501
    assert np.array_equal(window.sequence, FRAMES[3:11].astype("<f2").astype(np.float32))


@pytest.mark.parametrize(
    ("frames", "message", "sentence"),
    [
        (
            10,
            {"type": "predict", "n": 99, "frames": 5},
            "a prediction is asked for of 5 frames, expected 6 to 10, as many as are held",
        ),
        (10, {"type": "predict", "frames": 11}, "asked for of 11 frames, expected 6 to 10"),
        (3, {"type": "predict"}, "asked for of 3 frames, expected 6 or more"),
    ],
)
def test_a_request_for_frames_that_are_not_held_is_refused(frames: int, message: dict[str, Any], sentence: str) -> None:
    live = session(stride=0)
    live.feed_binary(packed(FRAMES[:frames]))
    with pytest.raises(InvalidInput, match=sentence):
        live.feed_text(json.dumps(message).encode())
    assert not live.due
    assert live.number == message.get("n", frames), "so that the client knows what was refused"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2e6])
def test_a_message_with_a_number_out_of_range_is_refused_whole_and_the_session_goes_on(value: float) -> None:
    live = session(encoding="fp32")
    live.feed_binary(packed(FRAMES[:6], dtype="<f4"))
    next_window(live)
    spoilt = FRAMES[:3].copy()
    spoilt[2, 17] = value
    with pytest.raises(InvalidInput, match=r"frames\[2\]\[17\] is .*, expected a"):
        live.feed_binary(packed(spoilt, dtype="<f4"))
    assert not live.due
    live.feed_binary(packed(FRAMES[6], dtype="<f4"))
    assert np.array_equal(next_window(live).sequence, FRAMES[:7])


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ({"frame": [0.1] * 83}, "frame is 83 numbers, expected 84 numbers"),
        ({"type": "frame"}, "frame is missing, expected 84 numbers"),
        ({"frame": [0.1] * 84, "mask": [1]}, "mask has 1 numbers, expected 2"),
        ({"frame": [0.1] * 84, "mask": [1, 2]}, r"mask\[1\] is 2, expected a number from 0 to 1"),
        ({"frame": [1e300] * 84}, r"frame\[0\] is inf, expected a finite number"),
    ],
)
def test_a_json_frame_with_a_wrong_field_is_refused_by_name(message: dict[str, Any], sentence: str) -> None:
    live = session(encoding="json")
    with pytest.raises(InvalidInput, match=sentence):
        live.feed_text(json.dumps(message).encode())


@pytest.mark.parametrize(
    ("opening", "message", "code", "sentence"),
    [
        ({}, bytes(167), 1007, r"a message has 167 bytes, expected 168 a frame \(84 × fp16\)"),
        ({}, b"", 1007, "a message has 0 bytes"),
        ({}, bytes(FRAME_NUMBER.size), 1007, "a message has 4 bytes"),
        ({"encoding": "fp32"}, bytes(168), 1007, r"a message has 168 bytes, expected 336 a frame \(84 × fp32\)"),
        ({}, bytes(31 * 168), 1009, "a message has 31 frames, expected 30 at most"),
        ({"encoding": "json"}, bytes(168), 1003, "found a binary message, expected text"),
        ({}, "good day", 1007, "the body is not JSON"),
        ({}, "[1, 2]", 1007, "the body is a list, expected an object"),
        ({}, '{"type":"rest"}', 1007, "type is refused: Invalid enum value 'rest'"),
        ({}, '{"typ":"reset"}', 1007, "Object contains unknown field `typ`"),
        ({}, '{"frame":[1]}', 1003, "found a frame in JSON, expected binary"),
        ({}, '{"n":-1}', 1007, "n is refused"),
        ({}, '{"n":' + "1" * 20_000 + "}", 1009, "a message has 20006 bytes, expected 16384 at most"),
    ],
)
def test_a_message_that_is_none_of_the_session_s_ends_it(
    opening: dict[str, Any], message: bytes | str, code: int, sentence: str
) -> None:
    live = session(**opening)
    with pytest.raises(SessionClosed, match=sentence) as over:
        take(live, message)
    assert over.value.close_code == code


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the body is empty"),
        ("hello", "the body is not JSON"),
        ('{"encoding":"fp8"}', "encoding is refused: Invalid enum value 'fp8'"),
        ('{"stride":-1}', "stride is refused: Expected `int` >= 0"),
        ('{"stride":"2"}', "stride is a string, expected a whole number"),
        ('{"model":"shot"}', "model is refused"),
        ('{"min_frames":5}', "min_frames is 5, expected 6 to 30"),
        ('{"min_frames":31}', "min_frames is 31, expected 6 to 30"),
        ('{"strid":1}', "Object contains unknown field `strid`"),
    ],
)
def test_an_opening_message_that_is_none_is_refused_by_field(text: str, sentence: str) -> None:
    with pytest.raises(SessionClosed, match=sentence) as over:
        parse_open_message(text.encode(), CARD)
    assert over.value.close_code == 1007


def test_an_empty_opening_message_means_the_defaults() -> None:
    assert parse_open_message(b"{}", CARD) == OpenMessage(encoding="fp16", stride=1, min_frames=None, reset_after=0)
    ready = session().ready("1")
    assert (ready.seq_len, ready.min_frames, ready.feature_dim) == (30, 6, 84)


@pytest.mark.parametrize(
    ("opening", "message", "frames"),
    [
        ({}, packed(np.full((30, 84), np.nan)), 30),
        ({}, packed(np.full((7, 84), np.inf), 5), 7),
        ({"stride": 0}, packed(FRAMES[:5], 5), 5),
        ({"encoding": "json"}, '{"frame":[0.1]}', 1),
        ({}, '{"type":"predict"}', 0),
    ],
)
def test_a_refused_message_counts_with_all_its_frames(
    opening: dict[str, Any], message: bytes | str, frames: int
) -> None:
    live = session(**opening)
    with pytest.raises(InvalidInput):
        take(live, message)
    assert live.frames == frames


def test_what_is_to_be_told_comes_in_the_order_of_the_messages_and_the_newest_window_has_one_turn() -> None:
    live = session()
    error = InvalidInput("no")
    live.feed_binary(packed(FRAMES[:6], 6))
    live.number = 7
    live.reject(error)
    live.feed_binary(packed(FRAMES[7], 8))
    live.number = 9
    live.reject(error)
    told = []
    while live.due:
        told.append(live.next_window())
    assert [(type(due), due.number) for due in told] == [
        (RejectedMessage, 7),
        (PendingWindow, 8),
        (RejectedMessage, 9),
    ]
    assert isinstance(told[1], PendingWindow)
    assert told[1].skipped == 1


def test_a_session_may_send_its_rate_for_ever_and_a_second_of_it_at_once_but_no_more() -> None:
    steady = FrameRate(30, 0.0)
    for index in range(3000):
        steady.spend(1, index / 30)
    burst = FrameRate(30, 0.0)
    burst.spend(30, 0.0)
    burst.spend(15, 0.5)
    with pytest.raises(SessionClosed, match="more than 30 frames a second came") as over:
        burst.spend(1, 0.5)
    assert over.value.close_code == 1008
