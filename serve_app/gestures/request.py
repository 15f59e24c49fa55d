"""From a request body to checked arrays. Knows JSON and landmarks, nothing of HTTP, batches or models.

Every refusal is an ``InvalidInput`` whose sentence names the field, what was found and what was expected.
"""

import json
import math
import struct
from collections.abc import Sequence
from itertools import chain
from typing import Annotated, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from landmarks.hands import HANDS, apply_mask, compute_presence
from landmarks.models.card import ModelCard
from landmarks.protocol.tensors import PRESENCE, SEQUENCE
from landmarks.protocol.validation import format_validation_error
from serve_app.errors import InvalidInput
from serve_app.schemas import Tensors

# Far beyond any coordinate, in pixels too, and small enough that no float32 arithmetic on it overflows.
LARGEST = 1e6

Frames = list[list[float]]
Mask = list[list[bool | float]]
Decoded = TypeVar("Decoded")


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


def gesture_window(body: bytes, card: ModelCard) -> Tensors:
    """Decode and check a ``/predict`` body for the model that ``card`` describes.

    Returns:
        ``sequence`` float32 ``(T, F)`` with the mask multiplied in, and ``presence`` float32 ``(T, 2)``: 1 for each
        hand that has a number other than zero after that.

    Raises:
        InvalidInput: the body isn't such a window.
    """
    request = decode(body, _predict_decoder)
    return check_window(request.sequence, request.mask, card)


def check_window(sequence: Frames, mask: Mask | None, card: ModelCard) -> Tensors:
    """Check a decoded window against a card and apply its mask; returns and raises as ``gesture_window``."""
    frames = len(sequence)
    if not card.min_seq_len <= frames <= card.seq_len:
        raise InvalidInput(f"sequence has {frames} frames, expected {card.min_seq_len} to {card.seq_len}")
    window = matrix("sequence", sequence)
    if window.shape[1] != card.feature_dim:
        raise InvalidInput(
            f"sequence has {window.shape[1]} numbers a frame, expected feature_dim = {card.feature_dim}"
            f" ({len(HANDS)} hands × 21 points × {'x, y, z' if card.use_z else 'x, y'})"
        )
    check_numbers("sequence", window, -LARGEST, LARGEST)
    if mask is not None:
        if len(mask) != frames:
            raise InvalidInput(f"mask has {len(mask)} frames, expected {frames}, as many as sequence")
        presence = matrix("mask", mask)
        if presence.shape[1] != len(HANDS):
            raise InvalidInput(f"mask has {presence.shape[1]} numbers a frame, expected 2: [left, right]")
        check_numbers("mask", presence, 0.0, 1.0)
        window = apply_mask(window, presence)
    return {SEQUENCE: window, PRESENCE: compute_presence(window)}


def matrix(field: str, rows: Sequence[Sequence[float]]) -> npt.NDArray[np.float32]:
    """Rows of equal length as a float32 array.

    Raises:
        InvalidInput: a row's length differs from the first row's.
    """
    width = len(rows[0]) if rows else 0
    for index, row in enumerate(rows):
        if len(row) != width:
            raise InvalidInput(
                f"{field}[{index}] has {len(row)} numbers, expected {width} like {field}[0]: every frame has the same"
            )
    try:  # struct reads Python's numbers three times as fast as numpy does
        packed = struct.pack(f"={len(rows) * width}f", *chain.from_iterable(rows))
    except OverflowError:
        with np.errstate(over="ignore"):  # what overflows to infinity is refused by check_numbers
            return np.array(rows, dtype=np.float32).reshape(len(rows), width)
    return np.frombuffer(packed, dtype=np.float32).reshape(len(rows), width)


def check_numbers(field: str, array: npt.NDArray[np.float32], low: float, high: float) -> None:
    """Refuse numbers that aren't finite or lie outside ``low..high``, naming the first one.

    Raises:
        InvalidInput: as said.
    """
    within = (array >= low) & (array <= high)  # false for NaN too
    if not within.all():
        place = np.argwhere(~within)[0]
        found = float(array[tuple(place)])
        expected = f"a number from {low:g} to {high:g}" if math.isfinite(found) else "a finite number"
        raise InvalidInput(f"{field}{''.join(f'[{index}]' for index in place)} is {found:g}, expected {expected}")


def decode(body: bytes, decoder: "msgspec.json.Decoder[Decoded]") -> Decoded:
    """Decode a JSON body to a typed value.

    Raises:
        InvalidInput: the body isn't JSON, or a field is missing or of another type.
    """
    if not body:
        raise InvalidInput("the body is empty, expected a JSON object")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidInput(format_validation_error(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return decode_leniently(body, decoder, error)


def decode_leniently(body: bytes, decoder: "msgspec.json.Decoder[Decoded]", error: Exception) -> Decoded:
    """Decode a body that strict JSON refused: Python clients write NaN and Infinity, and are told which field.

    Raises:
        InvalidInput: it isn't JSON in that reading either, or as ``decode``.
    """
    try:
        return msgspec.convert(json.loads(body), decoder.type, strict=True)
    except msgspec.ValidationError as invalid:
        raise InvalidInput(format_validation_error(invalid)) from error
    except (ValueError, RecursionError):
        raise InvalidInput(f"the body is not JSON: {str(error)[:200]}") from error
