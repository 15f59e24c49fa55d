"""From a request body to checked arrays. Knows JSON and landmarks, nothing of HTTP, batches or models.

Every failure is an ``InvalidInput`` that names the field, what was found and what was expected.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from landmarks.hands import HANDS, apply_mask, compute_presence
from landmarks.models.card import ModelCard
from landmarks.protocol.tensors import PRESENCE, SEQUENCE
from serve_app.errors import InvalidInput
from serve_app.schemas import Tensors
from serve_app.validation import LARGEST, check_numbers, decode_json, to_matrix

Frames = list[list[float]]
Mask = list[list[bool | float]]


class PredictRequest(msgspec.Struct):
    """The body of ``POST /predict``: T frames of F numbers, and which hand is there in each frame."""

    sequence: Annotated[
        Frames,
        Meta(description="T frames of F numbers: the left hand's 21 points, then the right's; an absent hand is 0"),
    ]
    mask: Annotated[
        Mask | None,
        Meta(description="[left, right] a frame, 0..1 or true and false; multiplies that hand's numbers"),
    ] = None


_predict_decoder = msgspec.json.Decoder(PredictRequest)


def parse_window(body: bytes, card: ModelCard) -> Tensors:
    """Decode and check a ``/predict`` body for the model that ``card`` describes.

    Returns:
        ``sequence`` float32 ``(T, F)`` with the mask multiplied in, and ``presence`` float32 ``(T, 2)``: 1 for each
        hand that has a number other than zero after that.

    Raises:
        InvalidInput: the body isn't such a window.
    """
    request = decode_json(body, _predict_decoder)
    return check_window(request.sequence, request.mask, card)


def check_window(sequence: Frames, mask: Mask | None, card: ModelCard) -> Tensors:
    """Check a decoded window against a card and apply its mask; returns and raises as ``parse_window``."""
    frames = len(sequence)
    if not card.min_seq_len <= frames <= card.seq_len:
        raise InvalidInput(f"sequence has {frames} frames, expected {card.min_seq_len} to {card.seq_len}")
    window = to_matrix("sequence", sequence)
    if window.shape[1] != card.feature_dim:
        raise InvalidInput(
            f"sequence has {window.shape[1]} numbers a frame, expected feature_dim = {card.feature_dim}"
            f" ({len(HANDS)} hands × 21 points × {'x, y, z' if card.use_z else 'x, y'})"
        )
    check_numbers("sequence", window, -LARGEST, LARGEST)
    if mask is not None:
        if len(mask) != frames:
            raise InvalidInput(f"mask has {len(mask)} frames, expected {frames}, as many as sequence")
        presence = to_matrix("mask", mask)
        if presence.shape[1] != len(HANDS):
            raise InvalidInput(f"mask has {presence.shape[1]} numbers a frame, expected 2: [left, right]")
        check_numbers("mask", presence, 0.0, 1.0)
        window = apply_mask(window, presence)
    return {SEQUENCE: window, PRESENCE: compute_presence(window)}
