"""The protocol of ``WS /stream``: its messages, both ways, and the close codes that end a session.

The contract is docs/stream-protocol.md.

Data only. What a service does with a message is ``serve_app/api/stream``; what a client sends when, the edge's
``stream_client.py``.
"""

import struct
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from landmarks.protocol.metadata import WindowSpec
from landmarks.protocol.predictions import Prediction

PATH: Final = "/stream"
SUBPROTOCOL: Final = "helen.v1"
KEY_SUBPROTOCOL: Final = "helen.key."  # before the API key in base64url: a browser can't set headers

Encoding = Literal["fp16", "fp32", "json"]
DTYPES: Final[dict[str, np.dtype[Any]]] = {"fp16": np.dtype("<f2"), "fp32": np.dtype("<f4")}

FRAME_NUMBER: Final = struct.Struct("<I")
MAX_FRAME_NUMBER: Final = 2**32 - 1
MAX_TEXT_BYTES: Final = 16_384  # 126 numbers of 17 digits and a mask take 2.5 KB
FrameNumber = Annotated[int, Meta(ge=0, le=MAX_FRAME_NUMBER)]

# Close codes of RFC 6455 and its registry; 4408 is ours, after HTTP's 408.
UNSUPPORTED_DATA: Final = 1003
INVALID_DATA: Final = 1007
POLICY_VIOLATION: Final = 1008
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
SERVICE_RESTART: Final = 1012
TRY_AGAIN_LATER: Final = 1013
IDLE: Final = 4408

# The code of the error message that comes before a close of the service's.
CLOSE_REASONS: Final = {
    UNSUPPORTED_DATA: "unsupported_data",
    INVALID_DATA: "invalid_input",
    POLICY_VIOLATION: "too_many_frames",
    TOO_BIG: "message_too_large",
    INTERNAL_ERROR: "internal",
    SERVICE_RESTART: "model_changed",
    IDLE: "idle",
}


class OpenMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The first message of a client.

    ``stride``: a prediction every so many frames; 0: only when asked. ``min_frames``: frames from which on a window is
    worth a prediction, by default the model's ``min_seq_len``. ``reset_after``: frames without a hand in a row that
    empty the window, which then begins with a hand; 0: never.
    """

    model: Literal["gesture"] = "gesture"
    encoding: Encoding = "fp16"
    stride: Annotated[int, Meta(ge=0, le=1000)] = 1
    min_frames: Annotated[int, Meta(ge=1)] | None = None
    reset_after: Annotated[int, Meta(ge=0, le=1000)] = 0


class TextMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A later message of a client in JSON: a frame (encoding ``json`` only), a reset, or a request for a prediction."""

    type: Literal["frame", "reset", "predict"] = "frame"
    frame: list[float] | None = None
    mask: list[bool | float] | None = None
    n: FrameNumber | None = None
    frames: Annotated[int, Meta(ge=1)] | None = None


class ReadyMessage(WindowSpec, frozen=True, kw_only=True, tag_field="type", tag="ready"):
    """The service's reply to the opening message: the session's settings, and what its model takes and gives."""

    version: str | None
    model: str
    encoding: Encoding
    stride: int
    min_frames: int
    reset_after: int


class StreamPrediction(Prediction, frozen=True, kw_only=True):
    """The service's reply to a window: the number of its last frame, how many it has, and the windows it overtook."""

    frame: int
    frames: int
    skipped: int = 0


class ErrorMessage(msgspec.Struct, frozen=True, tag_field="type", tag="error", omit_defaults=True):
    """The service's message in place of a prediction; without a ``frame`` the session ends."""

    error: str
    code: str
    request_id: str = ""
    frame: int | None = None


def pack_frames(frames: npt.NDArray[np.float32], encoding: str = "fp16", number: int | None = None) -> bytes:
    """The binary message of frames ``(T, F)``, oldest first; ``number`` is the client's own of the last one."""
    packed = frames.astype(DTYPES[encoding]).tobytes()
    return packed if number is None else FRAME_NUMBER.pack(number) + packed


def encode_prediction(prediction: bytes, *, frame: int, frames: int, skipped: int, elapsed_ms: float) -> str:
    """The text of a ``StreamPrediction``, from the JSON of its ``ModelPrediction``."""
    added = (frame, frames, skipped, elapsed_ms)
    return (prediction[:-1] + b',"frame":%d,"frames":%d,"skipped":%d,"elapsed_ms":%.3f}' % added).decode()


def is_prediction(message: bytes) -> bool:
    """Whether a message of the service is a ``StreamPrediction``, which has no ``type``."""
    return message.startswith(b'{"prediction"')
