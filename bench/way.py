"""Way: how one window is asked for over HTTP, as data: path, headers and bytes of the question, and reading the answer.

A live session (``STREAM``) is a way too, but no request: ``stream_load.py`` speaks it.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
import numpy as np

from bench.answer import Prediction, read_json, read_tensors
from bench.window import DECIMALS, json_body
from edge_client.service.request_encoding import EncodedRequest, encode_fp16
from landmarks.hands import Array, compute_presence

STREAM: Final = "stream"


class Way(NamedTuple):
    """A way over HTTP.

    ``question`` makes a request of a window ``(T, 84)``. ``read`` takes who answered, status, body and headers.
    ``tolerance`` is how far a probability may be from that of the same model asked in JSON.
    """

    name: str
    question: Callable[[Array], EncodedRequest]
    read: Callable[[str, int, bytes, dict[str, str]], Prediction]
    tolerance: float


def encode_json(window: Array) -> EncodedRequest:
    """``POST /predict``: 25 KB of JSON."""
    return EncodedRequest("/predict", {"Content-Type": "application/json"}, json_body(window))


def v2_json_question(window: Array) -> EncodedRequest:
    """Open Inference v2 in JSON, with the digits of ``encode_json``."""
    tensors = {
        name: [round(float(number), DECIMALS) for number in array.ravel()]
        for name, array in (("sequence", window), ("presence", compute_presence(window)))
    }
    inputs = [
        {"name": name, "shape": [1, len(window), len(data) // len(window)], "datatype": "FP32", "data": data}
        for name, data in tensors.items()
    ]
    body = msgspec.json.encode({"inputs": inputs})
    return EncodedRequest("/v2/models/gesture/infer", {"Content-Type": "application/json"}, body)


def compact_question(window: Array) -> EncodedRequest:
    """Open Inference v2 with the window as raw FP16, as the Pi sends it: 5 KB."""
    return encode_fp16(np.ascontiguousarray(window), None)


# Float32 sums in another order, through a batch of another size, differ far less than 0.001; another model differs far
# more. FP16 moves a point by up to a quarter of a pixel, and with it the answer.
HTTP_WAYS: Final = {
    way.name: way
    for way in (
        Way("json", encode_json, read_json, 1e-3),
        Way("v2_json", v2_json_question, read_tensors, 1e-3),
        Way("fp16", compact_question, read_tensors, 2e-2),
    )
}
