"""What ``/v2`` takes: small JSON, and tensors that become checked arrays, one item a row of their batch.

Knows tensors, nothing of HTTP, batches or models. Every failure is an ``InvalidInput`` that names the field, what was
found and what was expected.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from landmarks.hands import Array, compute_presence
from landmarks.models.card import ModelCard
from landmarks.protocol.open_inference import InferRequest, WantedOutput
from landmarks.protocol.tensors import PRESENCE, SEQUENCE, TensorSpec
from serve_app.errors import InvalidInput
from serve_app.schemas import Tensors
from serve_app.validation import LARGEST, check_numbers

RANGES = {PRESENCE: (0.0, 1.0)}


class IndexRequest(msgspec.Struct):
    """The body of ``POST /v2/repository/index``."""

    ready: bool = False


class LoadRequest(msgspec.Struct):
    """The body of ``POST /v2/repository/models/{name}/load``."""

    parameters: dict[str, Any] = {}


def parse_tensor_rows(request: InferRequest, inputs: Sequence[TensorSpec], card: ModelCard, most: int) -> list[Tensors]:
    """Check a request for a model with these ``inputs``, each ``(B, T, ...)`` with at most ``most`` windows B.

    ``presence`` may be left out: it then follows from the zeros, as in ``/predict``. What is given goes to the model
    as it is.

    Returns:
        An item a window, for the gesture model ``sequence`` float32 ``(T, F)`` and ``presence`` float32 ``(T, 2)``.

    Raises:
        InvalidInput: the tensors aren't such windows.
    """
    tensors: Tensors = {}
    for spec in inputs:
        if spec.name in request.tensors:
            tensors[spec.name] = check_tensor(request.tensors[spec.name], spec)
        elif spec.name != PRESENCE:
            raise InvalidInput(f"{spec.name} is missing, expected it in inputs")
    if len(tensors) < len(request.tensors):
        unknown = next(name for name in request.tensors if name not in tensors)
        expected = ", ".join(spec.name for spec in inputs)
        raise InvalidInput(f"inputs has {unknown[:100]!r}, expected {expected}")
    first = next(iter(tensors))
    windows, frames = tensors[first].shape[:2]
    if not 1 <= windows <= most:
        raise InvalidInput(f"{first} has {windows} windows, expected 1 to {most}")
    if not card.min_seq_len <= frames <= card.seq_len:
        raise InvalidInput(f"{first} has {frames} frames, expected {card.min_seq_len} to {card.seq_len}")
    for name, tensor in tensors.items():
        if tensor.shape[:2] != (windows, frames):
            found = list(tensor.shape)
            raise InvalidInput(f"{name} has shape {found}, expected to begin with {[windows, frames]} like {first}")
    if len(tensors) < len(inputs):
        tensors[PRESENCE] = compute_presence(tensors[SEQUENCE])
    return [{name: tensor[row] for name, tensor in tensors.items()} for row in range(windows)]


def check_tensor(tensor: Array | list[bytes], spec: TensorSpec) -> Array:
    """A tensor that fits its spec, with numbers that a model can take.

    Raises:
        InvalidInput: another type or shape, or a number that isn't finite or is out of range.
    """
    if not isinstance(tensor, np.ndarray):
        raise InvalidInput(f"{spec.name} has the datatype BYTES, expected FP32 or FP16")
    shape = tensor.shape
    if len(shape) != len(spec.shape) or any(
        axis not in (-1, length) for axis, length in zip(spec.shape, shape, strict=True)
    ):
        raise InvalidInput(f"{spec.name} has shape {list(shape)}, expected {list(spec.shape)}, -1 being any length")
    low, high = RANGES.get(spec.name, (-LARGEST, LARGEST))
    check_numbers(spec.name, tensor, low, high)
    return tensor


def select_outputs(request: InferRequest, outputs: Sequence[TensorSpec]) -> tuple[WantedOutput, ...]:
    """The outputs to send, in the order in which the client asked for them.

    Raises:
        InvalidInput: it asks for one that there isn't.
    """
    names = [spec.name for spec in outputs]
    if request.outputs is None:
        return tuple(WantedOutput(name, request.binary_output) for name in names)
    for index, wanted in enumerate(request.outputs):
        if wanted.name not in names:
            expected = ", ".join(names)
            raise InvalidInput(f"outputs[{index}].name is {wanted.name[:100]!r}, expected one of: {expected}")
    return request.outputs
