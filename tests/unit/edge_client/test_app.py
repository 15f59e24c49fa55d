"""The client as a process, put together: who is asked, who gets what, and what systemd hears."""

import contextlib
import socket
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_client import app
from edge_client.app import run_client
from edge_client.capture import live_source
from edge_client.capture.frames import Source
from edge_client.capture.sources import open_source
from edge_client.events import status
from edge_client.settings import Actions, Capture, Cloud, Device, Publish, Rule, Screen, Settings
from landmarks.models.session import ModelSession
from landmarks.recording import write_recording
from testkit.edge.http_service import Reply, http_service, model_answers
from testkit.waiting import DEADLINE_S, wait_until
from tests.unit.edge_client.capture.conftest import with_camera
from tests.unit.edge_client.capture.fake_opencv import Camera
from tests.unit.edge_client.capture.test_sources import made_recording

__all__ = ["with_camera"]  # a fixture of the tests of capture
TICK_S = 0.05
HELEN = Reply(body=b'{"status":"ok","accepts":["live"]}')


@pytest.mark.parametrize("screen", [HELEN, Reply()])
def test_a_client_without_its_own_screen_shows_hands_to_a_helen_screen_alone_and_systemd_hears_of_frames(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, screen: Reply
) -> None:
    write_recording(made_recording(windows=1), tmp_path / "a.npz")
    address = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    answers = model_answers(ModelSession.open(repository / "gesture" / "1"))
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
        http_service(answers) as service,
        http_service(lambda _: screen) as there,
    ):
        systemd.bind(address)
        systemd.settimeout(DEADLINE_S)
        settings = Settings(
            capture=Capture(source=str(tmp_path / "a.npz")),
            cloud=Cloud(url=service.url, retries=0),
            device=Device(model=""),
            publish=Publish(url=there.url + "/gestures/gesture-key"),
            screen=Screen(rate=60.0),
        )
        # In a thread: in the main one it would take the signals of the tests' process.
        client = threading.Thread(target=run_client, args=(settings,), kwargs={"with_screen": False})
        client.start()
        client.join(DEADLINE_S * 2)
        assert not client.is_alive()
        assert [systemd.recv(64) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]
        states = [request.json() for request in there.requests if request.path == "/live"]
        assert "/health" in there.paths()
        assert "/metadata" in service.paths()
    assert any(hand for state in states for hand in state["hands"]) is (screen is HELEN)
    assert bool(states) is (screen is HELEN)
    assert [state["troubles"] for state in states] == [[]] * len(states)


