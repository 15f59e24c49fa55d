"""Tensors of the Open Inference Protocol v2: what one is called, and its numbers as raw bytes or as JSON.

Raw bytes are little-endian and row-major, as the protocol's binary extension says. Messages made of tensors are
``open_inference.py``. Floats are float32 in memory, whatever they were on the way.
"""

import math
import struct
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from landmarks.protocol.validation import format_validation_error

Array = npt.NDArray[np.float32]
Datatype = Literal["FP32", "FP16", "BYTES"]

# What the models' tensors are called.
SEQUENCE: Final = "sequence"  # float32 (B, T, F): windows of hands
PRESENCE: Final = "presence"  # float32 (B, T, 2): which hand is there
POSES: Final = "x"  # float32 (B, T, 33, 3): windows of bodies
EMBEDDING: Final = "embedding"  # float32 (B, E), unit vectors
LOGITS: Final = "logits"  # float32 (B, C), C being the card's class_labels
PREDS: Final = "preds"  # float32 (B, 2): ite and delay_ms of a shot
PROBABILITIES: Final = "probabilities"  # float32 (B, C), of the service
LABEL: Final = "label"  # BYTES (B,), of the service

# Floats on the wire, by datatype; each is read to float32.
FLOATS: Final[dict[str, np.dtype[Any]]] = {"FP32": np.dtype("<f4"), "FP16": np.dtype("<f2")}
MAX_RANK: Final = 8
MAX_ELEMENTS: Final = 16 * 1024 * 1024
LARGEST_FP16: Final = float(np.finfo(np.float16).max)

_LENGTH: Final = struct.Struct("<I")


class ProtocolError(ValueError):
    """A message or tensor that can't be read or written: the message names the field, found and expected."""


class TensorSpec(msgspec.Struct, frozen=True):
    """A tensor of a model: its name, its datatype, and its shape, in which -1 is any length."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]


def count_elements(field: str, shape: Sequence[int]) -> int:
    """The number of elements of a shape that a message declares.

    Raises:
        ProtocolError: a negative length, more than 8 axes, or more than 16 million elements.
    """
    if len(shape) > MAX_RANK:
        raise ProtocolError(f"{field}.shape has {len(shape)} axes, expected at most {MAX_RANK}")
    for axis, length in enumerate(shape):
        if length < 0:
            raise ProtocolError(f"{field}.shape[{axis}] is {length}, expected 0 or more")
    count = math.prod(shape)  # Python's integers: a product can't overflow
    if count > MAX_ELEMENTS:
        raise ProtocolError(f"{field}.shape has {count} elements, expected at most {MAX_ELEMENTS}")
    return count


def get_float_type(field: str, datatype: str) -> "np.dtype[Any]":
    """How the numbers of a float tensor lie on the wire.

    Raises:
        ProtocolError: the datatype is none of the floats.
    """
    found = FLOATS.get(datatype)
    if found is None:
        raise ProtocolError(f"{field}.datatype is {datatype[:20]!r}, expected FP32 or FP16")
    return found


def parse_floats(field: str, datatype: str, shape: Sequence[int], data: msgspec.Raw) -> Array:
    """A float tensor from its JSON: a flat list of numbers in row-major order, or lists nested as the shape says.

    Raises:
        ProtocolError: it isn't such a list, or has another number of elements.
    """
    kind, count = get_float_type(field, datatype), count_elements(field, shape)
    flat = _decode(field, data, _NESTED[0]) if len(shape) < 2 else _decode_flat(data)
    if flat is None:
        nested = _decode(field, data, _NESTED[len(shape) - 1])
        try:
            numbers = np.array(nested, dtype=np.float64)
        except ValueError as error:
            raise ProtocolError(f"{field}.data has lists of different length, expected shape {list(shape)}") from error
        if numbers.shape != tuple(shape):
            raise ProtocolError(f"{field}.data has shape {list(numbers.shape)}, expected {list(shape)}")
    else:
        if len(flat) != count:
            raise ProtocolError(f"{field}.data has {len(flat)} numbers, expected {count} for shape {list(shape)}")
        numbers = np.array(flat, dtype=np.float64).reshape(shape)
    with np.errstate(over="ignore"):  # what overflows is infinite, which the tensor's user rejects
        return np.asarray(numbers.astype(kind), dtype=np.float32)


def parse_texts(field: str, shape: Sequence[int], data: msgspec.Raw) -> list[bytes]:
    """The elements of a BYTES tensor from its JSON, a flat list of strings.

    Raises:
        ProtocolError: it isn't such a list, or has another number of elements.
    """
    count = count_elements(field, shape)
    texts = _decode(field, data, _TEXTS)
    if len(texts) != count:
        raise ProtocolError(f"{field}.data has {len(texts)} elements, expected {count} for shape {list(shape)}")
    return [text.encode() for text in texts]


def encode_raw_floats(name: str, datatype: Datatype, array: Array) -> bytes:
    """The raw bytes of a float tensor.

    Raises:
        ProtocolError: a number that isn't finite, or that FP16 can't hold.
    """
    kind = get_float_type(name, datatype)
    with np.errstate(over="ignore"):
        raw = np.ascontiguousarray(array, dtype=kind)
    within = np.isfinite(raw)
    if not within.all():
        found = float(np.asarray(array)[~within][0])
        most = LARGEST_FP16 if datatype == "FP16" else float(np.finfo(np.float32).max)
        raise ProtocolError(f"{name} has the number {found:g}, expected finite ones of at most {most:g} for {datatype}")
    return raw.tobytes()


def encode_raw_texts(texts: Sequence[bytes]) -> bytes:
    """The raw bytes of a BYTES tensor: each element's length in 4 bytes, then the element."""
    return b"".join(_LENGTH.pack(len(text)) + text for text in texts)


def parse_raw_texts(field: str, raw: memoryview, count: int) -> list[bytes]:
    """The elements of a BYTES tensor from its raw bytes.

    Raises:
        ProtocolError: the bytes end within an element, or there are more or fewer elements than ``count``.
    """
    texts, at = [], 0
    while at < len(raw):
        if len(raw) - at < _LENGTH.size:
            raise ProtocolError(f"{field} ends within a length, expected {count} elements")
        (length,) = _LENGTH.unpack_from(raw, at)
        at += _LENGTH.size
        if length > len(raw) - at:
            raise ProtocolError(f"{field} has an element of {length} bytes, expected at most the {len(raw) - at} left")
        texts.append(bytes(raw[at : at + length]))
        at += length
    if len(texts) != count:
        raise ProtocolError(f"{field} has {len(texts)} elements, expected {count}")
    return texts


def _nested_decoders() -> tuple["msgspec.json.Decoder[Any]", ...]:
    kind: Any = float
    decoders = []
    for _ in range(MAX_RANK):
        kind = list[kind]
        decoders.append(msgspec.json.Decoder(kind))
    return tuple(decoders)


_NESTED: Final = _nested_decoders()
_TEXTS: Final = msgspec.json.Decoder(list[str])


def _decode(field: str, data: msgspec.Raw, decoder: "msgspec.json.Decoder[Any]") -> list[Any]:
    try:
        decoded: list[Any] = decoder.decode(data)
    except msgspec.ValidationError as error:
        message = format_validation_error(error)
        place = "" if message.startswith("[") else " "
        raise ProtocolError(f"{field}.data{place}{message.removeprefix('the body ')}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"{field}.data is not JSON: {str(error)[:200]}") from error
    return decoded


def _decode_flat(data: msgspec.Raw) -> list[float] | None:
    try:
        flat: list[float] = _NESTED[0].decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return flat
