"""Hypothesis strategies: what a broken or ill-meant client could send to each door of the service. Sends nothing.

Each case is a valid message with something done to it, since plain noise dies in the first line of a decoder.
"""

import copy
import json
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from landmarks.pose import POSE_NAMES
from landmarks.protocol.open_inference import HEADER_LENGTH, encode_request
from serve_app.api.docs.examples import example_shot
from testkit.model_files import made_window

INFER = "/v2/models/gesture/infer"
FRAMES = 6
SHOT = example_shot()
HUGE = "a number of 5000 digits"  # written by its name, since Python won't print one
WINDOW = {"sequence": [[0.1] * 84 for _ in range(FRAMES)], "mask": [[1.0, 0.0]] * FRAMES}

# Beside what JSON can't say: the edges of FP16 (65504, and 65520 overflows), of float32, int64, uint32 and of ours.
NUMBERS = st.sampled_from(
    (
        *(0, -1, 1, -0.0, 0.5, 2, 65504.0, 65520.0, 1e6, 1.0000001e6, -1e6, 1e7, 1e38, 3.5e38, -1e39, 1e308, 5e-324),
        *(1e-45, 2**31, 2**32 - 1, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1),
        *(float("nan"), float("inf"), -float("inf")),
    )
)
ODD_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    (
        *(None, True, False, "", "0.1", "NaN", "\x00", "\ud800", "é" * 50, "x" * 70_000, "..", HUGE),
        *([], {}, [[]], [[], []], {"": {}}, [None], [[[[[[0.1]]]]]], [0.1] * 5000, ["sequence"], {"sequence": 1}),
    )
).map(copy.deepcopy)
HEADERS = {
    "content-type": (
        *("text/plain", "application/json; charset=utf-16", "", "\xff", "multipart/form-data"),
        "a" * 4000,
    ),
    "content-encoding": ("gzip", "identity", "br, gzip", "\xe9"),
    "content-length": ("-1", "0", "1e3", "9" * 30, "٣", "abc"),
    "accept-language": ("*", "en;q=nan", ",;q=,", "es;q=1e999,en", "x" * 5000, "\xff\xfe"),
    "x-request-id": ("\x01", "x" * 129, "a\tb", ""),
    "x-api-key": ("", "\xff", "k" * 9000),
    HEADER_LENGTH.lower(): ("-1", "0", "1", "99999999999999999999", "1.5", "٣", ""),
    "if-none-match": ("*", '"', "\xff"),
}


class FuzzCase(NamedTuple):
    """One input: a request or, with ``messages``, those of a live session."""

    method: str = "POST"
    path: str = "/predict"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    messages: tuple[str | bytes, ...] = ()


def post(path: str, body: bytes) -> FuzzCase:
    return FuzzCase(path=path, body=body)


def draw_rarely(count: int) -> st.SearchStrategy[bool]:
    """True once in ``count`` times."""
    return st.integers(1, count).map(lambda number: number == count)


def random_bytes(size: int) -> st.SearchStrategy[bytes]:
    """Any ``size`` bytes; from a seed, since Hypothesis gives no more than 8 KB to a case."""
    return st.integers(0, 2**32 - 1).map(lambda seed: random.Random(seed).randbytes(size))


@st.composite
def mutated_bytes(draw: st.DrawFn, body: bytes) -> bytes:
    """Bytes with some turned, cut away, doubled or put in."""
    place, length = draw(st.integers(0, len(body))), draw(st.integers(1, 19))
    noise = st.binary(min_size=length, max_size=length)
    parts = st.sampled_from((b"", body[place : place + length] * 2, b"\x00", b"\xff\xfe", b'"', b"]"))
    rest = b"" if draw(draw_rarely(3)) else body[place + draw(st.sampled_from((0, length))) :]
    return body[:place] + draw(noise | parts) + rest


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """A copy of a JSON value with one or a few places replaced, removed, doubled or renamed."""
    found = json.loads(json.dumps(value))
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 5)))):
        if not isinstance(found, dict | list) or not found:
            return draw(NUMBERS | ODD_VALUES)
        parent = found
        while True:
            keys = list(parent) if isinstance(parent, dict) else range(len(parent))
            key = draw(st.sampled_from(keys))
            child = parent[key]
            if not isinstance(child, dict | list) or not child or draw(draw_rarely(5)):
                break
            parent = child
        action = draw(st.sampled_from(("replace",) * 7 + ("remove", "add", "add")))
        if action == "replace":
            parent[key] = draw(NUMBERS | ODD_VALUES)
        elif action == "remove":
            del parent[key]
        elif isinstance(parent, list):
            parent.extend(copy.deepcopy(child) for _ in range(draw(st.sampled_from((1, 2, 100)))))
        else:
            parent[key + draw(st.sampled_from(("", "s", "\x00")))] = draw(NUMBERS | ODD_VALUES)
    return found


