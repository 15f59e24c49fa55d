"""Windows over a live session: the service's own code answers, so that both ends are held to the same protocol."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_client.recognition.local_model import LocalModel
from edge_client.recognition.recogniser import AsyncRecogniser, open_recogniser
from edge_client.service.http_client import ServiceClient
from edge_client.service.replies import ServiceError
from edge_client.service.stream_client import StreamClient, WindowRejected
from edge_client.settings import Cloud, Device, Tracking, load_settings
from edge_client.types import Window, WindowPrediction, WindowStats
from edge_client.windows import HandWindows
from landmarks.hands import Array, compute_presence
from testkit.edge.stream_service import LiveService, live_service
from testkit.waiting import wait_until

TIMEOUT_S = 20.0
FRAME_BYTES = 84 * 2


@pytest.fixture
def service(repository: Path) -> Iterator[LiveService]:
    with live_service(repository) as running:
        yield running


@pytest.fixture
def device(repository: Path) -> LocalModel:
    return LocalModel.open(repository / "gesture")


def make_client(service: LiveService, **settings: str) -> StreamClient:
    return StreamClient(Cloud(url=service.url, **settings))  # type: ignore[arg-type]


def make_windows(device: LocalModel, in_view: list[tuple[int, int]], *, stride: int = 2, seed: int = 0) -> list[Window]:
    """The windows of made hands: pairs of how many frames hands are in view, and then how many they aren't."""
    draw = np.random.default_rng(seed)
    kept = HandWindows(device.shape, Tracking(stride=stride, lost_frames=8))
    windows, time_s = [], 0.0
    for shown, hidden in in_view:
        for index in range(shown + hidden):
            hands = draw.uniform(0.1, 0.9, (2, 21, 3)).astype(np.float32) * (index < shown)
            hands[index % 2] *= index % 5 > 0
            time_s += 1 / 30
            window = kept.push(hands, time_s)
            if window is not None:
                windows.append(window)
    return windows


def as_sent(window: Window) -> Window:
    """A window as FP16 leaves it."""
    hands = window.hands.astype(np.float16).astype(np.float32)
    return Window(hands, window.presence, window.stats, window.time_s, window.frame)


def agrees(probabilities: tuple[float, ...], expected: Array) -> bool:
    return bool(np.allclose(probabilities, expected, atol=2e-6))


