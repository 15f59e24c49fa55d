"""The service seen from the Pi: what is asked, what is cached, what is retried, and what no answer looks like."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest

from edge_client.service import default_client as cloud
from edge_client.service.http_client import ServiceClient
from edge_client.service.replies import ServiceError
from edge_client.settings import Cloud
from landmarks.hands import Array
from landmarks.models.session import ModelSession
from testkit.edge.http_service import HttpService, Reply, Request, http_service, model_answers
from testkit.model_files import LABELS, build_card, linear_model, made_window

WINDOW = made_window(10)
MASK = np.ones((10, 2), dtype=np.float32)


@pytest.fixture(scope="module")
def session() -> ModelSession:
    model = linear_model()
    return ModelSession(model, build_card(model))


@pytest.fixture
def service(session: ModelSession) -> Iterator[HttpService]:
    with http_service(model_answers(session)) as running:
        yield running


def make_client(service: HttpService, **settings: Any) -> ServiceClient:
    return ServiceClient(Cloud(url=service.url, **settings))


def replies(service: HttpService, *scripted: Reply) -> None:
    """Give ``scripted`` replies to windows, one after the other, then answer as before."""
    usual, waiting = service.answer, list(scripted)

    def answer(request: Request) -> Reply:
        return waiting.pop(0) if request.method == "POST" and waiting else usual(request)

    service.answer = answer


def test_a_prediction_is_the_reply(service: HttpService) -> None:
    reply = make_client(service).get_prediction_from_cloud(WINDOW, MASK)
    assert reply is not None
    assert set(reply) >= {"prediction", "probabilities", "top_index", "top_probability", "elapsed_ms", "model_version"}
    assert reply["prediction"] == LABELS[reply["top_index"]]
    sent = service.requests[-1].json()
    assert np.allclose(sent["sequence"], WINDOW, atol=1e-6)
    assert sent["mask"] == MASK.tolist()


def test_lists_are_taken_as_well_as_arrays(service: HttpService) -> None:
    assert make_client(service).get_prediction_from_cloud(WINDOW.tolist(), MASK.tolist()) is not None


def test_without_a_mask_none_is_sent(service: HttpService) -> None:
    replies(service, Reply(500))
    make_client(service).get_prediction_from_cloud(WINDOW)
    assert list(service.requests[-1].json()) == ["sequence"]


def test_metadata_is_cached_for_its_time(session: ModelSession) -> None:
    with http_service(model_answers(session)) as service:
        now = [0.0]
        client = ServiceClient(Cloud(url=service.url, metadata_ttl=300), clock=lambda: now[0])
        for now[0] in (0.0, 299.0, 301.0):
            metadata = client.get_model_metadata()
        assert metadata is not None
        assert metadata["class_labels"] == LABELS
        assert len(service.requests) == 2
        client.get_model_metadata(force_refresh=True)
        assert len(service.requests) == 3


def test_metadata_survives_the_service(session: ModelSession) -> None:
    with http_service(model_answers(session)) as service:
        client = make_client(service, retries=0, timeout=0.5)
        before = client.get_model_metadata()
    assert client.get_model_metadata(force_refresh=True) == before


def test_a_service_that_is_away_gives_none() -> None:
    with http_service(lambda _: Reply()) as service:
        url = service.url
    client = ServiceClient(Cloud(url=url, retries=1, timeout=0.5))
    assert client.get_model_metadata() is None
    assert client.get_prediction_from_cloud(WINDOW, MASK) is None


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_temporary_faults_are_asked_again(service: HttpService, status: int) -> None:
    replies(service, Reply(status), Reply(status))
    assert make_client(service, retries=2).get_prediction_from_cloud(WINDOW, MASK) is not None
    assert service.paths().count("/predict") == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_lasting_faults_are_not_asked_again(service: HttpService, status: int) -> None:
    replies(service, Reply(status), Reply(status))
    assert make_client(service, retries=2).get_prediction_from_cloud(WINDOW, MASK) is None
    assert service.paths().count("/predict") == 1


@pytest.mark.parametrize("status", [404, 500])
def test_what_haproxy_says_while_it_knows_no_replica_is_asked_again(
    service: HttpService, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("edge_client.service.http_client.PROXY_RETRY_DELAY_S", 0.0)
    said = Reply(status, b"no replica", {"Content-Type": "text/plain"})
    replies(service, said, said)
    assert make_client(service, retries=2).get_prediction_from_cloud(WINDOW, MASK) is not None
    replies(service, *[said] * 9)
    assert make_client(service, retries=1).get_prediction_from_cloud(WINDOW, MASK) is None
    assert service.paths().count("/predict") == 3 + 2


def test_an_answer_that_breaks_off_is_asked_for_again(service: HttpService) -> None:
    cut = Reply(200, b'{"prediction":', {"Content-Length": "500", "Connection": "close"})
    replies(service, cut)
    assert make_client(service, retries=1).get_prediction_from_cloud(WINDOW, MASK) is not None
    replies(service, cut, cut)
    assert make_client(service, retries=1).get_prediction_from_cloud(WINDOW, MASK) is None
    assert service.paths().count("/predict") == 4


def test_retries_are_limited(service: HttpService) -> None:
    replies(service, *[Reply(503)] * 9)
    assert make_client(service, retries=1).get_prediction_from_cloud(WINDOW, MASK) is None
    assert service.paths().count("/predict") == 2


def test_retry_after_is_honoured(service: HttpService, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", slept.append)
    replies(service, Reply(429, headers={"Retry-After": "3"}))
    assert make_client(service, retries=1).get_prediction_from_cloud(WINDOW, MASK) is not None
    assert slept == [3]


def test_retry_after_has_a_limit(service: HttpService, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", slept.append)
    replies(service, Reply(429, headers={"Retry-After": "86400"}))
    make_client(service, retries=1).get_prediction_from_cloud(WINDOW, MASK)
    assert slept == [10]


def test_a_fault_says_what_the_service_said(service: HttpService) -> None:
    body = b'{"error": "sequence has 3 frames", "code": "invalid_input", "request_id": "x"}'
    replies(service, Reply(429, body, {"Retry-After": "2"}))
    with pytest.raises(ServiceError, match="429: sequence has 3 frames") as caught:
        make_client(service, retries=0).predict(WINDOW, MASK)
    assert (caught.value.status, caught.value.retry_after_s) == (429, 2.0)


def test_a_timeout_gives_none(service: HttpService) -> None:
    import threading

    hold = threading.Event()
    usual = service.answer

    def answer(request: Request) -> Reply:
        if request.path == "/predict":
            hold.wait(10)
        return usual(request)

    service.answer = answer
    assert make_client(service, retries=0).get_prediction_from_cloud(WINDOW, MASK, timeout=0.1) is None
    hold.set()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"prediction": "hello"}', b'{"probabilities": "no"}'])
def test_an_answer_that_is_none_gives_none(service: HttpService, body: bytes) -> None:
    replies(service, Reply(200, body))
    assert make_client(service).get_prediction_from_cloud(WINDOW, MASK) is None


def test_an_answer_of_another_model_is_refused_and_its_metadata_asked_for(service: HttpService) -> None:
    other = {"prediction": "a", "probabilities": [1.0], "top_index": 0, "top_probability": 1.0, "elapsed_ms": 1.0}
    replies(service, Reply(200, msgspec.json.encode(other)))
    client = make_client(service)
    assert client.get_prediction_from_cloud(WINDOW, MASK) is None
    client.get_model_metadata()
    assert service.paths().count("/metadata") == 2


def test_a_refused_window_makes_the_metadata_be_asked_for_again(service: HttpService) -> None:
    replies(service, Reply(400))
    client = make_client(service)
    assert client.get_prediction_from_cloud(WINDOW, MASK) is None
    assert client.get_prediction_from_cloud(WINDOW, MASK) is not None
    assert service.paths() == ["/metadata", "/predict", "/metadata", "/predict"]


@pytest.mark.parametrize(
    ("sequence", "mask", "sentence"),
    [
        (made_window(5), None, r"5 frames, expected 6 to 30"),
        (made_window(31), None, r"31 frames, expected 6 to 30"),
        (made_window(10, use_z=True), None, r"\(10, 126\), expected \(T, 84\)"),
        (np.full((10, 84), np.nan, np.float32), None, "not finite"),
        (WINDOW, MASK[:9], r"mask has shape \(9, 2\), expected \(10, 2\)"),
    ],
)
def test_a_window_that_the_model_cannot_take_is_never_sent(
    service: HttpService, sequence: Array, mask: Array | None, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        make_client(service).get_prediction_from_cloud(sequence, mask)
    assert service.paths() == ["/metadata"]


def test_the_key_goes_with_every_request(service: HttpService) -> None:
    make_client(service, api_key="secret").get_prediction_from_cloud(WINDOW, MASK)
    assert [request.headers.get("X-API-Key") for request in service.requests] == ["secret", "secret"]


def test_redirects_are_not_followed_with_the_key(service: HttpService) -> None:
    replies(service, Reply(307, headers={"Location": "http://127.0.0.1:9/"}))
    assert make_client(service, api_key="secret").get_prediction_from_cloud(WINDOW, MASK) is None


def test_connections_are_kept(session: ModelSession) -> None:
    ports: set[str] = set()
    with http_service(model_answers(session)) as service:
        client = make_client(service)
        for _ in range(5):
            assert client.get_prediction_from_cloud(WINDOW, MASK) is not None
        pool = client._pool.connection_from_url(service.url)
        ports.add(str(pool.num_connections))
    assert ports == {"1"}


def test_the_functions_of_the_source_system_use_the_environment(
    service: HttpService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELEN_CLOUD_API_URL", service.url)
    cloud.default_client.cache_clear()
    metadata = cloud.get_model_metadata(force_refresh=False, timeout=None)
    reply = cloud.get_prediction_from_cloud(WINDOW, mask=MASK, timeout=2.0)
    cloud.default_client.cache_clear()
    assert metadata is not None
    assert metadata["seq_len"] == 30
    assert reply is not None


@pytest.fixture
def compact(session: ModelSession) -> Iterator[HttpService]:
    """A service that takes tensors."""
    with http_service(model_answers(session, ("json", "fp32", "fp16"))) as running:
        yield running


def test_fp16_is_sent_where_the_service_takes_it_and_the_reply_is_the_same(compact: HttpService) -> None:
    short = make_client(compact).get_prediction_from_cloud(WINDOW, MASK)
    long = make_client(compact, encoding="json").get_prediction_from_cloud(WINDOW, MASK)
    assert short is not None
    assert long is not None
    posts = [request for request in compact.requests if request.method == "POST"]
    assert [request.path for request in posts] == ["/v2/models/gesture/infer", "/predict"]
    assert len(posts[0].body) * 4 < len(posts[1].body)
    assert set(short) == set(long)
    assert np.allclose(short.pop("probabilities"), long.pop("probabilities"), atol=5e-3)
    assert short.pop("top_probability") == pytest.approx(long.pop("top_probability"), abs=5e-3)
    assert short == long


def test_a_service_of_before_gets_json(service: HttpService) -> None:
    assert make_client(service, encoding="fp16").get_prediction_from_cloud(WINDOW, MASK) is not None
    assert service.paths() == ["/metadata", "/predict"]


def test_the_mask_hides_a_hand_in_fp16_too(compact: HttpService) -> None:
    left = np.array([[1.0, 0.0]] * len(WINDOW), np.float32)
    short = make_client(compact).get_prediction_from_cloud(WINDOW, left)
    long = make_client(compact, encoding="json").get_prediction_from_cloud(WINDOW * np.repeat(left, 42, axis=1))
    assert short is not None
    assert long is not None
    assert np.allclose(short["probabilities"], long["probabilities"], atol=5e-3)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_temporary_faults_are_asked_again_in_fp16_too(compact: HttpService, status: int) -> None:
    replies(compact, Reply(status), Reply(status))
    assert make_client(compact, retries=2).get_prediction_from_cloud(WINDOW, MASK) is not None
    assert compact.paths().count("/v2/models/gesture/infer") == 3


def test_a_service_rolled_back_to_one_without_tensors_gets_json_the_next_time(
    compact: HttpService, session: ModelSession
) -> None:
    client = make_client(compact)
    assert client.get_prediction_from_cloud(WINDOW, MASK) is not None
    older = model_answers(session)
    compact.answer = lambda request: Reply(404) if request.path.startswith("/v2") else older(request)
    assert client.get_prediction_from_cloud(WINDOW, MASK) is None
    assert client.get_prediction_from_cloud(WINDOW, MASK) is not None
    assert compact.paths()[-2:] == ["/metadata", "/predict"]


def test_a_number_that_fp16_cannot_hold_is_never_sent(compact: HttpService) -> None:
    with pytest.raises(ValueError, match="sequence has the number 70000, expected finite ones of at most 65504"):
        make_client(compact).get_prediction_from_cloud(np.full((10, 84), 70_000, np.float32))
    assert compact.paths() == ["/metadata"]