@st.composite
def encoded(draw: st.DrawFn, value: Any) -> bytes:
    """A value as JSON, with NaN and Infinity as Python writes them; now and then with bytes mutated."""
    body = json.dumps(value).replace(json.dumps(HUGE), "9" * 5000).encode("utf-8", "surrogatepass")
    return draw(mutated_bytes(body)) if draw(draw_rarely(10)) else body


def mutated_json(value: Any) -> st.SearchStrategy[bytes]:
    """A JSON value mutated, as bytes."""
    return mutated(value).flatmap(encoded)


@st.composite
def poses(draw: st.DrawFn, count: int, points: int) -> dict[str, Any]:
    """An ``/analyze`` body of ``count`` frames with the first ``points`` of the pose."""
    start, step = draw(st.sampled_from((0.0, -1e7, 9.9e6, 1.7e9))), draw(st.sampled_from((1 / 30, 1e-9, 1e5, 0.5)))
    dice = random.Random(draw(st.integers(0, 2**32 - 1)))
    place: Callable[[], float] = draw(
        st.sampled_from((lambda: 0.5, lambda: 0.0, dice.random, lambda: dice.choice((-9.9, 9.9, 1e-38, 0.5))))
    )
    visibility: Callable[[], float] = draw(st.sampled_from((lambda: 1.0, lambda: 0.0, dice.random)))
    frames = [
        {
            "index": index,
            "time_sec": start + index * step,
            "keypoints": [
                {"name": name, "x": place(), "y": place(), "v": visibility()} for name in POSE_NAMES[:points]
            ],
        }
        for index in range(count)
    ]
    body: dict[str, Any] = {"frames": frames}
    if draw(st.booleans()):
        release = start + draw(st.sampled_from((0.0, count * step, -1.0, 0.3)))
        body |= {"release_time_sec": release, "pre_ms": 60_000.0}
    if draw(draw_rarely(3)):
        body |= {"width": draw(st.sampled_from((1, 100_000))), "height": draw(st.sampled_from((1, 100_000, 1080)))}
    return body


@st.composite
def impossible_poses(draw: st.DrawFn) -> FuzzCase:
    """Frames of the right form whose poses no body takes: equal, far apart, on a line, unseen, at the ends of time."""
    if draw(draw_rarely(3)):
        body = draw(poses(draw(st.sampled_from((1, 2, 3, 12, 30))), len(POSE_NAMES)))
    else:
        body = copy.deepcopy(SHOT)
        dice = random.Random(draw(st.integers(0, 2**32 - 1)))
        names = dice.sample(POSE_NAMES, draw(st.sampled_from((1, 3, 33))))
        field, number = draw(st.sampled_from("xyv")), draw(st.sampled_from((0.0, 0.5, 1.0, -9.9, 9.9, 1e-38)))
        first, last = sorted((draw(st.integers(0, len(body["frames"]))), draw(st.integers(0, len(body["frames"])))))
        for frame in body["frames"][first:last]:
            for keypoint in frame["keypoints"]:
                if keypoint["name"] in names:
                    keypoint[field] = dice.random() if dice.random() < 0.3 else number
        step = draw(st.sampled_from((1 / 30, 1 / 30, 1e-9, 1e-3, 0.5, 60.0)))
        for index, frame in enumerate(body["frames"]):
            frame["time_sec"] = index * step
    body |= {"pre_ms": draw(st.sampled_from((500, 0, 60_000))), "post_ms": draw(st.sampled_from((200, 0, 60_000)))}
    return FuzzCase(path="/analyze", body=json.dumps(body).encode())


@st.composite
def tensor_bytes(draw: st.DrawFn) -> FuzzCase:
    """A v2 request with raw tensors, and lies about them; the numbers may be any 16 or 32 bits."""
    window = made_window(FRAMES, seed=draw(st.integers(0, 7)))[None]
    body, length = encode_request({"sequence": window}, draw(st.sampled_from(("FP32", "FP16"))))
    assert length is not None
    head, raw = json.loads(body[:length]), body[length:]
    raw = draw(st.just(raw) | random_bytes(len(raw)) | mutated_bytes(raw))
    head_bytes = draw(encoded(draw(st.just(head) | mutated(head))))
    size = len(head_bytes)
    claimed = size if draw(draw_rarely(5)) is False else draw(st.sampled_from((0, 1, size - 1, 2**31, 2**70)))
    return FuzzCase(path=INFER, headers=((HEADER_LENGTH, str(claimed)),), body=head_bytes + raw)


def tensor_json() -> st.SearchStrategy[FuzzCase]:
    """A v2 request in JSON with values of other types, sizes and shapes."""
    tensor = {"name": "sequence", "shape": [1, FRAMES, 84], "datatype": "FP32", "data": [0.1] * (FRAMES * 84)}
    request = {"id": "a", "inputs": [tensor], "outputs": [{"name": "label", "parameters": {"binary_data": True}}]}
    return mutated_json(request).map(lambda body: FuzzCase(path=INFER, body=body))


