"""A client's messages of ``WS /stream``, decoded and checked; what isn't one ends the session."""

import msgspec

from landmarks.models.card import ModelCard
from landmarks.protocol.stream import INVALID_DATA, MAX_TEXT_BYTES, TOO_BIG, OpenMessage, TextMessage
from serve_app.errors import InvalidInput
from serve_app.validation import decode_json


class SessionClosed(Exception):
    """The session can't go on: a WebSocket close code and a message for people."""

    def __init__(self, close_code: int, message: str) -> None:
        super().__init__(message)
        self.close_code = close_code
        self.message = message


_open_decoder = msgspec.json.Decoder(OpenMessage)
_text_decoder = msgspec.json.Decoder(TextMessage)


def parse_open_message(text: bytes, card: ModelCard) -> OpenMessage:
    """Decode and check a session's first message.

    Raises:
        SessionClosed: it isn't one for this model.
    """
    try:
        opening = decode_json(text, _open_decoder)
    except InvalidInput as error:
        raise SessionClosed(INVALID_DATA, error.message) from error
    first = opening.min_frames
    if first is not None and not card.min_seq_len <= first <= card.seq_len:
        expected = f"expected {card.min_seq_len} to {card.seq_len}"
        raise SessionClosed(INVALID_DATA, f"min_frames is {first}, {expected}")
    return opening


def parse_text_message(message: bytes) -> TextMessage:
    """Decode a later message in JSON.

    Raises:
        SessionClosed: it is too long, or isn't one.
    """
    if len(message) > MAX_TEXT_BYTES:
        raise SessionClosed(TOO_BIG, f"a message has {len(message)} bytes, expected {MAX_TEXT_BYTES} at most")
    try:
        return decode_json(message, _text_decoder)
    except InvalidInput as error:
        raise SessionClosed(INVALID_DATA, error.message) from error