@pytest.fixture
def camera(
    with_camera: Callable[[list[int]], Camera], monkeypatch: pytest.MonkeyPatch
) -> Callable[[list[int]], Camera]:
    """A camera that plays what a test says, without a tracker; waiting for its frames takes no second."""
    monkeypatch.setattr(app, "open_tracker", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(live_source, "QUIET_S", TICK_S)
    monkeypatch.setattr(live_source, "LONGEST_RETRY_S", TICK_S)
    return with_camera


@contextlib.contextmanager
def running_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watchdog_us: int = 4, actions: Actions | None = None
) -> Iterator[tuple[socket.socket, list[Any]]]:
    """A client on camera 0 without a service; gives systemd's end of its socket and the states that were shown."""
    sources: list[Source] = []
    shown: list[Any] = []

    def open_and_keep(settings: Capture) -> Source:
        sources.append(open_source(settings))
        return sources[0]

    monkeypatch.setattr(app, "open_source", open_and_keep)
    monkeypatch.setattr(app, "ScreenClient", lambda _: types.SimpleNamespace(show=shown.append))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", str(watchdog_us))
    settings = Settings(
        capture=Capture(source="0", stall=TICK_S),
        device=Device(model=""),
        cloud=Cloud(url="http://127.0.0.1:9"),
        actions=actions or Actions(),
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(DEADLINE_S)
        client = threading.Thread(target=run_client, args=(settings,), kwargs={"with_screen": False})
        client.start()
        try:
            yield systemd, shown
        finally:
            wait_until(lambda: sources)
            sources[0].close()
            client.join(DEADLINE_S)
    assert not client.is_alive()


def test_a_camera_that_is_away_is_said_to_the_screen_and_to_systemd_which_lets_the_client_try(
    camera: Callable[[list[int]], Camera], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera([0] * 10_000)
    with running_client(tmp_path, monkeypatch) as (systemd, shown):
        assert systemd.recv(200) == b"READY=1"
        told = [systemd.recv(200) for _ in range(4)]
        while len(shown) < 4:
            told.append(systemd.recv(200))
    assert b"STATUS=camera 0 is away" in told
    assert told[-1] == b"WATCHDOG=1"
    assert shown[-1]["troubles"] == ["camera 0 is away"]
    assert "camera 0 is away" in shown[-1]["reason"]
    assert (shown[-1]["fps"], shown[-1]["hands"]) == (0.0, [None, None])


def test_a_camera_that_is_lost_is_said_until_it_is_back(
    camera: Callable[[list[int]], Camera], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("unplugged")

    camera([])
    pictures = sys.modules["cv2"].__dict__
    convert = pictures["cvtColor"]
    with running_client(tmp_path, monkeypatch, watchdog_us=60_000_000) as (_, shown):
        wait_until(lambda: shown and shown[-1]["fps"] > 0 and not shown[-1]["troubles"])
        pictures["cvtColor"] = fail
        wait_until(lambda: shown[-1]["fps"] == 0 and shown[-1]["troubles"] == ["camera 0 fails: OSError: unplugged"])
        pictures["cvtColor"] = convert
        wait_until(lambda: shown[-1]["fps"] > 0 and not shown[-1]["troubles"])


def test_a_camera_and_a_service_that_are_lost_are_events_and_so_is_a_camera_that_is_back(
    camera: Callable[[list[int]], Camera], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("unplugged")

    camera([])
    monkeypatch.setattr(status, "LASTS_S", TICK_S)
    pictures = sys.modules["cv2"].__dict__
    convert = pictures["cvtColor"]
    with http_service(lambda _: Reply()) as home:
        rule = Rule(when=("camera_lost", "camera_back", "service_lost"), url=home.url, cooldown=0)
        with running_client(tmp_path, monkeypatch, 60_000_000, Actions(rules=(rule,))) as (_, shown):

            def list_events() -> set[str]:
                return {request.json()["event"] for request in home.requests}

            wait_until(lambda: "service_lost" in list_events())
            wait_until(lambda: shown and shown[-1]["fps"] > 0)
            pictures["cvtColor"] = fail
            wait_until(lambda: "camera_lost" in list_events())
            pictures["cvtColor"] = convert
            wait_until(lambda: "camera_back" in list_events())
        assert {request.json()["session_id"] for request in home.requests} == {shown[-1]["session_id"]}
        reasons = {request.json()["event"]: request.json()["reason"] for request in home.requests}
    assert "127.0.0.1:9" in reasons["service_lost"]
    assert reasons["camera_lost"] == "camera 0 fails: OSError: unplugged"
    assert reasons["camera_back"] == ""


def test_a_camera_whose_driver_hangs_beyond_help_leaves_the_watchdog_unfed(
    camera: Callable[[list[int]], Camera], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = camera([Camera.HANGS] * 100)
    with running_client(tmp_path, monkeypatch) as (systemd, shown):
        wait_until(lambda: played.opened > live_source.MAX_STUCK)
        wait_until(lambda: any("has given no frame" in state["reason"] for state in shown))
        threading.Event().wait(4 * TICK_S)
        systemd.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while systemd.recv(200):
                pass
        count = len(shown)
        wait_until(lambda: len(shown) > count + 3)
        with pytest.raises(BlockingIOError):
            systemd.recv(200)
        played.hang.set()
