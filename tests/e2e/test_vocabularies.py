"""Vocabularies of the real service: every replica, existing clients, a new model, a damaged file."""

import asyncio
import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from edge_client.demo import Motion
from edge_client.service.http_client import ServiceClient
from edge_client.service.model_download import fetch_model
from edge_client.service.request_encoding import Encoding
from edge_client.service.stream_client import StreamClient
from edge_client.settings import Cloud
from edge_client.types import Window, WindowStats
from landmarks.hands import Array, compute_presence, drop_z
from landmarks.models.session import ModelSession
from landmarks.models.vocabulary import teach
from landmarks.models.vocabulary_files import encode_vocabulary
from landmarks.protocol.tensors import EMBEDDING, LOGITS
from landmarks.recording import Recording
from serve_app.settings import PROJECT_ROOT
from testkit.model_files import write_embedding_version
from testkit.service import RunningService, running_service
from testkit.vocabularies import made_gesture, teach_made

pytestmark = pytest.mark.e2e

MODEL = PROJECT_ROOT / "models" / "gesture" / "1"
WITHIN_S = 2.0
LIVE_WITHIN_S = 10.0
STARTED_WITHIN_S = 60.0
WAVE = {"sequence": made_gesture("wave", seed=99).tolist()}
FRAMES = 30


def put(service: RunningService, name: str, labels: list[str], keep: tuple[str, ...] = ()) -> str:
    """Store a vocabulary of made gestures; its digest."""
    data = encode_vocabulary(teach_made(MODEL, labels, keep))
    answer = httpx.put(f"{service.url}/vocabularies/{name}", content=data, timeout=30)
    assert answer.status_code in (200, 201), answer.text
    digest: str = answer.json()["digest"]
    return digest


@pytest.fixture
def mine(service: RunningService) -> Iterator[str]:
    """The digest of the vocabulary ``mine``, which is there for one test."""
    yield put(service, "mine", ["wave", "stop"], ("yes",))
    httpx.delete(f"{service.url}/vocabularies/mine", timeout=30)


def predict(service: RunningService, name: str, body: dict[str, Any] = WAVE) -> httpx.Response:
    return httpx.post(f"{service.url}/vocabularies/{name}/predict", json=body, timeout=30)


def test_what_was_put_is_named_at_once_and_copied_files_within_two_seconds(service: RunningService, mine: str) -> None:
    answer = predict(service, "mine").json()
    assert (answer["prediction"], answer["model_version"]) == ("wave", f"1-{mine}")
    folder = service.repository / "vocabularies"
    shutil.copy(folder / "mine.vocabulary", folder / "copied.vocabulary")
    deadline_s = time.monotonic() + WITHIN_S
    while (copied := predict(service, "copied")).status_code == 404:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    assert copied.json()["prediction"] == "wave"
    httpx.delete(f"{service.url}/vocabularies/copied", timeout=30)


def test_a_replaced_vocabulary_answers_by_its_new_labels_at_once(service: RunningService, mine: str) -> None:
    for labels in (["circle", "hello"], ["wave"], ["hello", "stop", "wave"]):
        digest = put(service, "mine", labels)
        answer = predict(service, "mine").json()
        assert answer["model_version"] == f"1-{digest}"
        assert len(answer["probabilities"]) == len(labels) + 1


@pytest.fixture(scope="module")
def motions() -> dict[str, list[Array]]:
    """Recordings ``(30, 126)`` of three made motions; the last two of each are kept for asking."""
    draw = np.random.default_rng(3)
    made = {label: Motion.sample(draw) for label in ("alpha", "beta", "gamma")}
    return {label: [motion.hands(FRAMES, draw) for _ in range(5)] for label, motion in made.items()}


@pytest.fixture
def taught(service: RunningService, motions: dict[str, list[Array]]) -> Iterator[str]:
    """The address of a vocabulary that the service was taught in JSON, as a page does."""
    recordings = [
        {"label": label, "hands": np.round(hands.astype(np.float64), 6).tolist()}
        for label, each in motions.items()
        for hands in each[:3]
    ]
    answer = httpx.put(f"{service.url}/vocabularies/taught", json={"recordings": recordings}, timeout=30)
    assert answer.status_code in (200, 201), answer.text
    yield f"{service.url}/vocabularies/taught"
    httpx.delete(f"{service.url}/vocabularies/taught", timeout=30)


def make_window(hands: Array) -> Window:
    return Window(hands, compute_presence(hands), WindowStats(1, len(hands), 1.0, 0.1, 0.1), 0.0)


