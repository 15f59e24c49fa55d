"""How one window is sent over HTTP: path, headers and bytes of the request, and the prediction in the response.

A live session (``STREAM``) is an encoding too, but no request: ``stream_connection.py`` speaks it.
"""

import json
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec
import numpy as np

from edge_client.service.model_metadata import Prediction
from edge_client.service.replies import decode_reply
from edge_client.service.request_encoding import DECIMALS, EncodedRequest, decode_fp16, encode_fp16
from landmarks.hands import Array, compute_presence, drop_z
from landmarks.protocol.open_inference import HEADER_LENGTH
from testkit.edge.hands import made_frame, made_hand

STREAM: Final = "stream"
FRAMES: Final = 30


class RequestEncoder(NamedTuple):
    """``encode`` makes a request of a window ``(T, 84)``; ``decode`` takes the response's body and headers.

    ``tolerance`` is how far a probability may be from that of the same model asked in JSON.
    """

    encode: Callable[[Array], EncodedRequest]
    decode: Callable[[bytes, Mapping[str, str]], Prediction]
    tolerance: float


def make_window(seed: int, frames: int = FRAMES) -> Array:
    """A window float32 ``(frames, 84)`` of two hands that circle; the same seed, the same window."""
    generator = np.random.default_rng(seed)
    phases = np.linspace(0, 2 * np.pi, frames) + generator.uniform(0, 2 * np.pi)
    size = generator.uniform(0.1, 0.25)
    hands = [
        made_frame(*(made_hand(x + 0.06 * np.sin(phase), 0.6 + 0.09 * np.cos(phase), size) for x in (0.62, 0.38)))
        for phase in phases
    ]
    noisy = np.stack(hands) + generator.normal(0, 0.003, (frames, 2, 21, 3))
    return drop_z(np.clip(noisy, 0, 1).astype(np.float32).reshape(frames, -1))


def encode_json(window: Array) -> EncodedRequest:
    """``POST /predict`` as ``requests`` writes JSON: 25 KB."""
    sequence = np.round(window.astype(np.float64), DECIMALS).tolist()
    body = json.dumps({"sequence": sequence, "mask": compute_presence(window).tolist()}).encode()
    return EncodedRequest("/predict", {"Content-Type": "application/json"}, body)


def encode_v2_json(window: Array) -> EncodedRequest:
    """Open Inference v2 in JSON, with the digits of ``encode_json``."""
    inputs = [
        {
            "name": name,
            "shape": [1, *array.shape],
            "datatype": "FP32",
            "data": np.round(array.astype(np.float64), DECIMALS).ravel().tolist(),
        }
        for name, array in (("sequence", window), ("presence", compute_presence(window)))
    ]
    body = msgspec.json.encode({"inputs": inputs})
    return EncodedRequest("/v2/models/gesture/infer", {"Content-Type": "application/json"}, body)


def decode_json(body: bytes, _: Mapping[str, str]) -> Prediction:
    """The prediction in a response of ``POST /predict``."""
    return decode_reply(body, Prediction)


def decode_tensors(body: bytes, headers: Mapping[str, str]) -> Prediction:
    """The prediction in a response of ``/v2``."""
    return decode_fp16(body, headers.get(HEADER_LENGTH.lower()))


# Float32 sums in another order, through a batch of another size, differ far less than 0.001; another model differs far
# more. FP16 moves a point by up to a quarter of a pixel, and with it the prediction.
ENCODERS: Final = {
    "json": RequestEncoder(encode_json, decode_json, 1e-3),
    "v2_json": RequestEncoder(encode_v2_json, decode_tensors, 1e-3),
    "fp16": RequestEncoder(lambda window: encode_fp16(np.ascontiguousarray(window), None), decode_tensors, 2e-2),
}
