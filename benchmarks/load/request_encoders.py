"""How one window is sent: over HTTP in two encodings, each a request and the prediction in its response.

A live session (``STREAM``) is an encoding too, but no request: ``stream_connection.py`` speaks it.
"""

import json
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np

from edge_client.service.request_encoding import DECIMALS, EncodedRequest, decode_fp16, decode_json, encode_fp16
from landmarks.hands import Array, compute_presence
from landmarks.protocol.open_inference import HEADER_LENGTH
from landmarks.protocol.predictions import Prediction

STREAM: Final = "stream"


class RequestEncoder(NamedTuple):
    """``encode`` makes a request of a window ``(T, 84)``; ``decode`` takes the response's body and headers.

    ``tolerance`` is how far a probability may be from that of the same model asked in JSON.
    """

    encode: Callable[[Array], EncodedRequest]
    decode: Callable[[bytes, Mapping[str, str]], Prediction]
    tolerance: float


def encode_json(window: Array) -> EncodedRequest:
    """``POST /predict`` as ``requests`` writes JSON: 25 KB."""
    sequence = np.round(window.astype(np.float64), DECIMALS).tolist()
    body = json.dumps({"sequence": sequence, "mask": compute_presence(window).tolist()}).encode()
    return EncodedRequest("/predict", {"Content-Type": "application/json"}, body)


def decode_tensors(body: bytes, headers: Mapping[str, str]) -> Prediction:
    """The prediction in a response of ``/v2``."""
    return decode_fp16(body, headers.get(HEADER_LENGTH.lower()))


# Float32 sums in another order, through a batch of another size, differ far less than 0.001; another model differs far
# more. FP16 moves a point by up to a quarter of a pixel, and with it the prediction.
ENCODERS: Final = {
    "json": RequestEncoder(encode_json, lambda body, _: decode_json(body), 1e-3),
    "fp16": RequestEncoder(lambda window: encode_fp16(window, None), decode_tensors, 2e-2),
}
