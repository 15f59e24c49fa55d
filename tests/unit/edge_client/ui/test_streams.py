"""No event is lost on its way to a listener: ids, what came while it was away, and what a fault leaves running."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator

import httpx
import pytest
import uvicorn

from edge_client.settings import Screen
from edge_client.ui.broadcast import EVENTS_KEPT, EVENTS_SHOWN, Broadcaster, Hub, Message
from edge_client.ui.server import ScreenServer
from edge_client.ui.streams import MAX_LISTENERS, TRY_AGAIN_LATER
from testkit.edge.local_screen import connected_page, listening, next_message, post, running_screen
from testkit.service import free_ports
from testkit.waiting import DEADLINE_S, wait_until

HELLO = {"type": "hello", "status": "ok"}
SERVICE_RESTART = 1012  # RFC 6455's registry
LAST_EVENT_ID = "Last-Event-ID"


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def url(hub: Hub) -> Iterator[str]:
    with running_screen(hub) as url:
        yield url


def test_a_listener_that_was_away_gets_what_it_missed_and_nothing_twice(url: str) -> None:
    with listening(url + "/events") as events:
        post(url, {"number": 0})
        post(url, {"number": 1})
        wait_until(lambda: len(events.ids) == 2)
        first, second = events.ids
    for number in (2, 3):
        post(url, {"number": number})
    with listening(url + "/events", **{LAST_EVENT_ID: second}) as events:
        post(url, {"number": 4})
        wait_until(lambda: {"number": 4} in events)
        assert [event.get("number") for event in events] == [None, None, 2, 3, 4]  # hello, and {} of the one before
    assert first != second


def test_a_new_listener_gets_new_events_alone(url: str) -> None:
    post(url, {"number": 0})
    with listening(url + "/events") as events:
        post(url, {"number": 1})
        wait_until(lambda: len(events) > 1)
        assert events == [HELLO, {"number": 1}]


def test_a_listener_of_an_earlier_run_gets_all_that_is_kept(url: str) -> None:
    for number in range(EVENTS_KEPT + 5):
        post(url, {"number": number})
    with listening(url + "/events", **{LAST_EVENT_ID: "0badcafe-1"}) as events:
        wait_until(lambda: len(events) > EVENTS_KEPT)
        assert events == [HELLO, *({"number": number} for number in range(5, EVENTS_KEPT + 5))]


@pytest.mark.parametrize(
    "event_id", ["0badcafe-1", "", "x", "-", "-1", "9" * 40, "RUN-", "RUN-²", "RUN--1", "RUN-" + "9" * 40]
)
def test_an_id_that_this_run_did_not_give_is_before_all_events(event_id: str) -> None:
    hub = Hub()
    run = hub.event_id(Message(7, b"", 0.0)).removesuffix("-7")
    assert hub.event_number(f"{run}-7") == 7
    assert hub.event_number(event_id.replace("RUN", run)) == 0


def test_recent_events_are_told_newest_first(url: str) -> None:
    for number in range(EVENTS_SHOWN + 5):
        post(url, {"number": number})
    assert [event["number"] for event in httpx.get(url + "/recent").json()] == list(range(EVENTS_SHOWN + 4, 4, -1))


@pytest.mark.anyio
async def test_a_page_gets_the_last_events_then_new_ones_and_states_over_one_socket(hub: Hub, url: str) -> None:
    for number in range(EVENTS_SHOWN + 1):
        post(url, {"number": number})

    async with connected_page(url) as page:
        past = [await next_message(page) for _ in range(EVENTS_SHOWN)]
        assert [message["gesture"]["number"] for message in past] == list(range(1, EVENTS_SHOWN + 1))
        assert all(message["past"] and message["at"] > 1.7e9 for message in past)
        hub.show({"fps": 30})
        assert await next_message(page) == {"state": {"fps": 30}}
        await asyncio.to_thread(post, url, {"number": 99})
        newest = await next_message(page)
        assert (newest["gesture"], newest["past"]) == ({"number": 99}, False)
    await asyncio.to_thread(post, url, {"number": 100})
    async with connected_page(url, after=newest["id"]) as page:
        missed = await next_message(page)
        assert (missed["gesture"], missed["past"]) == ({"number": 100}, True)


@pytest.mark.anyio
async def test_a_page_that_leaves_is_counted_no_more_and_one_too_many_is_told_so(hub: Hub, url: str) -> None:
    def health() -> dict[str, int]:
        answer: dict[str, int] = httpx.get(url + "/health").json()
        return answer

    async def read() -> None:
        async with connected_page(url) as page:
            await page.send("what a page never says")
            await asyncio.to_thread(wait_until, lambda: health()["pages"] == 1)
        await asyncio.to_thread(wait_until, lambda: health()["pages"] == 0)
        hub.connected["pages"] = MAX_LISTENERS
        async with connected_page(url) as page:
            await page.wait_closed()
            assert page.close_code == TRY_AGAIN_LATER

    await read()
    assert health()["faults"] == 0


@pytest.mark.anyio
async def test_stopping_ends_a_pages_socket_without_a_word_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def stop() -> None:
        async with contextlib.AsyncExitStack() as stack:
            with running_screen(Hub()) as url:
                page = await stack.enter_async_context(connected_page(url))
            await page.wait_closed()
            assert page.close_code == SERVICE_RESTART

    await stop()
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.anyio
async def test_a_slow_listener_loses_the_oldest() -> None:
    async def listen() -> list[bytes]:
        channel = Broadcaster(64)
        stream = channel.follow(0)
        channel.send(b"first")
        received = [await anext(stream)]
        for number in range(100):
            channel.send(str(number).encode())
        received += [await anext(stream) for _ in range(64)]
        return [message.body for message in received if message]

    received = await asyncio.wait_for(listen(), DEADLINE_S)
    assert received == [b"first", *(str(number).encode() for number in range(36, 100))]


def test_a_state_that_is_no_json_is_counted_and_the_next_one_arrives(
    hub: Hub, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(url + "/live") as states:
        for _ in range(5):
            hub.show({"hands": object()})
        hub.show({"fps": 30})
        wait_until(lambda: len(states) > 1)
        assert states == [None, {"fps": 30}]
    health = httpx.get(url + "/health").json()
    assert (health["status"], health["faults"]) == ("ok", 5)
    assert "TypeError" in health["last_fault"]
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(logged) == 1
    assert logged[0].exc_info


def test_a_fault_of_socketio_is_counted_and_sse_listeners_get_the_event(
    hub: Hub, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(hub.sockets, "emit", fail)
    with listening(url + "/events") as events:
        assert post(url, {"number": 0}) == 200
        wait_until(lambda: len(events) > 1)
        assert events[1] == {"number": 0}
    assert httpx.get(url + "/health").json()["last_fault"] == "Socket.IO: RuntimeError: no room"


def test_a_fault_of_a_route_is_a_500_in_json_and_is_counted(hub: Hub, url: str) -> None:
    hub.events.send = None  # type: ignore[assignment, method-assign]
    answer = httpx.post(url + "/gestures/gesture-key", json={})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert httpx.get(url + "/health").json()["faults"] == 1


@pytest.mark.anyio
async def test_a_fault_of_a_pages_stream_ends_that_page_alone_and_is_counted(hub: Hub, url: str) -> None:
    async def read() -> None:
        async with connected_page(url) as page, connected_page(url) as other:
            hub.event_id = None  # type: ignore[assignment, method-assign]
            await asyncio.to_thread(post, url, {"number": 0})
            await page.wait_closed()
            assert page.close_code == 1011
            await other.wait_closed()
        del hub.event_id
        async with connected_page(url) as page:
            assert (await next_message(page))["gesture"] == {"number": 0}

    await read()
    assert httpx.get(url + "/health").json()["faults"] == 2


def test_a_server_that_dies_says_so(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def die(_: uvicorn.Server) -> None:
        raise RuntimeError("gone")

    monkeypatch.setattr(uvicorn.Server, "run", die)
    with ScreenServer(Hub(), Screen(port=free_ports(1)[0])) as server:
        wait_until(lambda: not server.alive)
    assert "the local screen has ended" in caplog.text
