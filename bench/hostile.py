"""Hostile inputs: what a broken or ill-meant client could send to each door of the service, by seed. Sends nothing.

Each is a valid message with something done to it, since plain noise dies in the first line of a decoder. The same seed
and number give the same input, so that one that was counted as a failure can be made again.
"""

import copy
import json
import random
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

from bench.window import made_window
from landmarks.pose import POSE_NAMES
from landmarks.protocol.open_inference import HEADER_LENGTH, encode_request
from serve_app.api.docs.examples import example_shot

INFER: Final = "/v2/models/gesture/infer"
FRAMES: Final = 6
SHOT: Final = example_shot()
HUGE: Final = "a number of 5000 digits"  # written by its name, since Python won't print one

# Beside what JSON can't say: the edges of FP16 (65504, and 65520 overflows), of float32, int64, uint32 and of ours.
NUMBERS: Final[tuple[Any, ...]] = (
    *(0, -1, 1, -0.0, 0.5, 2, 65504.0, 65520.0, 1e6, 1.0000001e6, -1e6, 1e7, 1e38, 3.5e38, -1e39, 1e308, 5e-324, 1e-45),
    *(
        2**31,
        2**32 - 1,
        2**32,
        2**53 + 1,
        2**63 - 1,
        2**63,
        2**64,
        -(2**63) - 1,
        float("nan"),
        float("inf"),
        -float("inf"),
    ),
)
VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, "", "0.1", "NaN", "\x00", "\ud800", "é" * 50, "x" * 70_000, "..", HUGE),
    *([], {}, [[]], [[], []], {"": {}}, [None], [[[[[[0.1]]]]]], [0.1] * 5000, ["sequence"], {"sequence": 1}),
)
HEADERS: Final = (
    ("content-type", ("text/plain", "application/json; charset=utf-16", "", "\xff", "multipart/form-data", "a" * 4000)),
    ("content-encoding", ("gzip", "identity", "br, gzip", "\xe9")),
    ("content-length", ("-1", "0", "1e3", "9" * 30, "٣", "abc")),
    ("accept-language", ("*", "en;q=nan", ",;q=,", "es;q=1e999,en", "x" * 5000, "\xff\xfe")),
    ("x-request-id", ("\x01", "x" * 129, "a\tb", "")),
    ("x-api-key", ("", "\xff", "k" * 9000)),
    (HEADER_LENGTH.lower(), ("-1", "0", "1", "99999999999999999999", "1.5", "٣", "")),
    ("if-none-match", ("*", '"', "\xff")),
)


class Hostile(NamedTuple):
    """One input: its kind, and a request; for kind ``stream``, ``messages`` of a session in the place of a body."""

    kind: str
    method: str = "POST"
    path: str = "/predict"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    messages: tuple[str | bytes, ...] = ()


def hostile_input(seed: int, number: int) -> Hostile:
    """The input of this number."""
    dice = random.Random(f"{seed}/{number}")  # noqa: S311 - nothing is secret
    made = KINDS[number % len(KINDS)](dice)
    return made._replace(headers=made.headers + hostile_headers(dice)) if dice.random() < 0.1 else made


def predict_json(dice: random.Random) -> Hostile:
    """A window with values of other types, sizes and shapes."""
    window: dict[str, Any] = {"sequence": [[0.1] * 84 for _ in range(FRAMES)], "mask": [[1.0, 0.0]] * FRAMES}
    return Hostile("/predict, JSON", body=written(spoilt(dice, window), dice))


def analyze_json(dice: random.Random) -> Hostile:
    """Frames of a pose with values of other types, sizes and shapes."""
    body = written(spoilt(dice, made_frames(dice, dice.randrange(1, 6), 5)), dice)
    return Hostile("/analyze, JSON", path=dice.choice(("/analyze", "/api/analyze")), body=body)


def analyze_numbers(dice: random.Random) -> Hostile:
    """Frames of the right form whose poses no body takes: equal, far apart, on a line, unseen, at the ends of time."""
    if dice.random() < 0.3:
        body = made_frames(dice, dice.choice((1, 2, 3, 12, 30)), len(POSE_NAMES))
    else:
        body = copy.deepcopy(SHOT)
        names = dice.sample(POSE_NAMES, dice.choice((1, 3, 33)))
        field, number = dice.choice("xyv"), dice.choice((0.0, 0.5, 1.0, -9.9, 9.9, 1e-38))
        first, last = sorted(dice.choices(range(len(body["frames"]) + 1), k=2))
        for frame in body["frames"][first:last]:
            for keypoint in frame["keypoints"]:
                if keypoint["name"] in names:
                    keypoint[field] = dice.random() if dice.random() < 0.3 else number
        step = dice.choice((1 / 30, 1 / 30, 1e-9, 1e-3, 0.5, 60.0))
        for index, frame in enumerate(body["frames"]):
            frame["time_sec"] = index * step
    body |= {"pre_ms": dice.choice((500, 0, 60_000)), "post_ms": dice.choice((200, 0, 60_000))}
    return Hostile("/analyze, impossible poses", path="/analyze", body=json.dumps(body).encode())


