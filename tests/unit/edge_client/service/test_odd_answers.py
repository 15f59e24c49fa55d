"""Whatever a peer answers, the outcome is the client's own error, in the time it was given, and the client goes on."""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from edge_client.recognition.local_model import LocalModel
from edge_client.recognition.recogniser import AsyncRecogniser
from edge_client.service.http_client import ServiceClient
from edge_client.service.replies import ServiceError
from edge_client.service.stream_client import StreamClient
from edge_client.settings import Cloud, Device
from edge_client.types import Window, WindowStats
from landmarks.models.session import ModelSession
from testkit.edge.http_service import Reply, Request, build_metadata, http_service, model_answers
from testkit.edge.raw_peer import raw_peer, session_server
from testkit.model_files import LABELS, build_card, linear_model, made_window
from testkit.waiting import wait_until

WINDOW = made_window(10)
DEEP = b"[" * 100_000
SETTINGS = Device(failures=2, probe_every=0.05, answer_after=0.05)

# Replies to any request of a client.
ODD_REPLIES = {
    "a body in Latin-1": Reply(503, '{"error":"servicio no disponible por mañana"}'.encode("latin-1")),
    "a nested body": Reply(503, b'{"error":' + b"[" * 3000 + b"]" * 3000 + b"}"),
    "a very nested body": Reply(500, DEEP),
    "an error that is a list": Reply(500, b'{"error":[1,2]}'),
    "a superscript Retry-After": Reply(503, b'{"error":"later"}', {"Retry-After": "²"}),
    "a fraction as Retry-After": Reply(503, b'{"error":"later"}', {"Retry-After": "½"}),
    "an endless Retry-After": Reply(503, b'{"error":"later"}', {"Retry-After": "9" * 5000}),
    "a date that is none": Reply(503, b'{"error":"later"}', {"Retry-After": "Fri, 99 Dec 99999 99:99:99 GMT"}),
    "a success in Latin-1": Reply(200, '{"version":"mañana"}'.encode("latin-1")),
    "a nested success": Reply(200, DEEP),
    "a body that is no gzip": Reply(200, b"no", {"Content-Encoding": "gzip"}),
    "a header length of another script": Reply(200, b"{}", {"Inference-Header-Content-Length": "²"}),
    "a redirect to nowhere": Reply(302, b"", {"Location": "http://[::1"}),
}

BYTES = {
    "nothing": b"",
    "no HTTP": b"\x00\xff\xfe garbage\r\n\r\n",
    "a status of letters": b"HTTP/1.1 abc OK\r\n\r\n",
    "an odd length": b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n{",
    "an odd chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\xb2\r\n{}\r\n",
    "two Retry-After": b"HTTP/1.1 503 No\r\nRetry-After: 1\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n",
    "two Location": b"HTTP/1.1 302 No\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n",
    "half a handshake": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
}


def window_at(time_s: float) -> Window:
    hands = made_window(20, use_z=True, seed=int(time_s * 1000))
    return Window(hands, np.ones((20, 2), dtype=np.float32), WindowStats(1, 20, 1.0, 0.1, 0.1), time_s)


@pytest.fixture(scope="module")
def session() -> ModelSession:
    model = linear_model()
    return ModelSession(model, build_card(model))


@pytest.fixture
def device(repository: Path) -> LocalModel:
    return LocalModel.open(repository / "gesture")


@pytest.mark.parametrize("name", ODD_REPLIES)
@pytest.mark.parametrize("path", ["/metadata", "/v2/models/gesture/infer"])
@pytest.mark.parametrize("retries", [0, 1])
def test_an_odd_reply_to_any_question_is_a_cloud_error(
    session: ModelSession, name: str, path: str, retries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("urllib3.util.retry.time.sleep", lambda seconds: None)
    usual = model_answers(session, ("fp16",))
    with http_service(lambda request: ODD_REPLIES[name] if request.path == path else usual(request)) as peer:
        client = ServiceClient(Cloud(url=peer.url, retries=retries))
        with pytest.raises(ServiceError) as fault:
            client.predict(WINDOW)
        assert str(fault.value).isprintable()
        assert 0 <= fault.value.retry_after_s <= 10
        client.close()


@pytest.mark.parametrize("name", BYTES)
@pytest.mark.parametrize("transport", ["http", "stream"])
def test_odd_bytes_are_a_cloud_error_over_both_transports(name: str, transport: str) -> None:
    with raw_peer(BYTES[name]) as peer:
        settings = Cloud(url=peer.url, retries=0)
        client = ServiceClient(settings) if transport == "http" else StreamClient(settings)
        with pytest.raises(ServiceError):
            client.predict_window(window_at(1.0), 2.0)
        client.close()


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
        b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_body_that_trickles_in_is_given_up_on_in_time(said: bytes) -> None:
    with raw_peer(said, then=b"1\r\nx\r\n") as peer:
        client = ServiceClient(Cloud(url=peer.url, retries=0, timeout=0.2))
        with pytest.raises(ServiceError, match=r"was not whole within 0\.2 s"):
            client.get_metadata()
        client.close()


def test_a_body_without_end_is_refused_and_not_read_on() -> None:
    with raw_peer(b"HTTP/1.1 200 OK\r\n\r\n", then=b"x" * 1_000_000, pauses_s=0.0) as peer:
        client = ServiceClient(Cloud(url=peer.url, retries=0, timeout=30))
        with pytest.raises(ServiceError, match="more than 4194304 bytes"):
            client.get_metadata()
        client.close()


METADATA_FAULTS = {
    "a feature_dim that does not fit use_z": ({"feature_dim": 85}, "feature_dim is 85, expected 84"),
    "a longer minimum than maximum": ({"min_seq_len": 31}, "min_seq_len is 31, expected at most seq_len, 30"),
    "too few labels": ({"num_classes": 9}, "class_labels has"),
}


@pytest.mark.parametrize("name", METADATA_FAULTS)
def test_metadata_that_contradicts_itself_is_refused(session: ModelSession, name: str) -> None:
    changed, sentence = METADATA_FAULTS[name]
    body = msgspec.json.encode(build_metadata(session.card) | changed)
    with http_service(lambda _: Reply(body=body)) as peer, pytest.raises(ServiceError, match=sentence):
        ServiceClient(Cloud(url=peer.url, retries=0)).get_metadata()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"top_index": 99}, "top_index is 99, expected less than"),
        ({"top_index": -1}, "top_index is -1"),
        ({"probabilities": [1e300] * len(LABELS)}, "probabilities has 1e.300, expected 0 to 1"),
        ({"probabilities": [-1.0] * len(LABELS)}, "probabilities has -1.0, expected 0 to 1"),
        ({"probabilities": [0.0] * len(LABELS)}, "probabilities has no number above 0"),
        ({"probabilities": []}, "probabilities is empty"),
    ],
)
def test_a_prediction_that_is_none_never_reaches_the_trigger(
    session: ModelSession, changed: dict[str, object], sentence: str
) -> None:
    usual = model_answers(session)

    def answer(request: Request) -> Reply:
        reply = usual(request)
        if request.path == "/metadata":
            return reply
        return Reply(body=msgspec.json.encode(msgspec.json.decode(reply.body) | changed))

    with http_service(answer) as peer, pytest.raises(ServiceError, match=sentence):
        ServiceClient(Cloud(url=peer.url, retries=0)).predict(WINDOW)


