"""How a window goes to the service and its answer comes back: as JSON, or as raw FP16 in Open Inference v2.

Numbers and bytes only: ``http_client.py`` sends them. Both answers are the same ``Prediction``.
"""

from typing import Any, Final, Literal, NamedTuple

import msgspec
import numpy as np

from edge_client.service.replies import ResponseError, decode_reply, quote_text
from landmarks.hands import Array, apply_mask
from landmarks.protocol.open_inference import HEADER_LENGTH, decode_response, encode_request
from landmarks.protocol.predictions import Prediction
from landmarks.protocol.tensors import LABEL, PROBABILITIES, SEQUENCE, ProtocolError

Encoding = Literal["fp16", "json"]

# What the service keeps of a number anyway, in a third of the digits.
DECIMALS: Final = 6
# Serve watches for a client that hangs up, to cancel its request. An answer takes milliseconds: watching costs more.
NO_DISCONNECT_WATCH: Final = {"X-Request-Disconnect-Disabled": "?1"}
LONGEST_COUNT: Final = 18


class EncodedRequest(NamedTuple):
    """One window, ready to be posted."""

    path: str
    headers: dict[str, str]
    body: bytes


def encode_json(sequence: Array, mask: Array | None) -> EncodedRequest:
    """A window ``(T, F)`` with an optional mask ``(T, 2)`` for ``POST /predict``."""
    body: dict[str, Any] = {"sequence": np.round(sequence.astype(np.float64), DECIMALS).tolist()}
    if mask is not None:
        body["mask"] = mask.tolist()
    return EncodedRequest(
        "/predict", NO_DISCONNECT_WATCH | {"Content-Type": "application/json"}, msgspec.json.encode(body)
    )


def encode_fp16(sequence: Array, mask: Array | None) -> EncodedRequest:
    """The same for ``/v2``, the mask multiplied in: presence then follows from the zeros, as in ``/predict``.

    In 0..1 of the image FP16 is exact to 0.00025, a quarter of a pixel at 1 000 pixels.

    Raises:
        ValueError: a number that FP16 can't hold.
    """
    window = sequence if mask is None else apply_mask(sequence, mask)
    body, json_bytes = encode_request({SEQUENCE: window[None]}, "FP16", (PROBABILITIES, LABEL))
    headers = NO_DISCONNECT_WATCH | {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(json_bytes)}
    return EncodedRequest("/v2/models/gesture/infer", headers, body)


def decode_json(data: bytes) -> Prediction:
    """What ``POST /predict`` answered.

    Raises:
        ResponseError: it is no prediction.
    """
    return decode_reply(data, Prediction)


def decode_fp16(data: bytes, header_length: str | None) -> Prediction:
    """What ``/v2`` answered to ``encode_fp16``; ``header_length`` is the answer's header of that name.

    Raises:
        ResponseError: it is no prediction.
    """
    try:
        answer = decode_response(data, _byte_count(header_length))
        probabilities, labels = answer.tensors.get(PROBABILITIES), answer.tensors.get(LABEL)
        if not isinstance(probabilities, np.ndarray) or probabilities.ndim != 2 or not probabilities.size:
            raise ResponseError(f"the service's answer has no {PROBABILITIES}, expected one row")
        if not isinstance(labels, list) or len(labels) != 1:
            raise ResponseError(f"the service's answer has no {LABEL}, expected one")
        top = int(probabilities[0].argmax())
        return Prediction(
            prediction=labels[0].decode(),
            probabilities=tuple(probabilities[0].tolist()),
            top_index=top,
            top_probability=float(probabilities[0, top]),
            elapsed_ms=answer.elapsed_ms,
            model_version=answer.model_version,
        )
    except (ProtocolError, ValueError) as error:
        raise ResponseError(f"the service's answer is not a prediction: {quote_text(str(error))}") from error


def _byte_count(text: str | None) -> int | None:
    """A header that counts bytes; ``None`` where it doesn't, so that the whole body is read as JSON."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= LONGEST_COUNT else None
