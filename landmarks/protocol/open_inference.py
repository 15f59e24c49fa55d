"""Open Inference Protocol v2 messages: inference requests and responses, as JSON or with raw tensors behind the JSON.

Both sides use it: the service reads requests and writes responses, the Raspberry Pi the other way round. It knows no
HTTP; ``HEADER_LENGTH`` is the header that says how many of a body's bytes are JSON. Whatever bytes come, the outcome
is a message or a ``ProtocolError``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import numpy.typing as npt

from landmarks.protocol.binary_tensors import (
    MAX_TENSORS,
    DeclaredTensor,
    Int64,
    TensorLayout,
    parse_layout,
    read_tensors,
)
from landmarks.protocol.tensors import Array, Datatype, ProtocolError, encode_raw_floats, encode_raw_texts
from landmarks.protocol.validation import format_validation_error

HEADER_LENGTH: Final = "Inference-Header-Content-Length"

# A client's JSON header is the same each time unless it numbers its requests: parsed headers are cached.
CACHED_HEADER_BYTES: Final = 1024
CACHED_HEADERS: Final = 256

Head = TypeVar("Head", bound=msgspec.Struct)


class OutputParameters(msgspec.Struct, frozen=True):
    """How to send an output; `classification` and `shared_memory_region` are refused."""

    binary_data: bool | None = None
    classification: Int64 | None = None
    shared_memory_region: str | None = None


class RequestedOutput(msgspec.Struct, frozen=True):
    """An output that the client asks for."""

    name: str
    parameters: OutputParameters = OutputParameters()


class RequestParameters(msgspec.Struct, frozen=True):
    """`binary_data_output`: send every output as bytes behind the JSON; `vocabulary`: the one that names gestures."""

    binary_data_output: bool = False
    vocabulary: str | None = None


class RequestHead(msgspec.Struct, frozen=True):
    """The JSON of an inference request; without `outputs` it asks for all of them. `id` comes back in the response."""

    inputs: list[DeclaredTensor]
    id: str | None = None
    outputs: list[RequestedOutput] | None = None
    parameters: RequestParameters = RequestParameters()


class ResponseParameters(msgspec.Struct, frozen=True):
    """What the service adds to a response."""

    elapsed_ms: float = 0.0


class ResponseHead(msgspec.Struct, frozen=True):
    """The JSON of an inference response."""

    model_name: str
    outputs: list[DeclaredTensor]
    model_version: str = ""
    id: str | None = None
    parameters: ResponseParameters = ResponseParameters()


class WantedOutput(NamedTuple):
    """An output that the client asks for, as raw bytes or as JSON."""

    name: str
    binary: bool


class _RequestLayout(NamedTuple):
    """The JSON part of a request, checked."""

    id: str | None
    tensors: TensorLayout
    outputs: tuple[WantedOutput, ...] | None
    binary_output: bool
    vocabulary: str | None


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A request: float32 arrays, or the elements of BYTES, by name; and the outputs it asks for, None being all.

    ``vocabulary`` is the name of the one that is to name the gestures.
    """

    tensors: dict[str, Array | list[bytes]]
    id: str | None = None
    outputs: tuple[WantedOutput, ...] | None = None
    binary_output: bool = False
    vocabulary: str | None = None


@dataclass(frozen=True, slots=True)
class InferResponse:
    """A response: float32 arrays and lists of bytes by name, and which model answered."""

    model_name: str
    model_version: str
    tensors: dict[str, Array | list[bytes]]
    id: str | None = None
    elapsed_ms: float = 0.0


def decode_request(body: bytes, header_length: int | None = None) -> InferRequest:
    """Read a request; ``header_length`` is the number of bytes of JSON, None when all of it is.

    Raises:
        ProtocolError: it isn't one, or its tensors aren't float tensors of the declared shape and size.
    """
    end = _header_end(body, header_length)
    if header_length is not None and end <= CACHED_HEADER_BYTES:
        layout = _known_request(body[:end])
    else:
        layout = _read_request(body[:end])
    tensors = read_tensors(layout.tensors, body, end)
    return InferRequest(tensors, layout.id, layout.outputs, layout.binary_output, layout.vocabulary)


def encode_request(
    tensors: Mapping[str, Array], datatype: Datatype = "FP32", outputs: Sequence[str] = ()
) -> tuple[bytes, int]:
    """Write a request with raw float tensors that asks for raw ``outputs``, by default for all of them.

    Returns:
        The body, and the number of its bytes that are JSON.

    Raises:
        ProtocolError: a number that isn't finite, or that ``datatype`` can't hold.
    """
    raws = [encode_raw_floats(name, datatype, array) for name, array in tensors.items()]
    shapes = tuple((name, array.shape, len(raw)) for (name, array), raw in zip(tensors.items(), raws, strict=True))
    head = _request_head(shapes, datatype, tuple(outputs))
    return b"".join((head, *raws)), len(head)


def decode_response(body: bytes, header_length: int | None = None) -> InferResponse:
    """Read a response; ``header_length`` as for ``decode_request``.

    Raises:
        ProtocolError: it isn't one.
    """
    end = _header_end(body, header_length)
    head = _decode(body[:end], _response_decoder)
    tensors = read_tensors(parse_layout(head.outputs, "outputs"), body, end)
    return InferResponse(head.model_name, head.model_version, tensors, head.id, head.parameters.elapsed_ms)