@pytest.mark.parametrize(("encoding", "tolerance"), [("json", 1e-3), ("fp16", 0.05)])
def test_an_unchanged_client_gets_its_own_gestures_by_its_address_alone(
    taught: str, motions: dict[str, list[Array]], encoding: Encoding, tolerance: float, tmp_path: Path
) -> None:
    client = ServiceClient(Cloud(url=taught, encoding=encoding))
    session = ModelSession.open(MODEL, threads=1)
    recordings = [(label, hands) for label, each in motions.items() for hands in each[:3]]
    same = np.array([""] * len(recordings))
    hands = np.round(np.stack([hands for _, hands in recordings]).astype(np.float64), 6).astype(np.float32)
    local = teach(Recording(hands, np.array([label for label, _ in recordings]), same, same, 30.0), session)
    for label, each in motions.items():
        for hands in each[3:]:
            metadata, prediction = client.predict_window(make_window(hands), 5.0)
            assert metadata.class_labels == ("alpha", "beta", "gamma", "none")
            assert prediction.prediction == label
            assert prediction.model_version == metadata.version
            window = drop_z(hands)[None]
            outputs = session.run({"sequence": window, "presence": compute_presence(window)})
            logits = local.compute_logits(outputs[EMBEDDING], outputs[LOGITS], session.card.class_labels, 1.0)[0]
            expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
            assert np.allclose(prediction.probabilities, expected, atol=tolerance)
    assert client.get_server_date(5.0)
    assert fetch_model(client, tmp_path).sha256 == session.card.sha256
    client.close()


def test_an_unchanged_stream_client_does_too_and_notices_new_labels(
    service: RunningService, taught: str, motions: dict[str, list[Array]]
) -> None:
    client = StreamClient(Cloud(url=taught))
    for label, each in motions.items():
        metadata, prediction = client.predict_window(make_window(each[3]), 5.0)
        assert (prediction.prediction, len(prediction.probabilities)) == (label, 4)
    form = httpx.get(taught, headers={"Accept": "application/json"}, timeout=30).json()
    form["recordings"] = [each for each in form["recordings"] if each["label"] != "gamma"]
    assert httpx.put(taught, json=form, timeout=30).status_code == 200
    metadata, prediction = client.predict_window(make_window(motions["alpha"][4]), 5.0)
    assert metadata.class_labels == ("alpha", "beta", "none")
    assert prediction.prediction == "alpha"
    client.close()


@pytest.mark.anyio
async def test_rows_of_two_vocabularies_and_of_none_at_once_each_get_their_own(
    service: RunningService, mine: str
) -> None:
    digest = await asyncio.to_thread(put, service, "hers", ["circle", "wave", "zigzag"])
    plain = httpx.post(f"{service.url}/predict", json=WAVE, timeout=30).json()
    expected = {"": "1", "/vocabularies/mine": f"1-{mine}", "/vocabularies/hers": f"1-{digest}"}
    async with httpx.AsyncClient(base_url=service.url, timeout=30) as client:

        async def ask(prefix: str) -> None:
            answer = (await client.post(f"{prefix}/predict", json=WAVE)).json()
            assert answer["model_version"] == expected[prefix]
            if prefix:
                assert answer["prediction"] == "wave"
            else:
                assert answer["probabilities"] == pytest.approx(plain["probabilities"], abs=1e-5)

        await asyncio.gather(*(ask(prefix) for _ in range(30) for prefix in expected))
        await client.delete("/vocabularies/hers")


@pytest.fixture
def larger(tmp_path: Path) -> Iterator[RunningService]:
    """A service of its own with two replicas of each stage of the gestures."""
    shutil.copytree(PROJECT_ROOT / "models", tmp_path / "models")
    twice = dict.fromkeys(("Preprocess", "GestureGRU", "Postprocess"), 2)
    with running_service(tmp_path / "models", replicas=twice) as running:
        deadline_s = time.monotonic() + STARTED_WITHIN_S
        while any(len(running.replica_pids(name)) < count for name, count in twice.items()):
            assert time.monotonic() < deadline_s
            time.sleep(0.1)
        time.sleep(WITHIN_S)  # until HAProxy, which begins anew with each ingress replica, knows both
        yield running


def test_every_replica_of_every_stage_has_it_within_two_seconds_and_over_a_new_model(larger: RunningService) -> None:
    digest = put(larger, "mine", ["wave", "stop"], ("yes",))
    time.sleep(WITHIN_S)
    for _ in range(40):  # each over a connection of its own, so that each ingress replica is met
        answer = predict(larger, "mine")
        assert (answer.status_code, answer.json()["model_version"]) == (200, f"1-{digest}"), answer.text
    lose_none_while_models_come_and_go(larger, digest)
    httpx.delete(f"{larger.url}/vocabularies/mine", timeout=30)
    time.sleep(WITHIN_S)
    assert {predict(larger, "mine").status_code for _ in range(40)} == {404}


def test_no_request_is_lost_while_a_new_model_goes_live_or_the_vocabulary_is_replaced(
    service: RunningService, mine: str
) -> None:
    lose_none_while_models_come_and_go(service, mine)