def any_bytes() -> st.SearchStrategy[FuzzCase]:
    """A valid body with bytes turned, cut, doubled or added, or nothing but such bytes; deep and wide JSON."""
    whole = json.dumps({"sequence": [[0.1] * 84] * FRAMES}).encode()
    bodies = st.one_of(
        mutated_bytes(whole),
        st.binary(max_size=200),
        st.builds(
            lambda part, count: part * count,
            st.sampled_from((b"[", b'{"sequence":', b'{"a":[')),
            st.integers(1, 20_000),
        ),
        st.just(b'{"sequence":' + b"[" * 3000 + b"]" * 3000 + b"}"),
        st.just(b"{" + b",".join(b'"k%d":%d' % (index, index) for index in range(5000)) + b"}"),
        st.sampled_from(("utf-16", "utf-32", "utf-8-sig")).map(lambda encoding: whole.decode().encode(encoding)),
    )
    return st.builds(post, st.sampled_from(("/predict", "/analyze", INFER)), bodies)


@st.composite
def other_routes(draw: st.DrawFn) -> FuzzCase:
    """Every other route: methods that it has not, paths that are not there, bodies that it doesn't expect."""
    name = draw(st.sampled_from(("gesture", "..", "%2e%2e", "x" * 3000, "é", "\x00", "gesture%00", "")))
    paths = (
        *("/health", "/metadata", "/v2", "/openapi.json", "/docs", "/shots", "/stream", "/v2/repository/index"),
        *(f"/models/{name}/model.onnx", f"/models/gesture/{name}", f"/shots/{name}", f"/v2/models/{name}/ready"),
        *(f"/v2/repository/models/{name}/unload", f"/v2/models/gesture/versions/{name}", f"/{name}"),
    )
    methods = ("GET", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW")
    body = draw(st.just(b"") | mutated_json({"ready": True, "parameters": {}}))
    return FuzzCase(draw(st.sampled_from(methods)), draw(st.sampled_from(paths)), body=body)


@st.composite
def stream(draw: st.DrawFn) -> FuzzCase:
    """A live session: an opening, mostly a good one, then frames and commands with something done to them."""

    def text(value: Any) -> str:
        return draw(encoded(value)).decode("utf-8", "replace")

    encoding, stride = draw(st.sampled_from(("json", "json", "fp16", "fp32"))), draw(st.sampled_from((0, 1, 3)))
    opening: Any = {"encoding": encoding, "stride": stride}
    if draw(draw_rarely(5)):
        opening = draw(mutated(opening))
    first = text(opening)
    if opening == {"encoding": "fp16", "stride": 1} or draw(draw_rarely(3)):
        size = draw(st.sampled_from((168, 168, 172, 336, 340, 168 * 30 + 4, 168 * 31, 0, 1, 167)))
        frames = draw(st.lists(random_bytes(size), min_size=8, max_size=8))
        return FuzzCase(path="/stream", messages=(first, *frames))
    frame = {"frame": [0.1] * 84, "mask": [1.0, 1.0], "n": draw(st.sampled_from((7, 2**32 - 1)))}
    commands = (frame, frame, {"type": "predict", "n": 1, "frames": 3}, {"type": "reset"})
    messages = []
    for _ in range(draw(st.integers(1, 11))):
        message = draw(st.sampled_from(commands))
        messages.append(text(draw(mutated(message)) if draw(st.booleans()) else message))
    return FuzzCase(path="/stream", messages=(first, *messages))


@st.composite
def with_odd_headers(draw: st.DrawFn, cases: st.SearchStrategy[FuzzCase]) -> FuzzCase:
    """One case in ten with one or two headers that lie or are too long, in latin-1."""
    case = draw(cases)
    if not draw(draw_rarely(10)):
        return case
    names = draw(st.lists(st.sampled_from(list(HEADERS)), min_size=1, max_size=2, unique=True))
    odd = [(name, draw(st.sampled_from(HEADERS[name])).encode("utf-8").decode("latin-1")) for name in names]
    return case._replace(headers=(*case.headers, *odd))


ANALYZE = st.integers(1, 5).flatmap(lambda count: poses(count, 5)).flatmap(mutated_json)
KINDS: dict[str, st.SearchStrategy[FuzzCase]] = {
    kind: with_odd_headers(cases)
    for kind, cases in {
        "/predict, JSON": mutated_json(WINDOW).map(lambda body: FuzzCase(body=body)),
        "/analyze, JSON": st.builds(post, st.sampled_from(("/analyze", "/api/analyze")), ANALYZE),
        "/analyze, impossible poses": impossible_poses(),
        "/v2 infer, JSON": tensor_json(),
        "/v2 infer, binary": tensor_bytes(),
        "any bytes": any_bytes(),
        "other routes": other_routes(),
        "/stream": stream(),
    }.items()
}


def fp16_edges() -> list[bytes]:
    """The FP16s not left to chance, each as one frame of 84: zeros, subnormals, the largest, infinities, NaNs."""
    bits = (0x0000, 0x8000, 0x0001, 0x03FF, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7C01, 0x7E00, 0xFFFF)
    return [np.full(84, number, "<u2").tobytes() for number in bits]