def tensor_json(dice: random.Random) -> Hostile:
    """A v2 request in JSON with values of other types, sizes and shapes."""
    tensor = {"name": "sequence", "shape": [1, FRAMES, 84], "datatype": "FP32", "data": [0.1] * (FRAMES * 84)}
    request = {"id": "a", "inputs": [tensor], "outputs": [{"name": "label", "parameters": {"binary_data": True}}]}
    return Hostile("/v2 infer, JSON", path=INFER, body=written(spoilt(dice, request), dice))


def tensor_bytes(dice: random.Random) -> Hostile:
    """A v2 request with raw tensors, and lies about them; the numbers may be any 16 or 32 bits."""
    window = made_window(dice.randrange(8), FRAMES)[None]
    body, length = encode_request({"sequence": window}, dice.choice(("FP32", "FP16")))
    head, raw = json.loads(body[:length]), body[length:]
    if dice.random() < 0.5:
        raw = dice.randbytes(len(raw)) if dice.random() < 0.5 else spoilt_bytes(dice, raw)
    if dice.random() < 0.5:
        head = spoilt(dice, head)
    written_head = written(head, dice)
    said = len(written_head) if dice.random() < 0.8 else dice.choice((0, 1, len(written_head) - 1, 2**31, 2**70))
    return Hostile("/v2 infer, binary", path=INFER, headers=((HEADER_LENGTH, str(said)),), body=written_head + raw)


def any_bytes(dice: random.Random) -> Hostile:
    """A valid body with bytes turned, cut, doubled or added, or nothing but such bytes; deep and wide JSON."""
    whole = json.dumps({"sequence": [[0.1] * 84] * FRAMES}).encode()
    body = dice.choice(
        (
            lambda: spoilt_bytes(dice, whole),
            lambda: dice.randbytes(dice.randrange(200)),
            lambda: dice.choice((b"[", b'{"sequence":', b'{"a":[')) * dice.randrange(1, 20_000),
            lambda: b'{"sequence":' + b"[" * 3000 + b"]" * 3000 + b"}",
            lambda: b"{" + b",".join(b'"k%d":%d' % (index, index) for index in range(5000)) + b"}",
            lambda: whole.decode().encode(dice.choice(("utf-16", "utf-32", "utf-8-sig"))),
        )
    )()
    return Hostile("any bytes", path=dice.choice(("/predict", "/analyze", INFER)), body=body)


