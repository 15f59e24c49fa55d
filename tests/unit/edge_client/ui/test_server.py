"""The local screen, a real server on loopback: what is posted reaches every listener, and nobody else gets in."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import socketio

from edge_client.publisher import Publisher
from edge_client.settings import Publish, Screen
from edge_client.types import FrameState, LinkState
from edge_client.ui.broadcast import Hub
from edge_client.ui.server import STATIC, ScreenServer
from edge_client.ui.state_publisher import ScreenClient, StatePublisher, describe_state
from testkit.edge.hands import made_frame, made_hand
from testkit.edge.local_screen import listening, running_screen
from testkit.waiting import DEADLINE_S, wait_until
from tests.unit.edge_client.test_publisher import event

GESTURE = {"gesture": "hello", "character": "hello", "key": "Start", "anything": [1, {"more": True}]}


@pytest.fixture(scope="module")
def hub() -> Hub:
    return Hub()


@pytest.fixture(scope="module")
def url(hub: Hub) -> Iterator[str]:
    with running_screen(hub) as url:
        yield url


def test_a_gesture_reaches_every_sse_listener_after_the_hello(url: str) -> None:
    with listening(url + "/events") as first, listening(url + "/events") as second:
        assert httpx.post(url + "/gestures/gesture-key", json=GESTURE).status_code == 200
        wait_until(lambda: len(first) > 1 and len(second) > 1)
        assert first[:2] == second[:2] == [{"type": "hello", "status": "ok"}, GESTURE]


@pytest.mark.anyio
async def test_a_gesture_reaches_socketio_listeners_as_message(url: str) -> None:
    async def listen() -> Any:
        client = socketio.AsyncClient()
        received: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def take(message: Any) -> None:
            if not received.done():
                received.set_result(message)

        client.on("message", take)
        await client.connect(url)
        async with httpx.AsyncClient() as poster:
            await poster.post(url + "/gestures/gesture-key", json=GESTURE)
        message = await asyncio.wait_for(received, DEADLINE_S)
        await client.disconnect()
        return message

    pytest.importorskip("aiohttp", reason="python-socketio's own client needs aiohttp")
    assert (await listen()) == GESTURE


def test_the_publishers_event_arrives_whole(url: str) -> None:
    with listening(url + "/events") as received, Publisher(Publish(url=url + "/gestures/gesture-key")) as publisher:
        publisher.publish(event(7))
        wait_until(lambda: len(received) > 1)
        assert received[1] == msgspec.to_builtins(event(7))


def test_health_counts_listeners(url: str) -> None:
    with listening(url + "/events"):
        health = httpx.get(url + "/health").json()
    assert health["status"] == "ok"
    assert health["listeners"] >= 1


def test_states_reach_the_page_from_this_process_and_from_another(hub: Hub, url: str) -> None:
    with listening(url + "/live") as received:
        hub.show({"from": "here"})
        wait_until(lambda: len(received) > 1)
        ScreenClient(url).show({"from": "there"})
        wait_until(lambda: len(received) > 2)
        assert received[1:3] == [{"from": "here"}, {"from": "there"}]


def test_a_screen_that_is_away_is_left_alone_for_a_while() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        screen = ScreenClient(f"http://127.0.0.1:{taken.getsockname()[1]}", retry_after_s=60)
        screen.show({})
        assert screen._quiet_until_s > 0


def test_the_feed_sends_the_newest_state(hub: Hub) -> None:
    sent: list[dict[str, Any]] = []
    state = FrameState(made_frame(right=made_hand()), 4 / 3, None, None, None, 30.0)
    with StatePublisher(sent.append, LinkState, 1000, "s") as feed:
        feed.show(state)
        wait_until(lambda: sent)
    assert sent[0]["session_id"] == "s"
    assert sent[0]["hands"][0] is None
    assert len(sent[0]["hands"][1]) == 21


def test_a_state_is_json() -> None:
    state = FrameState(made_frame(made_hand(), made_hand()), None, None, None, None, 29.97)
    described = describe_state(state, LinkState(connection="offline", reason="away"), "s")
    assert described["advice"] is None
    assert msgspec.json.decode(msgspec.json.encode(described)) == described
    assert (described["connection"], described["reason"], described["fps"]) == ("offline", "away", 30.0)


@pytest.mark.parametrize(
    ("link", "source"),
    [
        (LinkState(connection="online", has_local_model=True), "cloud"),
        (LinkState(connection="offline", has_local_model=True), "device"),
        (LinkState(connection="offline"), None),
        (LinkState(connection="connecting"), None),
    ],
)
def test_between_answers_the_screen_is_told_who_would_answer(link: LinkState, source: str | None) -> None:
    assert describe_state(FrameState(made_frame(), None, None, None, None, 30.0), link, "s")["source"] == source


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/static/page.css", "/static/words.js", "/static/icon.svg"])
def test_the_page_and_its_parts_come_with_a_policy_that_keeps_it_to_itself(url: str, path: str) -> None:
    answer = httpx.get(url + path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


class _Addresses(HTMLParser):
    found: list[str]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "style" not in dict(attrs), "inline styles are against the page's policy"
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_loads_nothing_from_elsewhere() -> None:
    page = _Addresses()
    page.found = []
    page.feed((STATIC / "index.html").read_text(encoding="utf-8"))
    assert page.found
    for address in page.found:
        assert (STATIC / Path(address).name).is_file()
    for file in STATIC.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text
        assert "https://" not in text


def test_every_word_is_in_both_languages() -> None:
    text = (STATIC / "words.js").read_text(encoding="utf-8")
    english, spanish = text.split("  es: {")
    used = {part.split('"')[0] for part in (STATIC / "index.html").read_text().split('data-word="')[1:]}
    for word in used:
        assert f"{word}:" in english, word
        assert f"{word}:" in spanish, word


def test_a_port_that_is_taken_is_noticed() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with ScreenServer(Hub(), Screen(port=taken.getsockname()[1])) as server:
            wait_until(lambda: not server.alive)


def test_stopping_ends_open_streams_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lines: list[str] = []

    def listen() -> None:
        with httpx.stream("GET", f"http://127.0.0.1:{port}/events", timeout=DEADLINE_S) as stream:
            lines.extend(stream.iter_lines())
        lines.append("ended")

    with ScreenServer(Hub(), Screen(port=port)) as server:
        wait_until(lambda: server.started)
        listener = threading.Thread(target=listen)
        listener.start()
        wait_until(lambda: httpx.get(f"http://127.0.0.1:{port}/health").json()["listeners"] == 1)
    listener.join(DEADLINE_S)
    assert lines[-1] == "ended"
    assert [record.message for record in caplog.records if record.name.startswith("uvicorn")] == []
