"""A worker goes on after anything, and one that doesn't is known: to the health, the screen and systemd."""

import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_client.publisher import Publisher
from edge_client.recognition.local_model import LocalModel
from edge_client.recognition.recogniser import AsyncRecogniser
from edge_client.runtime.systemd import Watchdog
from edge_client.runtime.worker import Health, Worker
from edge_client.service.http_client import ServiceClient
from edge_client.service.model_metadata import ModelMetadata
from edge_client.settings import Cloud, Publish
from edge_client.types import FrameState, LinkState, Window, WindowPrediction
from edge_client.ui.state_publisher import StatePublisher
from landmarks.models.session import ModelSession
from landmarks.protocol.predictions import Prediction
from testkit.edge.hands import made_frame
from testkit.edge.http_service import Reply, http_service, model_answers
from testkit.waiting import DEADLINE_S, wait_until
from tests.unit.edge_client.service.test_odd_answers import SETTINGS, window_at
from tests.unit.edge_client.test_publisher import event

STATE = FrameState(made_frame(), None, None, None, None, 30.0)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_client.runtime.worker.FAILURE_PAUSE_S", 0.01)


def test_a_worker_goes_on_after_anything_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    rounds: list[int] = []

    def work() -> None:
        rounds.append(1)
        raise IndexError("tuple index out of range")

    worker = Worker("odd", work)
    with caplog.at_level(logging.INFO):
        worker.start()
        wait_until(lambda: worker.failures >= 5)
        assert worker.alive
        assert worker.trouble == "the odd thread fails: IndexError: tuple index out of range"
        worker.stop(DEADLINE_S)
    assert caplog.text.count("Traceback") == 1
    assert worker.trouble == ""


def test_a_worker_that_is_well_again_says_nothing_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_client.runtime.worker.SHOWN_S", 0.0)
    faults = [ValueError("once")]
    rested = threading.Event()

    def work() -> None:
        if faults:
            raise faults.pop()
        rested.wait(0.01)

    worker = Worker("odd", work)
    worker.start()
    wait_until(lambda: worker.failures == 1 and worker.trouble == "")
    worker.stop(DEADLINE_S)


def end() -> None:
    raise SystemExit("a library ended its thread")


def test_a_worker_that_ended_is_not_alive() -> None:
    worker = Worker("odd", end)
    worker.start()
    wait_until(lambda: not worker.alive)
    assert worker.trouble == "the odd thread has ended: SystemExit: a library ended its thread"


def test_a_worker_whose_round_never_ends_is_not_alive() -> None:
    release = threading.Event()
    worker = Worker("odd", lambda: release.wait(DEADLINE_S), stall_s=0.05)
    worker.start()
    wait_until(lambda: not worker.alive)
    assert worker.trouble == "the odd thread is stuck"
    release.set()
    worker.stop(DEADLINE_S)


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[tuple[dict[str, str], socket.socket]]:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address)
        listening.settimeout(DEADLINE_S)
        yield {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "4"}, listening


def test_the_watchdog_is_not_fed_while_a_worker_is_dead(systemd: tuple[dict[str, str], socket.socket]) -> None:
    environment, listening = systemd
    release = threading.Event()
    well, odd = Worker("well", lambda: release.wait(0.01)), Worker("odd", end)
    well.start()
    health = Health([well])
    with Watchdog(environment, health) as watchdog:
        watchdog.alive()
        assert [listening.recv(64) for _ in range(2)] == [b"READY=1", b"WATCHDOG=1"]
        odd.start()
        wait_until(lambda: not odd.alive)
        health.watch(odd)
        for _ in range(3):
            watchdog.alive()
        assert listening.recv(200) == (b"STATUS=the odd thread has ended: SystemExit: a library ended its thread")
    assert listening.recv(64) == b"STOPPING=1"
    well.stop(DEADLINE_S)