def encode_response(
    tensors: Mapping[str, npt.NDArray[Any]],
    wanted: Sequence[WantedOutput],
    *,
    model_name: str,
    model_version: str,
    request_id: str | None,
    elapsed_ms: float,
) -> tuple[bytes, int | None]:
    """Write a response with the ``wanted`` ones of ``tensors``: float32 arrays, and arrays of bytes (dtype ``S``).

    Returns:
        The body, and the number of its bytes that are JSON; None when all of them are.
    """
    entries: list[tuple[str, str, tuple[int, ...], int | None]] = []
    in_json: list[list[Any] | None] = []
    raws: list[bytes] = []
    for name, binary in wanted:
        tensor = tensors[name]
        texts = tensor.dtype.kind == "S"
        if binary:
            raws.append(
                encode_raw_texts(tensor.ravel().tolist()) if texts else tensor.astype("<f4", copy=False).tobytes()
            )
            in_json.append(None)
        else:
            numbers = tensor.ravel().tolist()
            in_json.append([text.decode() for text in numbers] if texts else numbers)
        entries.append((name, "BYTES" if texts else "FP32", tensor.shape, len(raws[-1]) if binary else None))
    declared = tuple(entries)
    if len(raws) == len(entries):
        head = _raw_response_head(model_name, model_version, declared)
    else:
        head = _response_head(model_name, model_version, declared, in_json)
    named = b"" if request_id is None else b',"id":' + msgspec.json.encode(request_id)
    head = b'%s%s,"parameters":{"elapsed_ms":%.3f}}' % (head, named, elapsed_ms)
    return b"".join((head, *raws)), len(head) if raws else None


_request_decoder: Final = msgspec.json.Decoder(RequestHead)
_response_decoder: Final = msgspec.json.Decoder(ResponseHead)


def _header_end(body: bytes, header_length: int | None) -> int:
    if header_length is None:
        return len(body)
    if not 0 <= header_length <= len(body):
        raise ProtocolError(f"{HEADER_LENGTH} is {header_length}, expected at most the body's {len(body)} bytes")
    return header_length


def _read_request(header: bytes) -> _RequestLayout:
    head = _decode(header, _request_decoder)
    binary, vocabulary = head.parameters.binary_data_output, head.parameters.vocabulary
    outputs = _wanted(head.outputs, binary)
    return _RequestLayout(head.id, parse_layout(head.inputs, "inputs"), outputs, binary, vocabulary)


_known_request: Final = lru_cache(CACHED_HEADERS)(_read_request)


def _decode(header: bytes, decoder: "msgspec.json.Decoder[Head]") -> Head:
    try:
        return decoder.decode(header)
    except msgspec.ValidationError as error:
        raise ProtocolError(format_validation_error(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"the message is not JSON: {str(error)[:200]}") from error


def _wanted(outputs: Sequence[RequestedOutput] | None, binary: bool) -> tuple[WantedOutput, ...] | None:
    """The outputs that a request asks for; None when it leaves the choice to the service."""
    if not outputs:
        return None
    if len(outputs) > MAX_TENSORS:
        raise ProtocolError(f"outputs has {len(outputs)} tensors, expected at most {MAX_TENSORS}")
    wanted: dict[str, WantedOutput] = {}
    for index, output in enumerate(outputs):
        given = output.parameters
        if output.name in wanted:
            raise ProtocolError(f"outputs[{index}].name is {output.name[:100]!r}, expected each tensor once")
        for name, value in (
            ("classification", given.classification),
            ("shared_memory_region", given.shared_memory_region),
        ):
            if value is not None:
                raise ProtocolError(f"outputs[{index}].parameters has {name}, expected binary_data or nothing")
        wanted[output.name] = WantedOutput(output.name, binary if given.binary_data is None else given.binary_data)
    return tuple(wanted.values())


@lru_cache(CACHED_HEADERS)
def _request_head(
    shapes: tuple[tuple[str, tuple[int, ...], int], ...], datatype: Datatype, outputs: tuple[str, ...]
) -> bytes:
    head: dict[str, Any] = {
        "inputs": [
            {"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": size}}
            for name, shape, size in shapes
        ],
        "parameters": {"binary_data_output": True},
    }
    if outputs:
        head["outputs"] = [{"name": name} for name in outputs]
    return msgspec.json.encode(head)


def _response_head(
    model_name: str,
    model_version: str,
    outputs: tuple[tuple[str, str, tuple[int, ...], int | None], ...],
    in_json: Sequence[list[Any] | None],
) -> bytes:
    """A response's JSON without its end, to which ``id`` and ``parameters`` are added."""
    entries = [
        {"name": name, "datatype": datatype, "shape": shape}
        | ({"data": data} if size is None else {"parameters": {"binary_data_size": size}})
        for (name, datatype, shape, size), data in zip(outputs, in_json, strict=True)
    ]
    head = {"model_name": model_name, "model_version": model_version, "outputs": entries}
    return msgspec.json.encode(head)[:-1]


@lru_cache(CACHED_HEADERS)
def _raw_response_head(
    model_name: str, model_version: str, outputs: tuple[tuple[str, str, tuple[int, ...], int | None], ...]
) -> bytes:
    return _response_head(model_name, model_version, outputs, [None] * len(outputs))
