"""Where the tensors of an Open Inference v2 message lie: declared in its JSON, with their numbers there or behind it.

Requests and responses declare tensors alike; their other fields are in ``open_inference.py``.
"""

from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

import msgspec
import numpy as np

from landmarks.protocol.tensors import (
    Array,
    ProtocolError,
    count_elements,
    get_float_type,
    parse_floats,
    parse_raw_texts,
    parse_texts,
)

MAX_TENSORS: Final = 64

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class TensorParameters(msgspec.Struct, frozen=True):
    """The parameters of a declared tensor that this protocol's extensions know; others are ignored."""

    binary_data_size: Int64 | None = None
    shared_memory_region: str | None = None


class DeclaredTensor(msgspec.Struct, frozen=True):
    """A tensor as a message's JSON declares it."""

    name: str
    shape: list[Int64]
    datatype: str
    parameters: TensorParameters = TensorParameters()
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class RawTensor(NamedTuple):
    """A tensor whose bytes lie behind the JSON, ``offset`` bytes after its end."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    elements: int
    offset: int
    size: int


class JsonTensor(NamedTuple):
    """A tensor whose numbers are in the JSON."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: msgspec.Raw


class TensorLayout(NamedTuple):
    """A message's tensors, checked: those behind its JSON, those in it, and the bytes behind it in all."""

    raw: tuple[RawTensor, ...]
    in_json: tuple[JsonTensor, ...]
    size: int


def parse_layout(declared: Sequence[DeclaredTensor], field: str) -> TensorLayout:
    """Check a message's declared tensors; ``field`` is ``inputs`` or ``outputs``.

    Raises:
        ProtocolError: a name twice, a shape or a size that can't be, or numbers neither in the JSON nor behind it.
    """
    if len(declared) > MAX_TENSORS:
        raise ProtocolError(f"{field} has {len(declared)} tensors, expected at most {MAX_TENSORS}")
    raw: list[RawTensor] = []
    in_json: list[JsonTensor] = []
    names: set[str] = set()
    end = 0
    for index, tensor in enumerate(declared):
        here = f"{field}[{index}]"
        if tensor.name in names:
            raise ProtocolError(f"{here}.name is {tensor.name[:100]!r}, expected each tensor once")
        names.add(tensor.name)
        if tensor.parameters.shared_memory_region is not None:
            raise ProtocolError(f"{here}.parameters has a shared_memory_region, expected the numbers in the body")
        shape, size = tuple(tensor.shape), tensor.parameters.binary_data_size
        count = count_elements(here, shape)
        if isinstance(tensor.data, msgspec.Raw):
            if size is not None:
                raise ProtocolError(f"{here} has both data and binary_data_size, expected one")
            in_json.append(JsonTensor(tensor.name, tensor.datatype, shape, tensor.data))
            continue
        if size is None:
            raise ProtocolError(f"{here} has neither data nor binary_data_size, expected one")
        if size < 0:
            raise ProtocolError(f"{here}.parameters.binary_data_size is {size}, expected 0 or more")
        if tensor.datatype != "BYTES":
            expected = count * get_float_type(here, tensor.datatype).itemsize
            if size != expected:
                raise ProtocolError(
                    f"{here}.parameters.binary_data_size is {size}, expected {expected} "
                    f"for shape {tensor.shape} of {tensor.datatype}"
                )
        raw.append(RawTensor(tensor.name, tensor.datatype, shape, count, end, size))
        end += size
    return TensorLayout(tuple(raw), tuple(in_json), end)


def read_tensors(layout: TensorLayout, body: bytes, end: int) -> dict[str, Array | list[bytes]]:
    """The tensors of a message whose JSON ends at ``end``: float32 arrays, and the elements of BYTES tensors.

    Raises:
        ProtocolError: the body is longer or shorter than declared, or a tensor isn't what its declaration says.
    """
    if end + layout.size != len(body):
        raise ProtocolError(f"the body has {len(body) - end} bytes behind its JSON, its tensors declare {layout.size}")
    tensors: dict[str, Array | list[bytes]] = {}
    for name, datatype, shape, elements, offset, size in layout.raw:
        if datatype == "BYTES":
            tensors[name] = parse_raw_texts(name, memoryview(body)[end + offset : end + offset + size], elements)
        else:
            numbers = np.frombuffer(body, get_float_type(name, datatype), elements, end + offset)
            tensors[name] = numbers.astype(np.float32).reshape(shape)
    for name, datatype, shape, data in layout.in_json:
        if datatype == "BYTES":
            tensors[name] = parse_texts(name, shape, data)
        else:
            tensors[name] = parse_floats(name, datatype, shape, data)
    return tensors