def test_systemd_is_told_of_trouble_and_of_its_end(
    systemd: tuple[dict[str, str], socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, listening = systemd
    fails = threading.Event()
    fails.set()

    def work() -> None:
        if fails.is_set():
            raise ValueError("ñ" * 400)

    worker = Worker("odd", work)
    worker.start()
    wait_until(lambda: worker.failures)
    with Watchdog({**environment, "WATCHDOG_USEC": "0"}, Health([worker])) as watchdog:
        watchdog.alive()
        assert listening.recv(64) == b"READY=1"
        assert listening.recv(2000).decode().startswith("STATUS=the odd thread fails: ValueError: ñññ")
        fails.clear()
        monkeypatch.setattr("edge_client.runtime.worker.SHOWN_S", 0.0)
        watchdog.alive()
        assert listening.recv(64) == b"STATUS="
    worker.stop(DEADLINE_S)


class OddService(ServiceClient):
    """A client with a bug: it raises what nobody expects."""

    fault: BaseException | None = None

    def get_metadata(self, *, timeout: float | None = None, force_refresh: bool = False) -> ModelMetadata:
        if self.fault:
            raise self.fault
        return super().get_metadata(timeout=timeout, force_refresh=force_refresh)

    def predict_window(self, window: Window, timeout: float) -> tuple[ModelMetadata, Prediction]:
        if self.fault:
            raise self.fault
        return super().predict_window(window, timeout)


@pytest.fixture
def session(repository: Path) -> ModelSession:
    return ModelSession.open(repository / "gesture" / "1")


@pytest.fixture
def device(repository: Path) -> LocalModel:
    return LocalModel.open(repository / "gesture")


class Feed:
    def __init__(self, live: AsyncRecogniser) -> None:
        self.live = live
        self.answers: list[WindowPrediction] = []
        self._sent = 0

    def skip_to(self, time_s: float) -> None:
        self._sent = round(time_s * 15)

    def answered_by(self, source: str) -> bool:
        self._sent += 1
        self.live.submit(window_at(self._sent / 15))
        self.answers += self.live.collect()
        return bool(self.answers) and self.answers[-1].source == source


def test_a_bug_on_the_way_to_the_service_is_an_outage_like_any_other(session: ModelSession, device: LocalModel) -> None:
    with http_service(model_answers(session)) as running:
        service = OddService(Cloud(url=running.url, retries=0))
        with AsyncRecogniser(service, device, SETTINGS, 5.0) as live:
            feed = Feed(live)
            wait_until(lambda: feed.answered_by("cloud"))
            service.fault = RecursionError("maximum recursion depth exceeded")
            wait_until(lambda: feed.answered_by("device") and live.link.connection == "offline")
            assert "maximum recursion depth" in live.link.reason
            assert "the cloud thread fails: RecursionError" in Health(live.workers).troubles[0]
            service.fault = None
            wait_until(lambda: feed.answered_by("cloud") and live.link.connection == "online")


def test_a_cloud_thread_that_ended_is_not_shown_as_connected_and_this_machine_answers(
    session: ModelSession, device: LocalModel
) -> None:
    with http_service(model_answers(session)) as running:
        service = OddService(Cloud(url=running.url, retries=0))
        with AsyncRecogniser(service, device, SETTINGS, 5.0) as live:
            feed = Feed(live)
            wait_until(lambda: feed.answered_by("cloud"))
            service.fault = SystemExit("gone")
            wait_until(lambda: feed.answered_by("device") and not live.workers[0].alive)
            wait_until(lambda: feed.answered_by("device"))
            assert live.link.connection == "offline"
            assert live.link.reason == "the cloud thread has ended: SystemExit: gone"
            assert not Health(live.workers).alive


def test_an_event_that_cannot_be_sent_does_not_stop_the_next() -> None:
    with http_service(lambda _: Reply()) as service, Publisher(Publish(url=service.url)) as publisher:
        publisher.publish(object())  # type: ignore[arg-type]  # what JSON can't say
        publisher.publish(event(2))
        wait_until(lambda: publisher.delivery.sent == 1)
        assert publisher.worker.failures == 1
        assert publisher.delivery.failed == 1
        assert "the publisher thread fails" in publisher.worker.trouble


def test_a_state_that_cannot_be_shown_does_not_stop_the_next() -> None:
    shown: list[dict[str, Any]] = []

    def show(state: dict[str, Any]) -> None:
        shown.append(state)
        if len(shown) == 1:
            raise OSError("the screen's loop is closed")

    with StatePublisher(show, LinkState, 1000, "s") as feed:
        feed.show(STATE)
        wait_until(lambda: feed.worker.failures == 1)
        feed.show(STATE)
        wait_until(lambda: len(shown) == 2)


def test_the_screen_shows_what_is_wrong() -> None:
    shown: list[dict[str, Any]] = []
    worker = Worker("odd", end)
    worker.start()
    wait_until(lambda: not worker.alive)
    with StatePublisher(shown.append, lambda: LinkState(reason="away"), 1000, "s", Health([worker])) as feed:
        feed.show(STATE)
        wait_until(lambda: shown)
    assert shown[0]["troubles"] == ["the odd thread has ended: SystemExit: a library ended its thread"]
    assert shown[0]["reason"] == "away; the odd thread has ended: SystemExit: a library ended its thread"


def test_a_window_that_the_device_chokes_on_does_not_silence_it(device: LocalModel) -> None:
    with http_service(lambda _: Reply()) as gone:
        url = gone.url
    with AsyncRecogniser(ServiceClient(Cloud(url=url, retries=0)), device, SETTINGS, 5.0) as live:
        feed = Feed(live)
        wait_until(lambda: feed.answered_by("device"))
        live.submit(replace(window_at(99.0), hands=None))  # type: ignore[arg-type]
        wait_until(lambda: live.workers[1].failures == 1)
        feed.skip_to(100.0)
        wait_until(lambda: feed.answered_by("device") and feed.answers[-1].window.time_s > 99.0)