def other_routes(dice: random.Random) -> Hostile:
    """Every other route: methods that it has not, paths that are not there, bodies that it doesn't expect."""
    name = dice.choice(("gesture", "..", "%2e%2e", "x" * 3000, "é", "\x00", "gesture%00", ""))
    path = dice.choice(
        (
            *("/health", "/metadata", "/v2", "/openapi.json", "/docs", "/shots", "/stream", "/v2/repository/index"),
            *(f"/models/{name}/model.onnx", f"/models/gesture/{name}", f"/shots/{name}", f"/v2/models/{name}/ready"),
            *(f"/v2/repository/models/{name}/unload", f"/v2/models/gesture/versions/{name}", f"/{name}"),
        )
    )
    body = written(spoilt(dice, {"ready": True, "parameters": {}}), dice) if dice.random() < 0.5 else b""
    method = dice.choice(("GET", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"))
    return Hostile("other routes", method, path, body=body)


def stream(dice: random.Random) -> Hostile:
    """A live session: an opening, mostly a good one, then frames and commands with something done to them."""
    opening: Any = {"encoding": dice.choice(("json", "json", "fp16", "fp32")), "stride": dice.choice((0, 1, 3))}
    if dice.random() < 0.2:
        opening = spoilt(dice, opening)
    messages = [written(opening, dice).decode("utf-8", "replace")]
    for _ in range(dice.randrange(1, 12)):
        frame = {"frame": [0.1] * 84, "mask": [1.0, 1.0], "n": dice.choice((7, 2**32 - 1))}
        message: Any = dice.choice((frame, frame, {"type": "predict", "n": 1, "frames": 3}, {"type": "reset"}))
        if dice.random() < 0.5:
            message = spoilt(dice, message)
        messages.append(written(message, dice).decode("utf-8", "replace"))
    if opening == {"encoding": "fp16", "stride": 1} or dice.random() < 0.3:
        size = dice.choice((168, 168, 172, 336, 340, 168 * 30 + 4, 168 * 31, 0, 1, 167))
        return Hostile("/stream", path="/stream", messages=(messages[0], *(dice.randbytes(size) for _ in range(8))))
    return Hostile("/stream", path="/stream", messages=tuple(messages))


KINDS: Final[tuple[Callable[[random.Random], Hostile], ...]] = (
    *(predict_json, analyze_json, analyze_numbers, tensor_json, tensor_bytes, any_bytes, other_routes, stream),
)


def made_frames(dice: random.Random, count: int, points: int) -> dict[str, Any]:
    """An ``/analyze`` body of ``count`` frames with the first ``points`` of the pose."""
    start, step = dice.choice((0.0, -1e7, 9.9e6, 1.7e9)), dice.choice((1 / 30, 1e-9, 1e5, 0.5))
    place: Callable[[], float]
    seen: Callable[[], float]
    place = dice.choice((lambda: 0.5, lambda: 0.0, dice.random, lambda: dice.choice((-9.9, 9.9, 1e-38, 0.5))))
    seen = dice.choice((lambda: 1.0, lambda: 0.0, dice.random))
    frames = [
        {
            "index": index,
            "time_sec": start + index * step,
            "keypoints": [{"name": name, "x": place(), "y": place(), "v": seen()} for name in POSE_NAMES[:points]],
        }
        for index in range(count)
    ]
    body: dict[str, Any] = {"frames": frames}
    if dice.random() < 0.5:
        body |= {"release_time_sec": start + dice.choice((0.0, count * step, -1.0, 0.3)), "pre_ms": 60_000.0}
    if dice.random() < 0.3:
        body |= {"width": dice.choice((1, 100_000)), "height": dice.choice((1, 100_000, 1080))}
    return body


def spoilt(dice: random.Random, value: Any) -> Any:
    """A copy of a JSON value with one or a few places replaced, removed, doubled or renamed."""
    found = json.loads(json.dumps(value))
    for _ in range(dice.choice((1, 1, 1, 2, 5))):
        if not isinstance(found, dict | list) or not found:
            return hostile_value(dice)
        parent = found
        while True:
            key = dice.choice(list(parent)) if isinstance(parent, dict) else dice.randrange(len(parent))
            child = parent[key]
            if not isinstance(child, dict | list) or not child or dice.random() < 0.2:
                break
            parent = child
        what = dice.random()
        if what < 0.7:
            parent[key] = hostile_value(dice)
        elif what < 0.8:
            del parent[key]
        elif isinstance(parent, list):
            parent.extend(copy.deepcopy(child) for _ in range(dice.choice((1, 2, 100))))
        else:
            parent[str(key) + dice.choice(("", "s", "\x00"))] = hostile_value(dice)
    return found


def hostile_value(dice: random.Random) -> Any:
    """A value that somewhere in the service must be refused, or that lies at the edge of what is taken."""
    return dice.choice(NUMBERS) if dice.random() < 0.6 else copy.deepcopy(dice.choice(VALUES))


def written(value: Any, dice: random.Random) -> bytes:
    """A value as JSON, with NaN and Infinity as Python writes them; now and then with bytes spoilt."""
    text = json.dumps(value).replace(json.dumps(HUGE), "9" * 5000)
    body = text.encode("utf-8", "surrogatepass")
    return spoilt_bytes(dice, body) if dice.random() < 0.1 else body


def spoilt_bytes(dice: random.Random, body: bytes) -> bytes:
    """Bytes with some turned, cut away, doubled or put in."""
    place, length = dice.randrange(len(body) + 1), dice.randrange(1, 20)
    part = dice.choice(
        (b"", dice.randbytes(length), body[place : place + length] * 2, b"\x00", b"\xff\xfe", b'"', b"]")
    )
    return body[:place] + part + (b"" if dice.random() < 0.3 else body[place + dice.choice((0, length)) :])


def hostile_headers(dice: random.Random) -> tuple[tuple[str, str], ...]:
    """One or two headers that lie or are too long, in latin-1."""
    return tuple(
        (name, dice.choice(values).encode("utf-8").decode("latin-1"))
        for name, values in dice.sample(HEADERS, dice.choice((1, 2)))
    )


def fp16_edges() -> list[bytes]:
    """The FP16s not left to chance, each as one frame of 84: zeros, subnormals, the largest, infinities, NaNs."""
    bits = (0x0000, 0x8000, 0x0001, 0x03FF, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7C01, 0x7E00, 0xFFFF)
    return [np.full(84, number, "<u2").tobytes() for number in bits]
