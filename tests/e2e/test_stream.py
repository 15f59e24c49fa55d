"""``WS /stream`` of the real service, through HAProxy and every stage: answers, load, limits, and a killed ingress."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from edge_client.service.replies import ServiceError
from edge_client.service.stream_client import FrameSession, StreamClient
from edge_client.settings import Cloud
from edge_client.types import Window, WindowStats
from landmarks.hands import Array, apply_mask, compute_presence
from landmarks.models.session import ModelSession
from testkit.model_files import made_window
from testkit.service import MAX_SESSIONS, RunningService

pytestmark = pytest.mark.e2e

WAIT_S = 30
BACK_WITHIN_S = 90
DTYPES = {"fp16": "<f2", "fp32": "<f4"}


@contextmanager
def live_session(service: RunningService, **opening: Any) -> Iterator[ClientConnection]:
    """A session that is ready."""
    url = service.url.replace("http", "ws", 1) + "/stream"
    with connect(url, open_timeout=WAIT_S, proxy=None) as socket:
        socket.send(json.dumps(opening))
        assert read_prediction(socket)["type"] == "ready"
        yield socket


def read_prediction(socket: ClientConnection) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(socket.recv(timeout=WAIT_S))
    return answer


def compute_probabilities(session: ModelSession, window: Array) -> Array:
    """What the model file says when it is called directly."""
    logits = session.run({"sequence": window[None], "presence": compute_presence(window)[None]})["logits"][0]
    powers = np.exp((logits - logits.max()) / session.card.temperature)
    return np.asarray(powers / powers.sum(), dtype=np.float32)


def recording(frames: int) -> Array:
    """Made hands ``(frames, 84)`` whose windows get several labels, each hand away now and then."""
    parts = [made_window(20, seed=seed) * (0.5 + seed % 7 / 4) for seed in range(frames // 20 + 1)]
    hands = np.concatenate(parts)[:frames]
    hands[20:35, :42] = 0
    hands[50:65, 42:] = 0
    return hands


@pytest.mark.parametrize("encoding", ["fp16", "fp32", "json"])
def test_each_frame_s_window_gets_the_answer_of_the_model_file_called_directly(
    service: RunningService, encoding: str
) -> None:
    session = ModelSession.open(service.repository / "gesture" / "1")
    hands = recording(100)
    masks = np.ones((100, 2), np.float32)
    if encoding == "json":
        masks[70:80, 0] = 0
    sent = apply_mask(hands.astype(DTYPES.get(encoding, "<f4")).astype(np.float32), masks)
    names = set()  # the second likeliest ones: made hands are mostly none

    def message(index: int) -> str | bytes:
        if encoding == "json":
            return json.dumps({"frame": hands[index].tolist(), "mask": masks[index].tolist()})
        return bytes(hands[index].astype(DTYPES[encoding]).tobytes())

    with live_session(service, encoding=encoding, stride=2) as socket:
        for count in range(1, 101):
            socket.send(message(count - 1))
            if count < 6 or count % 2:
                continue
            answer = read_prediction(socket)
            assert (answer["frame"], answer["frames"]) == (count, min(count, 30))
            expected = compute_probabilities(session, sent[max(0, count - 30) : count])
            assert np.allclose(answer["probabilities"], expected, atol=1e-4)
            assert answer["prediction"] == session.card.class_labels[int(np.argmax(answer["probabilities"]))]
            names.add(session.card.class_labels[int(np.argsort(answer["probabilities"])[-2])])
        socket.send('{"type":"reset"}')
        for index in range(6):
            socket.send(message(index))
        answer = read_prediction(socket)
        assert (answer["frame"], answer["frames"]) == (106, 6), "of what was sent before the reset nothing is left"
    assert len(names) >= 3, "the windows are too much alike to prove anything"


def test_under_a_flood_every_due_window_is_answered_or_counted_as_skipped_and_the_newest_is_last(
    service: RunningService,
) -> None:
    session = ModelSession.open(service.repository / "gesture" / "1")
    hands = recording(300)
    answers: list[dict[str, Any]] = []
    models = service.replica_pids("GestureGRU")
    with live_session(service, encoding="fp32") as socket:
        for pid in models:
            os.kill(pid, signal.SIGSTOP)  # nothing is answered until every frame is in
        try:
            for number, frame in enumerate(hands, 1):
                socket.send(number.to_bytes(4, "little") + frame.tobytes())
            socket.send((1000).to_bytes(4, "little") + np.full(84, np.nan, np.float32).tobytes())
            assert socket.ping().wait(WAIT_S), "the service doesn't read"
        finally:
            for pid in models:
                os.kill(pid, signal.SIGCONT)
        while (answer := read_prediction(socket))["frame"] != 1000:
            answers.append(answer)
        assert answer["code"] == "invalid_input"
    numbers = [answer["frame"] for answer in answers]
    assert numbers == sorted(set(numbers))
    skipped = sum(answer["skipped"] for answer in answers)
    assert len(answers) + skipped == 295
    assert skipped > 200
    newest = compute_probabilities(session, hands[270:])
    assert np.allclose(answers[-1]["probabilities"], newest, atol=1e-4)


@pytest.mark.parametrize(
    ("message", "code", "slug"),
    [
        (bytes(167), 1007, "invalid_input"),
        (bytes(31 * 168), 1009, "message_too_large"),
        ("good day", 1007, "invalid_input"),
        ('{"frame":[0.1]}', 1003, "unsupported_data"),
    ],
)
def test_a_message_that_is_none_ends_the_session_with_its_code_and_words(
    service: RunningService, message: bytes | str, code: int, slug: str
) -> None:
    with live_session(service) as socket:
        socket.send(message)
        told = read_prediction(socket)
        assert (told["type"], told["code"]) == ("error", slug)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=WAIT_S)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, told["error"][:123])


def test_a_frame_that_is_not_finite_is_named_and_the_session_goes_on(service: RunningService) -> None:
    hands = recording(12).astype("<f2")
    with live_session(service) as socket:
        spoilt = hands[0].copy()
        spoilt[17] = np.nan
        socket.send((7).to_bytes(4, "little") + spoilt.tobytes())
        told = read_prediction(socket)
        assert (told["code"], told["frame"]) == ("invalid_input", 7)
        assert told["error"] == "frames[0][17] is nan, expected a finite number"
        socket.send(hands.tobytes())
        assert read_prediction(socket)["frames"] == 12


def test_one_session_too_many_is_refused_in_http_through_the_proxy(service: RunningService) -> None:
    with ExitStack() as stack:
        with pytest.raises(InvalidStatus) as refusal:
            for _ in range(2 * MAX_SESSIONS + 1):  # there are two ingress replicas at most
                stack.enter_context(live_session(service))
        response = refusal.value.response
        assert (response.status_code, response.headers["Retry-After"]) == (429, "1")
        assert json.loads(response.body or b"")["code"] == "overloaded"
    deadline = time.monotonic() + WAIT_S
    while True:  # the sessions' ends reach the service a moment after us
        try:
            with live_session(service):
                return
        except InvalidStatus:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def window_ending_at(hands: Array, newest: int) -> Window:
    """The window of the last 30 of made hands ``(N, 126)``, as the Pi builds it."""
    frames = hands[newest - 29 : newest + 1]
    return Window(frames, compute_presence(frames), WindowStats(1, 30, 1.0, 0.1, 0.1), newest / 30, newest)


def test_a_killed_ingress_costs_a_live_client_a_reconnection_and_no_wrong_answer(service: RunningService) -> None:
    session = ModelSession.open(service.repository / "gesture" / "1")
    hands = made_window(4000, use_z=True, seed=9) * np.linspace(0.4, 1.6, 4000, dtype=np.float32)[:, None]
    client = StreamClient(Cloud(url=service.url))
    used: list[FrameSession] = []
    failures = 0

    def ask(newest: int) -> bool:
        nonlocal failures
        window = window_ending_at(hands, newest)
        try:
            metadata, reply = client.predict_window(window, WAIT_S)
        except ServiceError:
            failures += 1
            time.sleep(0.2)
            return False
        sent = metadata.shape.prepare(window.hands).astype("<f2").astype(np.float32)
        assert np.allclose(reply.probabilities, compute_probabilities(session, sent), atol=1e-4), newest
        if client._session is not None and client._session not in used:
            used.append(client._session)
        return True

    for newest in range(29, 69, 2):
        assert ask(newest)
    killed = service.replica_pids("Preprocess")
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + BACK_WITHIN_S
    answered, newest = 0, 69
    while answered < 20:
        assert time.monotonic() < deadline, f"not back after {failures} failures"
        answered += ask(newest)
        newest += 2
    client.close()
    assert len(used) >= 2
    assert not set(service.replica_pids("Preprocess")) & set(killed)
    for _ in range(20):  # the next test finds the service as this one did
        assert httpx.get(f"{service.url}/health", timeout=WAIT_S).status_code == 200
