"""The client as a process, put together: who is asked, who gets what, and what systemd hears."""

import socket
import threading
from pathlib import Path

import pytest

from edge_client.app import run_client
from edge_client.settings import Capture, Cloud, Device, Publish, Screen, Settings
from landmarks.models.session import ModelSession
from landmarks.recording import write_recording
from testkit.edge.http_service import Reply, http_service, model_answers
from testkit.waiting import DEADLINE_S
from tests.unit.edge_client.capture.test_sources import made_recording

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
        client = threading.Thread(target=run_client, args=(settings,), kwargs={"with_screen": False, "printed": False})
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
