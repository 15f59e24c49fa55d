"""The real service over HTTP: the bundled model, every stage a process of its own."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest

from edge_client.service.http_client import ServiceClient
from edge_client.service.model_download import fetch_model
from edge_client.settings import Cloud
from landmarks.hands import Array, compute_presence
from landmarks.models.session import ModelSession
from testkit.load import EXAMPLE, burst
from testkit.model_files import made_window
from testkit.service import MAX_WAITING, RunningService

pytestmark = pytest.mark.e2e

AT_ONCE = 32
# Two ingress replicas, the most that there are, hold 2 × (160 waiting + 2 batches of 32).
MORE_THAN_ADMITTED = 2 * (MAX_WAITING + 2 * 32) + 50


async def post_all(
    service: RunningService, bodies: Sequence[dict[str, Any]], at_once: int = AT_ONCE
) -> list[httpx.Response]:
    """Post every body to ``/predict``, ``at_once`` connections at a time, and return the answers in order."""
    gate = asyncio.Semaphore(at_once)
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    async with httpx.AsyncClient(base_url=service.url, timeout=60, limits=limits) as client:

        async def post(encoded: bytes) -> httpx.Response:
            async with gate:
                return await client.post("/predict", content=encoded)

        return await asyncio.gather(*(post(msgspec.json.encode(body)) for body in bodies))


def get_labels(session: ModelSession, windows: Array) -> list[tuple[str, str]]:
    """The two likeliest labels of windows ``(N, T, F)`` by the model file, called directly."""
    logits = session.run({"sequence": windows, "presence": compute_presence(windows)})["logits"]
    return [rank_labels(session, row) for row in logits]


def rank_labels(session: ModelSession, values: Sequence[float] | Array) -> tuple[str, str]:
    """The two likeliest labels by logits or probabilities ``(C,)``."""
    second, first = np.argsort(values)[-2:]
    return session.card.class_labels[first], session.card.class_labels[second]


def test_the_example_of_the_contract_gets_all_its_fields(service: RunningService) -> None:
    answer = httpx.post(f"{service.url}/predict", json=EXAMPLE, timeout=30)
    assert answer.status_code == 200
    fields = answer.json()
    card = ModelSession.open(service.repository / "gesture" / "1").card
    assert set(fields) == {"prediction", "probabilities", "top_index", "top_probability", "elapsed_ms", "model_version"}
    assert fields["prediction"] == card.class_labels[fields["top_index"]]
    assert len(fields["probabilities"]) == card.num_classes
    assert sum(fields["probabilities"]) == pytest.approx(1, abs=1e-4)
    assert fields["model_version"] == "1"
    assert answer.headers.get_list("x-request-id"), "every response names its request"


def test_health_and_metadata_name_the_bundled_model(service: RunningService) -> None:
    card = ModelSession.open(service.repository / "gesture" / "1").card
    assert httpx.get(f"{service.url}/health", timeout=30).json()["classes"] == card.num_classes
    metadata = httpx.get(f"{service.url}/metadata", timeout=30).json()
    assert metadata["class_labels"] == list(card.class_labels)
    assert (metadata["feature_dim"], metadata["normalization"]) == (card.feature_dim, card.normalization)


def same_labels(service: RunningService, windows: Array) -> None:
    session = ModelSession.open(service.repository / "gesture" / "1")
    expected = get_labels(session, windows)
    answers = asyncio.run(post_all(service, [{"sequence": window.tolist()} for window in windows]))
    assert Counter(answer.status_code for answer in answers) == {200: len(windows)}
    given = [rank_labels(session, answer.json()["probabilities"]) for answer in answers]
    assert given == expected
    assert [answer.json()["prediction"] for answer in answers] == [first for first, _ in expected]
    assert len(set(given)) >= 3, "the windows are too much alike to prove anything"


def test_real_windows_get_the_same_label_as_the_model_file_called_directly(
    service: RunningService, asl_windows: Array
) -> None:
    chosen = np.random.default_rng(0).choice(len(asl_windows), size=600, replace=False)
    same_labels(service, asl_windows[chosen])


def test_made_windows_get_the_same_label_as_the_model_file_called_directly(service: RunningService) -> None:
    windows = np.stack([made_window(20, seed=seed) * (0.5 + seed % 7 / 4) for seed in range(100)])
    windows[::3, :, :42] = 0
    windows[1::3, :, 42:] = 0
    same_labels(service, windows)


@pytest.mark.anyio
async def test_a_burst_of_good_and_bad_windows_gives_each_its_own_answer(service: RunningService) -> None:
    session = ModelSession.open(service.repository / "gesture" / "1")
    windows = [made_window(6 + index % 25, seed=index) for index in range(200)]
    bodies: list[dict[str, Any]] = [{"sequence": window.tolist()} for window in windows]
    sentences = {}
    for index in range(0, 200, 4):
        kind = index // 4 % 4
        if kind == 0:
            bodies[index]["sequence"][1][index % 84] = "x"
            sentences[index] = f"sequence[1][{index % 84}] is a string, expected a number"
        elif kind == 1:
            bodies[index]["sequence"] = [[0.1] * 84] * (31 + index)
            sentences[index] = f"sequence has {31 + index} frames, expected 6 to 30"
        elif kind == 2:
            bodies[index]["mask"] = [[1.0, 1.0]] * (40 + index)
            sentences[index] = f"mask has {40 + index} frames, expected {len(windows[index])}, as many as sequence"
        else:
            del bodies[index]["sequence"]
            sentences[index] = "sequence is missing, expected it in the body"
    answers = await post_all(service, bodies, at_once=200)
    for index, answer in enumerate(answers):
        if index in sentences:
            assert (answer.status_code, answer.json()["error"]) == (400, sentences[index])
        else:
            assert answer.status_code == 200, answer.text
            expected = get_labels(session, windows[index][None])[0]
            assert rank_labels(session, answer.json()["probabilities"]) == expected


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nowhere", 404, "not_found"), ("GET", "/predict", 405, "method_not_allowed")],
)
def test_errors_keep_their_json_body_through_the_proxy(
    service: RunningService, method: str, path: str, status: int, code: str
) -> None:
    answer = httpx.request(method, f"{service.url}{path}", timeout=30, headers={"x-request-id": "pi-7.42"})
    assert answer.status_code == status
    assert (answer.json()["code"], answer.json()["request_id"]) == (code, "pi-7.42")


def test_a_body_too_large_is_refused(service: RunningService) -> None:
    answer = httpx.post(f"{service.url}/predict", content=b" " * 1_100_000, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.anyio
async def test_more_callers_than_the_service_admits_get_a_429_in_json_and_the_rest_their_answers(
    service: RunningService,
) -> None:
    models = service.replica_pids("GestureGRU")
    for pid in models:
        os.kill(pid, signal.SIGSTOP)  # nothing is answered until the queue is full
    try:
        refused = asyncio.Event()
        body = msgspec.json.encode(EXAMPLE)
        asked = asyncio.ensure_future(burst(service.url, body, MORE_THAN_ADMITTED, refused))
        await asyncio.wait_for(refused.wait(), 30)
    finally:
        for pid in models:
            os.kill(pid, signal.SIGCONT)
    answers = await asyncio.wait_for(asked, 60)
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 429}, (statuses, {answer.text for answer in answers if answer.status_code > 429})
    assert statuses[200] >= MAX_WAITING
    for answer in answers:
        if answer.status_code == 429:
            assert answer.json()["code"] == "overloaded"
            assert int(answer.headers["retry-after"]) >= 1


def test_a_pi_can_fetch_the_served_model_and_it_is_the_same_file(service: RunningService, tmp_path: Path) -> None:
    card = fetch_model(ServiceClient(Cloud(url=service.url)), tmp_path)
    served = service.repository / "gesture" / "1"
    assert card.sha256 == ModelSession.open(served).card.sha256
    assert (tmp_path / "model.onnx").read_bytes() == (served / "model.onnx").read_bytes()


def test_no_replica_has_torch_in_memory(service: RunningService) -> None:
    for deployment in ("Preprocess", "GestureGRU", "Postprocess"):
        pids = service.replica_pids(deployment)
        assert pids, f"found no process of {deployment}"
        for pid in pids:
            assert "libtorch" not in Path(f"/proc/{pid}/maps").read_text()


def test_the_service_says_which_model_it_serves_and_does_not_warn_on_the_fast_path(service: RunningService) -> None:
    deadline = time.monotonic() + 20
    while "gesture model version 1 is served" not in service.console.read_text():
        assert time.monotonic() < deadline, service.console.read_text()[-2000:]
        time.sleep(0.2)
    assert "slow:" not in service.console.read_text()
