"""Answers for a live stream: newest window wins, the capture thread never waits, and this machine takes over."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_client.recognition.local_model import LocalModel
from edge_client.recognition.recogniser import AsyncRecogniser
from edge_client.service.http_client import ServiceClient
from edge_client.settings import Cloud, Device
from edge_client.types import Window, WindowPrediction, WindowStats
from landmarks.models.session import ModelSession
from testkit.edge.http_service import HttpService, Reply, Request, http_service, model_answers
from testkit.model_files import made_window
from testkit.waiting import DEADLINE_S, wait_until

SETTINGS = Device(failures=3, probe_every=0.05, answer_after=0.05)


@pytest.fixture
def session(repository: Path) -> ModelSession:
    return ModelSession.open(repository / "gesture" / "1")


@pytest.fixture
def device(repository: Path) -> LocalModel:
    return LocalModel.open(repository / "gesture")


@pytest.fixture
def service(session: ModelSession) -> Iterator[HttpService]:
    with http_service(model_answers(session)) as running:
        yield running


def make_recogniser(url: str, device: LocalModel | None, *, timeout: float = 5.0) -> AsyncRecogniser:
    return AsyncRecogniser(ServiceClient(Cloud(url=url, retries=0)), device, SETTINGS, timeout)


def window_at(time_s: float) -> Window:
    hands = made_window(20, use_z=True, seed=int(time_s * 1000))
    return Window(hands, np.ones((20, 2), dtype=np.float32), WindowStats(1, 20, 1.0, 0.1, 0.1), time_s)


class Feed:
    """Submits window after window and keeps what comes back."""

    def __init__(self, live: AsyncRecogniser) -> None:
        self.live = live
        self.answers: list[WindowPrediction] = []
        self.sent = 0

    def until(self, condition: Callable[[], object]) -> None:
        def fed() -> object:
            self.sent += 1
            self.live.submit(window_at(self.sent / 15))
            self.answers += self.live.collect()
            return condition()

        wait_until(fed)

    def last_source(self) -> str | None:
        return self.answers[-1].source if self.answers else None


def next_answers(live: AsyncRecogniser) -> list[WindowPrediction]:
    return collect_until(live, 1)


def collect_until(live: AsyncRecogniser, count: int) -> list[WindowPrediction]:
    answers: list[WindowPrediction] = []

    def enough() -> bool:
        answers.extend(live.collect())
        return len(answers) >= count

    wait_until(enough)
    return answers


def hold_predictions(service: HttpService) -> threading.Event:
    """Make ``/predict`` wait until the event is set."""
    release, usual = threading.Event(), service.answer

    def answer(request: Request) -> Reply:
        if request.path == "/predict":
            release.wait(DEADLINE_S)
        return usual(request)

    service.answer = answer
    return release


def test_the_service_answers_while_it_is_there(service: HttpService, device: LocalModel) -> None:
    with make_recogniser(service.url, device) as live:
        feed = Feed(live)
        feed.until(lambda: feed.last_source() == "cloud")
        assert live.link.connection == "online"
        assert live.link.same_model is True
        assert live.link.round_trip_ms is not None
        assert feed.answers[-1].model_version == "1"


def test_both_give_the_same_label_for_the_same_window(service: HttpService, device: LocalModel) -> None:
    with make_recogniser(service.url, None) as live:
        for step in range(1, 30):
            window = window_at(step / 15)
            wait_until(lambda: live.shape is not None)
            live.submit(window)
            answers = next_answers(live)
            assert np.allclose(answers[0].probabilities, device.predict(window).probabilities, atol=1e-4)
            assert answers[0].labels == device.labels


def test_one_request_is_in_flight_and_the_newest_window_wins(service: HttpService) -> None:
    release = hold_predictions(service)
    with make_recogniser(service.url, None) as live:
        wait_until(lambda: live.shape is not None)
        live.submit(window_at(1.0))
        wait_until(lambda: service.paths().count("/predict") == 1)
        for time_s in (2.0, 3.0, 4.0):
            live.submit(window_at(time_s))
        assert service.paths().count("/predict") == 1
        release.set()
        answers = collect_until(live, 2)
        assert [answer.window.time_s for answer in answers] == [1.0, 4.0]


def test_submitting_does_not_wait_for_a_service_that_hangs(service: HttpService) -> None:
    release = hold_predictions(service)
    with make_recogniser(service.url, None) as live:
        wait_until(lambda: live.shape is not None)
        live.submit(window_at(1.0))
        wait_until(lambda: service.paths().count("/predict") == 1)
        for step in range(1000):
            live.submit(window_at(2 + step / 15))
            assert live.collect() == []
        release.set()


def test_without_the_service_this_machine_answers(device: LocalModel) -> None:
    with http_service(lambda _: Reply()) as gone:
        url = gone.url
    with make_recogniser(url, device) as live:
        assert live.shape == device.shape
        feed = Feed(live)
        feed.until(lambda: len(feed.answers) >= 5 and live.link.connection == "offline")
        assert {answer.source for answer in feed.answers} == {"device"}
        assert live.link.reason


def test_without_the_service_and_a_model_there_is_no_answer_and_no_shape() -> None:
    with http_service(lambda _: Reply()) as gone:
        url = gone.url
    with make_recogniser(url, None) as live:
        wait_until(lambda: live.link.connection == "offline")
        assert live.shape is None
        live.submit(window_at(1.0))
        assert live.collect() == []


def test_a_service_that_fails_hands_over_and_takes_over_again(service: HttpService, device: LocalModel) -> None:
    usual = service.answer
    with make_recogniser(service.url, device) as live:
        feed = Feed(live)
        feed.until(lambda: feed.last_source() == "cloud")
        service.answer = lambda _: Reply(500)
        feed.until(lambda: feed.last_source() == "device" and live.link.connection == "offline")
        service.answer = usual
        feed.until(lambda: feed.last_source() == "cloud" and live.link.connection == "online")
        times = [answer.window.time_s for answer in feed.answers]
        assert times == sorted(set(times))


def test_every_failed_window_is_answered_here(service: HttpService, device: LocalModel) -> None:
    usual = service.answer
    service.answer = lambda request: Reply(500) if request.path == "/predict" else usual(request)
    with make_recogniser(service.url, device) as live:
        wait_until(lambda: live.link.connection == "online")
        live.submit(window_at(1.0))
        answers = next_answers(live)
        assert (answers[0].window.time_s, answers[0].source) == (1.0, "device")


def test_this_machine_answers_while_a_request_hangs(service: HttpService, device: LocalModel) -> None:
    release = hold_predictions(service)
    with make_recogniser(service.url, device, timeout=DEADLINE_S) as live:
        wait_until(lambda: live.link.connection == "online")
        feed = Feed(live)
        feed.until(lambda: len(feed.answers) >= 3)
        assert {answer.source for answer in feed.answers} == {"device"}
        assert service.paths().count("/predict") == 1
        release.set()
        feed.until(lambda: feed.last_source() == "cloud")


def test_an_answer_that_a_newer_one_overtook_is_dropped(service: HttpService, device: LocalModel) -> None:
    release = hold_predictions(service)
    with make_recogniser(service.url, device, timeout=DEADLINE_S) as live:
        wait_until(lambda: live.link.connection == "online")
        live.submit(window_at(1.0))
        feed = Feed(live)
        feed.sent = 100
        feed.until(lambda: feed.answers)
        release.set()
        feed.until(lambda: feed.last_source() == "cloud")
        assert 1.0 not in [answer.window.time_s for answer in feed.answers]


def test_a_service_that_asks_for_a_pause_gets_it(service: HttpService, device: LocalModel) -> None:
    usual = service.answer
    with make_recogniser(service.url, device) as live:
        wait_until(lambda: live.link.connection == "online")
        service.answer = lambda _: Reply(429, headers={"Retry-After": "9"})
        feed = Feed(live)
        feed.until(lambda: live.link.connection == "offline")
        service.answer = usual
        asked = len(service.requests)
        feed.until(lambda: len(feed.answers) >= 20)
        assert len(service.requests) == asked


def test_closing_ends_the_threads(service: HttpService, device: LocalModel) -> None:
    with make_recogniser(service.url, device) as live:
        assert {"cloud", "device"} <= {thread.name for thread in threading.enumerate()}
        assert [worker.alive for worker in live.workers] == [True, True]
    assert not {"cloud", "device"} & {thread.name for thread in threading.enumerate()}