# In view and out of view: a long sign, one interrupted for less than it takes to forget it, short ones, a pause.
IN_VIEW = [(50, 3), (20, 7), (40, 12), (15, 20), (16, 1), (1, 1), (60, 8), (25, 2)]


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_every_window_gets_the_answer_to_itself_and_every_frame_is_sent_once(
    service: LiveService, device: LocalModel, stride: int
) -> None:
    client = make_client(service)
    windows = make_windows(device, IN_VIEW, stride=stride)
    assert any(window.stats.complete for window in windows)
    for window in windows:
        _, reply = client.predict_window(window, TIMEOUT_S)
        assert agrees(reply.probabilities, device.predict(as_sent(window)).probabilities), window.frame
    client.close()
    assert service.sessions == 1
    sent = sum(len(message) // FRAME_BYTES for message in service.received)
    assert sent == len({(window.stats.episode, frame) for window in windows for frame in open_frames(window)})


def open_frames(window: Window) -> range:
    assert window.frame is not None
    return range(window.frame - len(window.hands) + 1, window.frame + 1)


def test_skipped_windows_lose_no_frame_and_a_gap_begins_anew(service: LiveService, device: LocalModel) -> None:
    client = make_client(service)
    windows = make_windows(device, [(200, 0)])
    for index in (0, 1, 7, 8, 60, 61, 30):
        _, reply = client.predict_window(windows[index], TIMEOUT_S)
        assert agrees(reply.probabilities, device.predict(as_sent(windows[index])).probabilities), index
    client.close()
    assert service.texts.count('{"type":"reset"}') == 2


def test_windows_that_stand_alone_are_sent_whole(service: LiveService, device: LocalModel) -> None:
    client = make_client(service)
    for seed in range(3):
        hands = np.random.default_rng(seed).uniform(0.1, 0.9, (10 + seed, 126)).astype(np.float32)
        window = Window(hands, compute_presence(hands), WindowStats(1, len(hands), 1.0, 0.1, 0.1), 0.0)
        _, reply = client.predict_window(window, TIMEOUT_S)
        assert agrees(reply.probabilities, device.predict(as_sent(window)).probabilities)
    client.close()


def test_a_broken_connection_costs_one_reconnection_and_no_answer(service: LiveService, device: LocalModel) -> None:
    client = make_client(service)
    windows = make_windows(device, [(90, 0)])
    for index, window in enumerate(windows):
        service.break_next = index == 10
        _, reply = client.predict_window(window, TIMEOUT_S)
        assert agrees(reply.probabilities, device.predict(as_sent(window)).probabilities), index
    client.close()
    assert service.sessions == 2


def test_a_session_that_ended_for_being_idle_is_opened_anew(repository: Path, device: LocalModel) -> None:
    windows = make_windows(device, [(40, 0)])
    with live_service(repository, session_idle_s=0.2) as service:
        client = make_client(service)
        client.predict_window(windows[0], TIMEOUT_S)
        session = client._session
        assert session is not None
        wait_until(lambda: session._socket.close_code == 4408)
        _, reply = client.predict_window(windows[1], TIMEOUT_S)
        assert agrees(reply.probabilities, device.predict(as_sent(windows[1])).probabilities)
        client.close()


def test_a_window_that_the_service_refuses_does_not_end_the_session(service: LiveService, device: LocalModel) -> None:
    client = make_client(service)
    windows = make_windows(device, [(40, 0)])
    short = Window(windows[0].hands[:3], windows[0].presence[:3], windows[0].stats, 0.0)
    with pytest.raises(WindowRejected, match="asked for of 3 frames, expected 6 or more"):
        client.predict_window(short, TIMEOUT_S)
    _, reply = client.predict_window(windows[1], TIMEOUT_S)
    assert agrees(reply.probabilities, device.predict(as_sent(windows[1])).probabilities)
    client.close()
    assert service.sessions == 1


@pytest.mark.parametrize(
    ("arguments", "keys", "key", "status", "retry_after_s", "sentence"),
    [
        ({"max_sessions": 1}, (), "", 429, 1.0, "1 sessions are live already"),
        ({}, ("right",), "", 401, 0.0, "this service wants an API key"),
        ({}, ("right",), "wrong", 403, 0.0, "Invalid API key."),
    ],
)
def test_a_service_that_opens_no_session_says_why(
    repository: Path,
    device: LocalModel,
    arguments: dict[str, float],
    keys: tuple[str, ...],
    key: str,
    status: int,
    retry_after_s: float,
    sentence: str,
) -> None:
    window = make_windows(device, [(40, 0)])[0]
    with live_service(repository, keys, **arguments) as service:
        first = make_client(service, api_key="right")
        first.predict_window(window, TIMEOUT_S)
        second = make_client(service, api_key=key)
        with pytest.raises(ServiceError, match=sentence) as fault:
            second.predict_window(window, TIMEOUT_S)
        assert (fault.value.status, fault.value.retry_after_s) == (status, retry_after_s)
        first.close()
        second.close()


def test_without_a_service_there_is_no_answer_and_nobody_waits_longer_than_asked(device: LocalModel) -> None:
    client = StreamClient(Cloud(url="http://127.0.0.1:9"))
    started_s = time.monotonic()
    with pytest.raises(ServiceError, match="can't be reached"):
        client.predict_window(make_windows(device, [(40, 0)])[0], 5.0)
    assert time.monotonic() - started_s < 30
    client.close()


def test_live_windows_are_answered_over_a_session_and_by_this_machine_when_it_is_gone(
    repository: Path, device: LocalModel
) -> None:
    windows = iter(make_windows(device, [(2000, 0)]))
    answers: list[WindowPrediction] = []

    def answered_by(source: str) -> bool:
        live.submit(next(windows))
        answers.extend(live.collect())
        time.sleep(0.02)
        return bool(answers) and answers[-1].source == source

    with live_service(repository) as service:
        live = AsyncRecogniser(make_client(service), device, Device(failures=2, probe_every=0.05), TIMEOUT_S)
        wait_until(lambda: answered_by("cloud"))
    wait_until(lambda: answered_by("device"))
    live.close()
    assert live.link.connection == "offline"
    for answer in answers:
        assert np.allclose(answer.probabilities, device.predict(answer.window).probabilities, atol=2e-2)


@pytest.mark.parametrize(("transport", "kind"), [("http", ServiceClient), ("stream", StreamClient)])
def test_the_transport_of_live_windows_is_a_setting(transport: str, kind: type) -> None:
    settings = load_settings(flags={"cloud.transport": transport, "device.model": ""}, environment={})
    live = open_recogniser(settings)
    assert type(live._remote) is kind
    live.close()