@pytest.mark.parametrize("name", ODD_REPLIES)
def test_this_machine_answers_beside_an_odd_service_and_the_service_is_used_once_it_is_well(
    session: ModelSession, device: LocalModel, name: str
) -> None:
    usual = model_answers(session)
    odd = ODD_REPLIES[name]
    with http_service(usual) as service:
        live = AsyncRecogniser(ServiceClient(Cloud(url=service.url, retries=0)), device, SETTINGS, 5.0)
        seen: list[str] = []
        sent = 0

        def until(condition: Callable[[], object]) -> None:
            def fed() -> object:
                nonlocal sent
                sent += 1
                live.submit(window_at(sent / 15))
                seen.extend(answer.source for answer in live.collect())
                return condition()

            wait_until(fed)

        with live:
            until(lambda: seen and seen[-1] == "cloud")
            service.answer = lambda _: odd
            until(lambda: seen[-1] == "device" and live.link.connection == "offline")
            service.answer = usual
            until(lambda: seen[-1] == "cloud" and live.link.connection == "online")
            assert {"cloud", "device"} <= {thread.name for thread in threading.enumerate()}


FIRST = b'{"seq_len":30'
STREAMED = {
    "an opening in Latin-1": ['{"version":"mañana"}'.encode("latin-1")],
    "a nested opening": [b'{"x":' + DEEP],
    "an opening without end": [FIRST],
    "an answer in Latin-1": [b"METADATA", '{"error":"mañana"}'.encode("latin-1")],
    "a nested answer": [b"METADATA", b'{"prediction":"a","x":' + DEEP],
    "an answer that is no object": [b"METADATA", b"5"],
    "a label out of range": [
        b"METADATA",
        b'{"prediction":"hello","probabilities":[1.0],"top_index":7,"top_probability":1.0,"elapsed_ms":1,"frame":1}',
    ],
}


@pytest.mark.parametrize("name", STREAMED)
def test_an_odd_message_in_a_session_is_a_cloud_error(session: ModelSession, name: str) -> None:
    opening = msgspec.json.encode(build_metadata(session.card))
    messages = [opening if message == b"METADATA" else message for message in STREAMED[name]]

    def talk(connection: ServerConnection) -> None:
        for message in messages:
            connection.recv()
            connection.send(message, text=True)
        with contextlib.suppress(ConnectionClosed):
            connection.recv()

    with session_server(talk) as url:
        client = StreamClient(Cloud(url=url, retries=0))
        with pytest.raises(ServiceError):
            client.predict_window(window_at(1.0), 5.0)
        client.close()


def test_a_peer_that_never_stops_talking_is_given_up_on_in_time(session: ModelSession) -> None:
    late = b'{"error":"later","code":"late","frame":0}'

    def talk(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(msgspec.json.encode(build_metadata(session.card)), text=True)
        with contextlib.suppress(ConnectionClosed):
            while True:
                connection.send(late, text=True)

    with session_server(talk) as url:
        client = StreamClient(Cloud(url=url, retries=0))
        with pytest.raises(ServiceError, match="no answer in time"):
            client.predict_window(window_at(1.0), 0.3)
        client.close()
