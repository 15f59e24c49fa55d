"""The messages of ``WS /stream``, typed, and the ways in which a session ends. docs/stream.md is their contract.

Data only: ``stream_session.py`` says what they do, ``routes/stream.py`` carries them.
"""

import struct
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta

from landmarks.models.card import ModelCard
from serve_app.errors import InvalidInput
from serve_app.gestures.request import decode

Encoding = Literal["fp16", "fp32", "json"]
Number = Annotated[int, Meta(ge=0, le=2**32 - 1)]

DTYPES: Final[dict[str, np.dtype[Any]]] = {"fp16": np.dtype("<f2"), "fp32": np.dtype("<f4")}
FRAME_NUMBER: Final = struct.Struct("<I")
MAX_TEXT_BYTES: Final = 16_384  # 126 numbers of 17 digits and a mask take 2.5 KB

# Close codes of RFC 6455 and its registry; 4408 is ours, after HTTP's 408.
UNSUPPORTED_DATA: Final = 1003
INVALID_DATA: Final = 1007
POLICY_VIOLATION: Final = 1008
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
SERVICE_RESTART: Final = 1012
IDLE: Final = 4408

CODES: Final = {
    UNSUPPORTED_DATA: "unsupported_data",
    INVALID_DATA: "invalid_input",
    POLICY_VIOLATION: "too_many_frames",
    TOO_BIG: "message_too_large",
    INTERNAL_ERROR: "internal",
    SERVICE_RESTART: "model_changed",
    IDLE: "idle",
}


class SessionClosed(Exception):
    """The session can't go on: a WebSocket close code and one sentence for people."""

    def __init__(self, close_code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.close_code = close_code
        self.sentence = sentence


class OpenMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first message of a session.

    ``stride``: a prediction every so many frames; 0: only when asked. ``min_frames``: frames from which on a window is
    worth a prediction, by default the model's ``min_seq_len``. ``reset_after``: frames without a hand in a row that
    empty the window, which then begins with a hand; 0: never.
    """

    model: Literal["gesture"] = "gesture"
    encoding: Encoding = "fp16"
    stride: Annotated[int, Meta(ge=0, le=1000)] = 1
    min_frames: Annotated[int, Meta(ge=1)] | None = None
    reset_after: Annotated[int, Meta(ge=0, le=1000)] = 0


class TextMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A later message in JSON: a frame (encoding ``json`` only), a reset, or a request for a prediction."""

    type: Literal["frame", "reset", "predict"] = "frame"
    frame: list[float] | None = None
    mask: list[bool | float] | None = None
    n: Number | None = None
    frames: Annotated[int, Meta(ge=1)] | None = None


_opening_decoder = msgspec.json.Decoder(OpenMessage)
_text_decoder = msgspec.json.Decoder(TextMessage)


def parse_open_message(text: bytes, card: ModelCard) -> OpenMessage:
    """Decode and check a session's first message.

    Raises:
        SessionClosed: it isn't one for this model.
    """
    try:
        opening = decode(text, _opening_decoder)
    except InvalidInput as error:
        raise SessionClosed(INVALID_DATA, error.sentence) from error
    first = opening.min_frames
    if first is not None and not card.min_seq_len <= first <= card.seq_len:
        expected = f"expected {card.min_seq_len} to {card.seq_len}"
        raise SessionClosed(INVALID_DATA, f"min_frames is {first}, {expected}")
    return opening


def read_text(message: bytes) -> TextMessage:
    """Decode a later message in JSON.

    Raises:
        SessionClosed: it is too long, or isn't one.
    """
    if len(message) > MAX_TEXT_BYTES:
        raise SessionClosed(TOO_BIG, f"a message has {len(message)} bytes, expected {MAX_TEXT_BYTES} at most")
    try:
        return decode(message, _text_decoder)
    except InvalidInput as error:
        raise SessionClosed(INVALID_DATA, error.sentence) from error