def lose_none_while_models_come_and_go(service: RunningService, mine: str) -> None:
    """Load on the plain route and on the vocabulary's, while version 2 comes, the vocabulary changes, and 2 goes."""
    statuses: Counter[str] = Counter()
    versions: Counter[str] = Counter()
    stop = threading.Event()

    def load(prefix: str) -> None:
        with httpx.Client(base_url=service.url, timeout=30) as client:
            while not stop.is_set():
                answer = client.post(f"{prefix}/predict", json=WAVE)
                fields = answer.json()
                if answer.status_code != 200:
                    statuses[f"{answer.status_code} {fields.get('error')}"] += 1
                elif not prefix or fields["prediction"] == "wave":
                    statuses["200"] += 1
                    versions[fields["model_version"]] += bool(prefix)
                else:
                    statuses[f"{prefix} is named {fields['prediction']}"] += 1

    asking = [threading.Thread(target=load, args=(prefix,)) for prefix in ("", "/vocabularies/mine") for _ in range(3)]
    for thread in asking:
        thread.start()
    folder = service.repository / "gesture" / "2"
    try:
        scratch = service.repository / ".scratch"
        write_embedding_version(scratch, 2, seed=9).rename(folder)
        shutil.rmtree(scratch)
        wait_for(versions, statuses, f"2-{mine}")
        other = put(service, "mine", ["wave", "circle"], ("yes",))
        wait_for(versions, statuses, f"2-{other}")
        shutil.rmtree(folder)
        wait_for(versions, statuses, f"1-{other}")
    finally:
        stop.set()
        for thread in asking:
            thread.join(30)
        shutil.rmtree(folder, ignore_errors=True)
        deadline_s = time.monotonic() + LIVE_WITHIN_S
        while httpx.get(f"{service.url}/metadata", timeout=30).json()["version"] != "1":
            assert time.monotonic() < deadline_s
            time.sleep(0.1)
    assert set(statuses) == {"200"}, statuses
    assert {f"1-{mine}", f"2-{mine}", f"2-{other}", f"1-{other}"} <= set(versions)


def wait_for(versions: Counter[str], statuses: Counter[str], version: str) -> None:
    deadline_s = time.monotonic() + LIVE_WITHIN_S
    while versions[version] < 10:
        assert time.monotonic() < deadline_s, (versions, statuses)
        time.sleep(0.05)


def test_a_damaged_file_is_said_and_the_one_before_goes_on(service: RunningService, mine: str) -> None:
    path = service.repository / "vocabularies" / "mine.vocabulary"
    path.write_bytes(path.read_bytes()[:1000])
    deadline_s = time.monotonic() + WITHIN_S
    while not (rejected := httpx.get(f"{service.url}/vocabularies", timeout=30).json()["rejected"]):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    assert "can't be read" in rejected["mine"]
    time.sleep(WITHIN_S)
    assert predict(service, "mine").json()["model_version"] == f"1-{mine}"


def test_a_vocabulary_deleted_under_load_ends_in_404_alone(service: RunningService, mine: str) -> None:
    statuses: Counter[int] = Counter()
    stop = threading.Event()

    def load() -> None:
        with httpx.Client(base_url=service.url, timeout=30) as client:
            while not stop.is_set():
                statuses[client.post("/vocabularies/mine/predict", json=WAVE).status_code] += 1

    asking = [threading.Thread(target=load) for _ in range(4)]
    for thread in asking:
        thread.start()
    time.sleep(0.5)
    assert httpx.delete(f"{service.url}/vocabularies/mine", timeout=30).status_code == 204
    time.sleep(0.5)
    stop.set()
    for thread in asking:
        thread.join(30)
    assert set(statuses) == {200, 404}, statuses


def test_a_vocabulary_as_large_as_may_be_is_taught_and_named(service: RunningService) -> None:
    labels = [f"g{number:02d}" for number in range(60)]
    recordings = [
        {"label": label, "hands": np.round(made_gesture(label, seed, FRAMES).astype(np.float64), 4).tolist()}
        for label in labels
        for seed in range(5)
    ]
    body = json.dumps({"recordings": recordings}).encode()
    answer = httpx.put(
        f"{service.url}/vocabularies/large", content=body, headers={"Content-Type": "application/json"}, timeout=60
    )
    assert answer.status_code == 201, answer.text
    window = {"sequence": made_gesture("g07", 77, FRAMES).tolist()}
    assert predict(service, "large", window).json()["prediction"] == "g07"
    httpx.delete(f"{service.url}/vocabularies/large", timeout=30)


def test_predictions_by_a_vocabulary_are_counted_without_its_labels(service: RunningService, mine: str) -> None:
    assert predict(service, "mine").status_code == 200
    text = httpx.get(f"{service.url}/metrics", timeout=30).text
    assert 'helen_vocabulary_predictions_total{outcome="gesture"' in text
    assert 'vocabulary="mine"' in text
    assert 'label="wave"' not in text
