"""Checks that every request body shares: JSON to typed values, and numbers in their range.

Every failure is an ``InvalidInput`` that names the field, what was found and what was expected.
"""

import json
import math
import struct
from collections.abc import Sequence
from itertools import chain
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from landmarks.protocol.validation import format_validation_error
from serve_app.errors import InvalidInput

# Far beyond any coordinate, in pixels too, and small enough that no float32 arithmetic on it overflows.
LARGEST = 1e6

Decoded = TypeVar("Decoded")


def decode_json(body: bytes, decoder: "msgspec.json.Decoder[Decoded]") -> Decoded:
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
    """Decode a body that strict JSON rejects: Python clients write NaN and Infinity, and are told which field.

    Raises:
        InvalidInput: it isn't JSON in that reading either, or as ``decode_json``.
    """
    try:
        return msgspec.convert(json.loads(body), decoder.type, strict=True)
    except msgspec.ValidationError as invalid:
        raise InvalidInput(format_validation_error(invalid)) from error
    except (ValueError, RecursionError):
        raise InvalidInput(f"the body is not JSON: {str(error)[:200]}") from error


def check_numbers(field: str, array: npt.NDArray[np.float32], low: float, high: float) -> None:
    """Check that every number is finite and within ``low..high``.

    Raises:
        InvalidInput: one isn't; the first one is named.
    """
    within = (array >= low) & (array <= high)  # false for NaN too
    if not within.all():
        place = np.argwhere(~within)[0]
        found = float(array[tuple(place)])
        expected = f"a number from {low:g} to {high:g}" if math.isfinite(found) else "a finite number"
        raise InvalidInput(f"{field}{''.join(f'[{index}]' for index in place)} is {found:g}, expected {expected}")


def to_matrix(field: str, rows: Sequence[Sequence[float]]) -> npt.NDArray[np.float32]:
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
        with np.errstate(over="ignore"):  # check_numbers rejects what overflows to infinity
            return np.array(rows, dtype=np.float32).reshape(len(rows), width)
    return np.frombuffer(packed, dtype=np.float32).reshape(len(rows), width)
