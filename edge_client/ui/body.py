"""Request bodies of the local screen: a JSON object, or one message that says why it is none."""

import asyncio
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta
from starlette.requests import ClientDisconnect, Request

from landmarks.protocol.validation import format_validation_error

MAX_BODY_BYTES: Final = 64 * 1024
# Socket.IO looks for binary parts by recursion, two Python frames a level.
MAX_DEPTH: Final = 300
BODY_TIMEOUT_S: Final = 10.0

Coordinate = Annotated[float, Meta(ge=-100, le=100)]
Hand = Annotated[list[tuple[Coordinate, Coordinate, Coordinate]], Meta(min_length=21, max_length=21)]
Share = Annotated[float, Meta(ge=0, le=1)]


class RequestRejected(Exception):
    """A request that is answered with ``status`` and one sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """Where the teaching of a gesture is, as ``types.LessonState``."""

    gesture: Annotated[str, Meta(max_length=200)]
    phase: Literal["get_ready", "now", "seen", "missed"]
    number: Annotated[int, Meta(ge=1, le=1000)]
    count: Annotated[int, Meta(ge=1, le=1000)]
    seconds: Annotated[int, Meta(ge=0, le=60)] = 0
    progress: Share = 0.0


class ClientState(msgspec.Struct, frozen=True, kw_only=True):
    """The client's state as ``state_publisher.describe_state`` makes it. What is left out isn't shown."""

    hands: tuple[Hand | None, Hand | None] = (None, None)
    aspect: Annotated[float, Meta(ge=0.1, le=10)] | None = None
    bars: Annotated[list[tuple[str, Share]], Meta(max_length=100)] = []
    belief: tuple[str, Share] | None = None
    lasting: str | None = None
    source: Literal["cloud", "device"] | None = None
    model_version: str | int | None = None
    connection: Literal["connecting", "online", "offline"] = "connecting"
    has_device: bool = False
    reason: str = ""
    round_trip_ms: Annotated[float, Meta(ge=0)] | None = None
    fps: Annotated[float, Meta(ge=0)] | None = None
    lesson: Lesson | None = None
    advice: Literal["turn_camera"] | None = None


async def read_object(request: Request) -> dict[str, Any]:
    """The body of a request as a JSON object.

    Raises:
        RequestRejected: a body that is too large, too slow, not UTF-8, no JSON object, or nested beyond ``MAX_DEPTH``.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise RequestRejected(413, "body_too_large", f"the body has more than {MAX_BODY_BYTES} bytes")
    except TimeoutError:
        raise RequestRejected(408, "request_timeout", f"the body did not arrive within {BODY_TIMEOUT_S:g} s") from None
    except ClientDisconnect:
        raise RequestRejected(400, "disconnected", "the body ended early") from None
    return parse_object(bytes(body))


def parse_object(body: bytes) -> dict[str, Any]:
    """A body as a JSON object; a byte order mark is passed over.

    Raises:
        RequestRejected: as ``read_object``.
    """
    try:
        text = body.decode("utf-8-sig")
        parsed = msgspec.json.decode(text, type=dict[str, Any])
    except UnicodeDecodeError as error:
        found = f"byte 0x{body[error.start]:02x} at position {error.start}"
        raise _invalid(f"the body is not UTF-8: found {found}, expected a JSON object in UTF-8") from None
    except RecursionError:
        raise _too_deep() from None
    except msgspec.ValidationError as error:
        raise _invalid(f"the body is not a JSON object that can be shown: {format_validation_error(error)}") from None
    except msgspec.DecodeError as error:
        raise _invalid(f"the body is not a JSON object: {error}") from None
    if is_deeper_than(parsed, MAX_DEPTH):
        raise _too_deep()
    return parsed


def is_deeper_than(value: Any, levels: int) -> bool:
    """Whether parsed JSON has objects or lists within each other beyond a number of levels."""
    level = [value]
    for _ in range(levels + 1):
        parents = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        if not parents:
            return False
        level = [child for parent in parents for child in parent]
    return True


def check_state(state: dict[str, Any]) -> None:
    """Check what the page draws; names that it doesn't know are let through.

    Raises:
        RequestRejected: a field of another type, length or range.
    """
    try:
        msgspec.convert(state, ClientState)
    except msgspec.ValidationError as error:
        raise _invalid(format_validation_error(error)) from None


def _invalid(message: str) -> RequestRejected:
    return RequestRejected(400, "invalid_input", message)


def _too_deep() -> RequestRejected:
    return _invalid(f"the body is nested too deeply, expected at most {MAX_DEPTH} levels")
