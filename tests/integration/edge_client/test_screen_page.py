"""The screen's page in a browser: what it shows of whatever is posted, in which size, colour and words."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from edge_client.types import Advice, AnsweredBy, Connection, LessonPhase, LessonState
from edge_client.ui.body import ClientState, RequestRejected, check_state
from edge_client.ui.broadcast import Hub
from testkit.browser import Tab, another_tab, chromium, find_browser
from testkit.edge.hands import made_hand
from testkit.edge.local_screen import post, running_screen
from testkit.service import free_ports

pytestmark = pytest.mark.anyio

DEADLINE_S = 60
HAND = made_hand().tolist()
GUESS = {"belief": ["hello", 0.6], "bars": [["hello", 0.6], ["none", 0.4]], "hands": [None, HAND], "fps": 30}
ONLINE = {"connection": "online", "source": "cloud", "model_version": "3", "round_trip_ms": 8.4}
OFFLINE = {"connection": "offline", "source": "device", "has_device": True, "reason": "no answer within 300 ms"}

CHECKS = Path(__file__).with_name("page_checks.js").read_text(encoding="utf-8")
CONNECTED = "window.watched && watched.sockets.at(-1)?.readyState === 1"
LARGE = "document.getElementById('gesture').textContent"
TIMES = "[...document.querySelectorAll('#events time')].map((time) => time.textContent)"
LISTED = "[...document.querySelectorAll('#events b')].map((label) => label.textContent)"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def profile(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """The profile of a browser that runs."""
    browser = find_browser()
    if browser is None:
        pytest.skip("no Chromium is installed")
    folder = tmp_path_factory.mktemp("browser") / "profile"
    async with asyncio.timeout(DEADLINE_S):
        running = chromium(browser, folder, "about:blank")
        await running.__aenter__()
    yield folder
    await running.__aexit__(None, None, None)


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def url(hub: Hub) -> Iterator[str]:
    with running_screen(hub) as url:
        yield url


@contextlib.asynccontextmanager
async def opened(
    profile: Path, url: str, language: str = "en", width: int = 1280, height: int = 800
) -> AsyncIterator[Tab]:
    """The page in a tab of its own, connected; without a fault at its end."""
    async with asyncio.timeout(DEADLINE_S), another_tab(profile, CHECKS) as tab:
        window = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 800}
        await tab.call("Emulation.setDeviceMetricsOverride", **window)
        await tab.call("Page.navigate", url=f"{url}/?lang={language}")
        await tab.until(CONNECTED)
        yield tab
        assert await tab.evaluate("watched.faults") == []


async def send(url: str, event: object) -> None:
    assert await asyncio.to_thread(post, url, event) == 200


async def test_eight_tabs_are_all_connected_and_show_the_same_event(profile: Path, hub: Hub, url: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(opened(profile, url)) for _ in range(8)]
        assert hub.connected["pages"] == 8
        await send(url, {"gesture": "hello"})
        for tab in tabs:
            await tab.until(f"{LARGE} === 'hello'")


LABELS = {
    "gesture first": ({"gesture": "good-morning", "character": "b", "key": "c"}, "good morning"),
    "character alone": ({"character": "hola"}, "hola"),
    "key alone": ({"key": "Inicio"}, "Inicio"),
    "null gesture": ({"gesture": None, "character": " ", "key": "Inicio"}, "Inicio"),
    "number": ({"gesture": 7}, "7"),
    "object": ({"gesture": {"a": 1}}, '{"gesture":{"a":1}}'),
    "nothing": ({}, "{}"),
    "markup": ({"gesture": "<img src=x onerror=watched.faults.push(1)>"}, "<img src=x onerror=watched.faults.push(1)>"),
    "underscores": ({"gesture": "__"}, "__"),
    "long": ({"gesture": "a" * 500}, "a" * 120 + "…"),
    "hello": ({"type": "hello", "status": "ok", "gesture": "real"}, "real"),
}


async def test_any_event_stands_in_large_letters_and_in_the_list(profile: Path, url: str) -> None:
    async with opened(profile, url) as tab:
        for event, label in LABELS.values():
            await send(url, event)
            await tab.until(f"{LARGE} === {label!r}")
            assert (await tab.evaluate(LISTED))[0] == label
        assert await tab.evaluate("document.querySelectorAll('main img').length") == 0


ODD = [10**20, -1, -(10**9), 1e300, "0.9", "<b>", None, {}, [], True, "constructor", "2025-01-01"]


@pytest.mark.parametrize("language", ["en", "es"])
async def test_absurd_numbers_break_nothing_and_show_no_nonsense(profile: Path, url: str, language: str) -> None:
    async with opened(profile, url, language) as tab:
        for odd in ODD:
            event = dict.fromkeys(("score", "latency_ms", "timestamp", "source", "session_id"), odd)
            await send(url, {"gesture": "odd", **event})
            await tab.until(f"{LISTED}[0] === 'odd'")
            assert re.fullmatch(r"\d\d:\d\d:\d\d", (await tab.evaluate(TIMES))[0])
            assert await tab.evaluate("document.querySelector('#events small').textContent") == ""
            assert await tab.evaluate("document.getElementById('detail').textContent") == ""
            await send(url, {"gesture": "next"})
            await tab.until(f"{LISTED}[0] === 'next'")


async def test_milliseconds_since_1970_are_the_same_time_as_seconds(profile: Path, url: str) -> None:
    async with opened(profile, url) as tab:
        for timestamp in (1795310000.123, 1795310000123):
            await send(url, {"gesture": str(timestamp), "timestamp": timestamp})
            await tab.until(f"{LISTED}[0] === '{timestamp}'")
        times = await tab.evaluate(TIMES)
        assert times[0] == times[1]
        assert re.search(r"2026|\d\d:\d\d", times[0])


async def test_events_before_the_page_and_during_a_cut_are_listed_once_and_in_order(profile: Path, url: str) -> None:
    for number in range(3):
        await send(url, {"key": f"before {number}"})
    async with opened(profile, url) as tab:
        await tab.until(f"{LISTED}.length === 3")
        await send(url, {"key": "live"})
        await tab.until(f"{LISTED}.length === 4")
        for number in range(2):
            await tab.evaluate("watched.sockets.at(-1).close()")
            await tab.until("document.getElementById('link').textContent === 'Screen server away'")
            await send(url, {"key": f"missed {number}"})
            await tab.until(f"{LISTED}[0] === 'missed {number}'")
            await tab.until(CONNECTED)
        await send(url, {"key": "last"})
        await tab.until(f"{LISTED}[0] === 'last'")
        listed = await tab.evaluate(LISTED)
        assert listed == ["last", "missed 1", "missed 0", "live", "before 2", "before 1", "before 0"]


async def test_a_page_outlives_its_server_and_gets_the_events_of_the_next(profile: Path) -> None:
    (port,) = free_ports(1)
    async with contextlib.AsyncExitStack() as stack:
        with running_screen(Hub(), port=port) as url:
            await send(url, {"key": "first run"})
            tab = await stack.enter_async_context(opened(profile, url))
            await tab.until(f"{LISTED}[0] === 'first run'")
        with running_screen(Hub(), port=port) as url:
            await send(url, {"key": "second run"})
            await tab.until(f"{LISTED}[0] === 'second run'")
            assert await tab.evaluate(LISTED) == ["second run", "first run"]


ODD_STATES: list[dict[str, Any]] = [
    {"hands": 5},
    {"hands": None},
    {"hands": [HAND]},
    {"hands": [HAND[:20], HAND[:1]]},
    {"hands": [[[0.1, 0.2]] * 21, [None] * 21]},
    {"hands": [[[float("nan"), 0.2, 0.0]] * 21, [["a", "b", "c"]] * 21]},
    {"hands": [HAND, HAND], "aspect": 1e-12},
    {"bars": 5, "belief": 5, "fps": "many", "round_trip_ms": {}, "connection": "constructor", "source": "by"},
    {"bars": [5, None, ["<b>", 0.5], ["a", 9]], "belief": [None, None], "reason": {}, "model_version": []},
    {},
]


async def test_an_odd_state_stops_neither_the_pictures_nor_the_next_state(profile: Path, hub: Hub, url: str) -> None:
    async with opened(profile, url) as tab:
        for state in ODD_STATES:
            before = await tab.evaluate("watched.messages")
            hub.show(state)
            await tab.until(f"watched.messages > {before}")
            drawn = await tab.evaluate("watched.pictures")
            await tab.until(f"watched.pictures > {drawn} + 1")
            assert "object" not in await tab.evaluate("document.querySelector('main').innerText")
        hub.show(GUESS | ONLINE)
        await tab.until("document.body.dataset.hands === 'some' && document.querySelectorAll('#bars li').length === 2")


LIVE = "[aria-live], [role=status], [role=alert], [role=log]"
OBSERVE = """{
    window.said = [];
    const announcement = document.getElementById("announcement");
    new MutationObserver(() => said.push(announcement.textContent))
        .observe(announcement, { childList: true, characterData: true, subtree: true });
}"""


async def test_only_decided_gestures_are_announced(profile: Path, hub: Hub, url: str) -> None:
    async with opened(profile, url) as tab:
        await tab.evaluate(OBSERVE)
        for label in ("hello", "yes", "hello"):
            hub.show(GUESS | ONLINE | {"belief": [label, 0.6]})
            await tab.until(f"{LARGE} === '{label}?'")
        for _ in range(2):
            await send(url, {"gesture": "yes", "character": "yes"})
        await tab.until("said.length === 2")
        assert await tab.evaluate("said") == ["yes", "yes"]
        assert await tab.evaluate(f"[...document.querySelectorAll('{LIVE}')].map((one) => one.id)") == ["announcement"]


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("size", [(320, 640), (390, 844), (1280, 800)], ids=["320 px", "phone", "desktop"])
async def test_nothing_is_cut_off_and_all_text_is_legible(
    profile: Path, hub: Hub, url: str, language: str, size: tuple[int, int]
) -> None:
    async with opened(profile, url, language, *size) as tab:
        await tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
        assert await tab.evaluate("faintTexts()") == []
        await send(url, {"gesture": "w" * 60, "score": 0.97, "source": "cloud", "latency_ms": 41, "timestamp": 1.6e9})
        await send(url, {"gesture": "hello", "score": 0.97, "source": "cloud", "latency_ms": 41.2})
        for state in (GUESS | ONLINE, GUESS | OFFLINE):
            connection = f"document.body.dataset.connection === '{state['connection']}'"
            thinking = "document.getElementById('gesture').classList.contains('thinking')"
            for condition in (connection, f"{connection} && {thinking}"):
                while not await tab.evaluate(condition):
                    hub.show(state)
                    await asyncio.sleep(0.05)
                hub.show(state)
                await tab.until("document.body.dataset.hands === 'some'")
                assert await tab.evaluate("faintTexts()") == []
                assert await tab.evaluate("cutTexts()") == []
        assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await tab.evaluate("innerWidth") == size[0]


LESSON_SIGNS = {"get_ready": "3", "now": "●", "seen": "✓", "missed": "✗"}


@pytest.mark.parametrize(("language", "ready"), [("en", "my wave 2/5: get ready"), ("es", "my wave 2/5: prepárate")])
@pytest.mark.parametrize("size", [(390, 844), (1280, 800)], ids=["phone", "desktop"])
async def test_a_lesson_stands_in_letters_that_are_read_at_arms_length(
    profile: Path, hub: Hub, url: str, language: str, ready: str, size: tuple[int, int]
) -> None:
    async with opened(profile, url, language, *size) as tab:
        await tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
        for phase in get_args(LessonPhase):
            lesson = {"gesture": "my-wave", "phase": phase, "number": 2, "count": 5, "seconds": 3}
            while await tab.evaluate(LARGE) != LESSON_SIGNS[phase]:
                hub.show({"lesson": lesson})
                await asyncio.sleep(0.05)
            assert await tab.evaluate("faintTexts()") == []
            assert await tab.evaluate("cutTexts()") == []
            large = "parseFloat(getComputedStyle(document.getElementById('gesture')).fontSize)"
            assert await tab.evaluate(large) >= 80
            if phase == "get_ready":
                assert await tab.evaluate("document.getElementById('detail').textContent") == ready


@pytest.mark.parametrize("odd", [None, 7, [], {}, {"phase": "odd"}, {"phase": "now", "number": "<b>", "count": 1}])
async def test_a_lesson_that_is_none_shows_nothing(profile: Path, hub: Hub, url: str, odd: object) -> None:
    async with opened(profile, url) as tab:
        hub.show(GUESS | ONLINE | {"lesson": odd})
        await tab.until(f"{LARGE} === 'hello?'")


ADVICE = "document.getElementById('advice').textContent"
TURN = [("en", "The hands are upside down: turn the camera."), ("es", "Las manos se ven al revés: gira la cámara.")]


@pytest.mark.parametrize(("language", "words"), TURN)
@pytest.mark.parametrize("size", [(320, 640), (1280, 800)], ids=["320 px", "desktop"])
async def test_what_to_change_stands_over_the_hands_until_it_is_done(
    profile: Path, hub: Hub, url: str, language: str, words: str, size: tuple[int, int]
) -> None:
    async with opened(profile, url, language, *size) as tab:
        await tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
        for advice, shown in (("turn_camera", words), (None, ""), ("turn_camera", words), ("odd", "")):
            while await tab.evaluate(ADVICE) != shown:
                hub.show(GUESS | ONLINE | {"advice": advice})
                await asyncio.sleep(0.05)
            assert await tab.evaluate("faintTexts()") == []
            assert await tab.evaluate("cutTexts()") == []


async def test_a_camera_that_is_away_is_told_while_the_service_is_there(profile: Path, hub: Hub, url: str) -> None:
    trouble = "rpicam has ended: no cameras available"
    async with opened(profile, url) as tab:
        hub.show(ONLINE | {"reason": trouble, "fps": 0})
        await tab.until(f"document.getElementById('reason').innerText === '{trouble}'")
        assert await tab.evaluate("document.getElementById('reason').offsetHeight") > 0
        hub.show(GUESS | ONLINE)
        await tab.until("document.getElementById('reason').offsetHeight === 0")


def test_the_server_knows_every_state_of_the_client() -> None:
    for value in get_args(Connection):
        ClientState(connection=value)
    fields = {field: get_args(ClientState.__annotations__[field]) for field in ("connection", "source")}
    assert set(get_args(Connection)) == set(fields["connection"])
    assert set(get_args(AnsweredBy)) == set(get_args(fields["source"][0]))
    for advice in get_args(Advice):
        check_state({"advice": advice})
    for phase in get_args(LessonPhase):
        lesson = LessonState(gesture="wave", phase=phase, number=1, count=5, seconds=3, progress=0.5)
        check_state({"lesson": msgspec.to_builtins(lesson)})
    with pytest.raises(RequestRejected):
        check_state({"lesson": {"gesture": "wave", "phase": "odd", "number": 1, "count": 5}})
