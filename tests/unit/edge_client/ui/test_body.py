"""Whatever is posted to the screen: a JSON object is shown, anything else is a 400 in words, and nothing is a 500."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
import socketio

from edge_client.types import FrameState, LinkState
from edge_client.ui.body import MAX_BODY_BYTES, MAX_DEPTH, check_state
from edge_client.ui.broadcast import Hub
from edge_client.ui.state_publisher import describe_state
from testkit.edge.hands import made_frame, made_hand
from testkit.edge.local_screen import listening, running_screen
from testkit.waiting import DEADLINE_S, wait_until

HAND = made_hand().tolist()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_screen(Hub()) as url:
        yield url


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


REFUSED = {
    "empty": (b"", "is not a JSON object"),
    "list": (b"[]", "the body is a list, expected an object"),
    "number": (b"3", "the body is a number, expected an object"),
    "cut": (b'{"a": 1', "is not a JSON object"),
    "latin-1": (
        '{"gesture":"mañana"}'.encode("latin-1"),
        "found byte 0xf1 at position 14, expected a JSON object in UTF",
    ),
    "utf-16": ('{"gesture":"a"}'.encode("utf-16"), "is not UTF-8"),
    "2000 levels": (nested(2000), f"expected at most {MAX_DEPTH} levels"),
    "2000 lists": (b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}", f"expected at most {MAX_DEPTH} levels"),
    "one level too many": (nested(MAX_DEPTH + 1), f"expected at most {MAX_DEPTH} levels"),
    "NaN": (b'{"score":NaN}', "is not a JSON object"),
    "infinity": (b'{"score":1e999}', "beyond the range of numbers"),
    "number of 5000 digits": (b'{"score":' + b"9" * 5000 + b"}", "out of range"),
    "half a surrogate pair": (b'{"gesture":"\\ud800"}', "is not a JSON object"),
}


@pytest.mark.parametrize("path", ["/gestures/gesture-key", "/live"])
@pytest.mark.parametrize(("body", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_object_is_refused_in_words(url: str, path: str, body: bytes, words: str) -> None:
    answer = httpx.post(url + path, content=body, verify=False)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert answer.json()["code"] == "invalid_input"


def test_a_body_without_end_is_refused(url: str) -> None:
    answer = httpx.post(url + "/gestures/gesture-key", content=b'{"a": "' + b"x" * MAX_BODY_BYTES + b'"}')
    assert answer.status_code == 413


def test_a_body_that_does_not_come_is_said_in_time(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_client.ui.body.BODY_TIMEOUT_S", 0.1)
    waiting = threading.Event()

    def body() -> Iterator[bytes]:
        yield b'{"a": '
        waiting.wait(1)
        yield b"1}"

    answer = httpx.post(url + "/gestures/gesture-key", content=body())
    assert (answer.status_code, answer.json()["code"]) == (408, "request_timeout")


SHOWN = {
    "empty": b"{}",
    "nested": nested(MAX_DEPTH),
    "byte order mark": b'\xef\xbb\xbf{"gesture":"a"}',
    "large whole number": b'{"n":123456789012345678901234567890}',
    "any script": '{"gesture":"mañana 手 👋🏽 \u202e<b>"}'.encode(),
}


@pytest.mark.anyio
@pytest.mark.parametrize("body", SHOWN.values(), ids=SHOWN)
async def test_any_json_object_reaches_sse_and_socketio_listeners(url: str, body: bytes) -> None:
    pytest.importorskip("aiohttp", reason="python-socketio's own client needs aiohttp")
    expected = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))

    async def post_to_a_socketio_listener() -> Any:
        client = socketio.AsyncClient()
        received: asyncio.Queue[Any] = asyncio.Queue()
        client.on("message", received.put)
        await client.connect(url)
        async with httpx.AsyncClient() as poster:
            answer = await poster.post(url + "/gestures/gesture-key", content=body)
        assert answer.status_code == 200, answer.text
        message = await asyncio.wait_for(received.get(), DEADLINE_S)
        await client.disconnect()
        return message

    with listening(url + "/events") as events:
        assert (await post_to_a_socketio_listener()) == expected
        wait_until(lambda: len(events) > 1)
        assert events[1] == expected
    assert httpx.get(url + "/recent").status_code == 200


def test_a_slash_at_the_end_is_the_same_route(url: str) -> None:
    assert httpx.post(url + "/gestures/gesture-key/", json={}).status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("PUT", "/live", 405), ("GET", "/nowhere", 404)])
def test_a_wrong_route_or_method_is_said_in_json(url: str, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, url + path)
    assert answer.status_code == status
    assert f"{method} {path}" in answer.json()["error"]


ODD_STATES = {
    "hands are a number": ({"hands": 5}, "hands is a number, expected a list"),
    "hands are null": ({"hands": None}, "hands is null"),
    "one hand": ({"hands": [HAND]}, "hands"),
    "three hands": ({"hands": [HAND, HAND, HAND]}, "hands"),
    "a hand of 20 points": ({"hands": [HAND[:20], None]}, "hands[0]"),
    "a point of two numbers": ({"hands": [None, [*HAND[:20], [0.1, 0.2]]]}, "hands[1]"),
    "a point with null": ({"hands": [None, [*HAND[:20], [0.1, 0.2, None]]]}, "hands[1]"),
    "a point far out": ({"hands": [None, [*HAND[:20], [1e20, 0.2, 0.0]]]}, "hands[1]"),
    "no aspect": ({"aspect": 0}, "aspect"),
    "a tiny aspect": ({"aspect": 1e-9}, "aspect"),
    "bars without shares": ({"bars": [["hello"]]}, "bars[0]"),
    "a share above 1": ({"bars": [["hello", 50]]}, "bars[0]"),
    "unknown connection": ({"connection": "constructor"}, "connection"),
    "unknown source": ({"source": "martian"}, "source"),
    "a negative round trip": ({"round_trip_ms": -1}, "round_trip_ms"),
    "frames in words": ({"fps": "many"}, "fps is a string, expected a number"),
}


@pytest.mark.parametrize(("state", "words"), ODD_STATES.values(), ids=ODD_STATES)
def test_an_odd_state_is_refused_in_words_and_no_page_gets_it(url: str, state: dict[str, Any], words: str) -> None:
    with listening(url + "/live") as states:
        answer = httpx.post(url + "/live", json=state, verify=False)
        assert answer.status_code == 400
        assert words in answer.json()["error"]
        httpx.post(url + "/live", json={"fps": 30}, verify=False)
        wait_until(lambda: len(states) > 1)
        assert states[1] == {"fps": 30}


def test_a_state_of_the_client_passes(url: str) -> None:
    state = FrameState(made_frame(made_hand(), None), 4 / 3, None, None, None, 29.97, advice="turn_camera")
    described = describe_state(state, LinkState(connection="offline", reason="away", round_trip_ms=3.0), "s")
    check_state(msgspec.json.decode(msgspec.json.encode(described)))
    assert httpx.post(url + "/live", json=described).status_code == 200
    assert np.shape(described["hands"][0]) == (21, 3)
