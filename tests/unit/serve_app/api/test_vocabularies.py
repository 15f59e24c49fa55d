"""The routes of ``/vocabularies``, with everything behind them but Ray."""

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette

from landmarks.models.vocabulary_files import MAX_BYTES, decode_vocabulary, encode_vocabulary
from landmarks.protocol.open_inference import HEADER_LENGTH, decode_response
from serve_app.api.application import ANYWHERE
from serve_app.api.docs.examples import example_vocabulary
from serve_app.api.middleware.same_origin import Site
from serve_app.vocabularies import form, store
from testkit.model_files import LABELS, write_embedding_version, write_version
from testkit.stages.local_stages import LocalStages, local_app
from testkit.vocabularies import made_gesture, teach_made, write_vocabulary_file
from testkit.websocket_client import accepted_socket, live_socket

OCTETS = {"Content-Type": "application/octet-stream"}
WAVE, STOP = (made_gesture(label, seed=99) for label in ("wave", "stop"))
PREDICT = {"sequence": WAVE.tolist()}


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """A model's version that carries vocabularies, in a repository with the vocabularies ``mine`` and ``hers``."""
    version = write_embedding_version(tmp_path / "models", 1)
    write_vocabulary_file(tmp_path / "models", "mine", teach_made(version, ["wave", "stop"], keep=["yes"]))
    write_vocabulary_file(tmp_path / "models", "hers", teach_made(version, ["circle", "stop"]))
    return version


@pytest.fixture
def repository(version: Path) -> Path:
    return version.parents[1]


@asynccontextmanager
async def serving(
    repository: Path, *keys: str, site: Site = ANYWHERE, **arguments: float
) -> AsyncIterator[tuple[httpx.AsyncClient, Starlette]]:
    """A client of a service of its own, and its app."""
    async with asyncio.timeout(60), local_app(LocalStages(repository), keys, site, **arguments) as app:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://helen") as client:
            yield client, app


def infer_body(*windows: Any, **fields: Any) -> dict[str, Any]:
    stacked = np.stack(windows)
    tensor = {"name": "sequence", "shape": stacked.shape, "datatype": "FP32", "data": stacked.ravel().tolist()}
    return {"inputs": [tensor]} | fields


@pytest.mark.anyio
async def test_below_its_address_a_vocabulary_answers_with_exactly_the_fields_of_the_plain_routes(
    repository: Path,
) -> None:
    async with serving(repository) as (client, _):
        v2, files = "/v2/models/gesture", "/models/gesture/card.json"
        for path in ("/metadata", "/health", v2, f"{v2}/ready", files):
            plain, own = await client.get(path), await client.get(f"/vocabularies/mine{path}")
            assert (plain.status_code, own.status_code) == (200, 200), path
            assert list(plain.json()) == list(own.json()), path
        for path, body in (("/predict", PREDICT), ("/v2/models/gesture/infer", infer_body(WAVE))):
            plain, own = await client.post(path, json=body), await client.post(f"/vocabularies/mine{path}", json=body)
            assert (plain.status_code, own.status_code) == (200, 200), own.text
            assert list(plain.json()) == list(own.json()), path


@pytest.mark.anyio
async def test_metadata_and_predictions_have_its_labels_and_a_version_that_tells_a_change(repository: Path) -> None:
    async with serving(repository) as (client, _):
        metadata = (await client.get("/vocabularies/mine/metadata")).json()
        assert metadata["class_labels"] == ["stop", "wave", "yes", "none"]
        assert metadata["num_classes"] == 4
        entry = {each["name"]: each for each in (await client.get("/vocabularies")).json()["vocabularies"]}["mine"]
        assert metadata["version"] == f"1-{entry['digest']}" == metadata["models"]["gesture"]["version"]
        answer = (await client.post("/vocabularies/mine/predict", json=PREDICT)).json()
        assert (answer["prediction"], answer["model_version"]) == ("wave", metadata["version"])
        assert len(answer["probabilities"]) == 4
        health = (await client.get("/vocabularies/mine/health")).json()
        assert (health["classes"], health["models"]["gesture"]) == (4, metadata["version"])
        plain = (await client.post("/predict", json=PREDICT)).json()
        assert (plain["model_version"], len(plain["probabilities"])) == ("1", len(LABELS))


@pytest.mark.anyio
async def test_two_vocabularies_and_none_at_once_each_get_their_own(repository: Path) -> None:
    async with serving(repository) as (client, app):
        expected = {"/vocabularies/mine": 4, "/vocabularies/hers": 3, "": len(LABELS)}

        async def ask(prefix: str) -> None:
            answer = await client.post(f"{prefix}/predict", json={"sequence": STOP.tolist()})
            assert answer.status_code == 200, answer.text
            assert len(answer.json()["probabilities"]) == expected[prefix]
            if prefix:
                assert answer.json()["prediction"] == "stop"

        await asyncio.gather(*(ask(prefix) for _ in range(40) for prefix in expected))
        sizes = [
            (sample.labels["le"], sample.value)
            for snapshot in await app.state.service.replicas.snapshots()
            for family in snapshot.families
            if family.name == "helen_batch_size"
            for sample in family.samples
            if sample.name.endswith("_count") is False and "le" in sample.labels
        ]
        assert sizes  # and they shared their batches:
        batches = max(value for _, value in sizes)
        assert batches < 60


@pytest.mark.anyio
async def test_v2_gives_the_embedding_and_takes_a_vocabulary_as_a_parameter(repository: Path) -> None:
    async with serving(repository) as (client, _):
        specs = (await client.get("/v2/models/gesture")).json()["outputs"]
        assert {"name": "embedding", "datatype": "FP32", "shape": [-1, 48]} in specs
        path = "/v2/models/gesture/infer"
        every = (await client.post(path, json=infer_body(WAVE, STOP))).json()
        outputs = {output["name"]: output for output in every["outputs"]}
        assert list(outputs) == [spec["name"] for spec in specs]
        embedding = np.array(outputs["embedding"]["data"]).reshape(2, 48)
        assert np.linalg.norm(embedding, axis=1) == pytest.approx([1, 1], abs=1e-3)
        body = infer_body(
            WAVE, STOP, parameters={"vocabulary": "mine"}, outputs=[{"name": "label"}, {"name": "logits"}]
        )
        named = (await client.post(path, json=body)).json()
        assert [output["name"] for output in named["outputs"]] == ["label", "logits"]
        assert named["outputs"][0]["data"] == ["wave", "stop"]
        assert named["outputs"][1]["shape"] == [2, 4]
        assert named["model_version"].startswith("1-")
        same = await client.post("/v2/models/gesture/versions/1/infer", json=body)
        assert same.json()["outputs"] == named["outputs"]
        below = await client.post(f"/vocabularies/mine{path}", json=infer_body(WAVE, STOP, outputs=[{"name": "label"}]))
        assert below.json()["outputs"] == named["outputs"][:1]


@pytest.mark.anyio
async def test_the_embedding_travels_only_where_somebody_reads_it(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = LocalStages(repository)
    carried: list[tuple[str, ...]] = []
    infer = stages.inference.infer

    async def watched(*given: Any) -> Any:
        output = await infer(*given)
        carried.append(tuple(output.outputs))
        return output

    monkeypatch.setattr(stages.inference, "infer", watched)
    async with asyncio.timeout(60), local_app(stages) as app:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://helen") as client:
            await client.post("/predict", json=PREDICT)
            await client.post("/v2/models/gesture/infer", json=infer_body(WAVE, outputs=[{"name": "label"}]))
            assert carried == [("logits",)] * 2
            await client.post("/vocabularies/mine/predict", json=PREDICT)
            await client.post("/v2/models/gesture/infer", json=infer_body(WAVE, outputs=[{"name": "embedding"}]))
            assert set(carried[2:]) == {("logits", "embedding")}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "parameters", "status", "sentence"),
    [
        ("/v2/models/gesture/infer", {"vocabulary": "nobodys"}, 404, "there is no vocabulary 'nobodys' here"),
        ("/v2/models/gesture/infer", {"vocabulary": 7}, 400, "parameters.vocabulary is a number"),
        ("/vocabularies/mine/v2/models/gesture/infer", {"vocabulary": "hers"}, 400, "expected 'mine' as in the path"),
        ("/vocabularies/nobodys/v2/models/gesture/infer", {}, 404, "there is no vocabulary 'nobodys' here"),
        ("/vocabularies/mine/v2/models/other/infer", {}, 404, "there is no model 'other' here"),
    ],
)
async def test_a_vocabulary_that_is_not_there_is_said(
    repository: Path, path: str, parameters: dict[str, Any], status: int, sentence: str
) -> None:
    async with serving(repository) as (client, _):
        answer = await client.post(path, json=infer_body(WAVE, parameters=parameters))
        assert (answer.status_code, sentence in answer.json()["error"]) == (status, True), answer.text


@pytest.mark.anyio
async def test_a_file_is_put_fetched_by_its_etag_and_deleted(repository: Path, version: Path) -> None:
    data = encode_vocabulary(teach_made(version, ["zigzag"]))
    async with serving(repository) as (client, _):
        made = await client.put("/vocabularies/new", content=data, headers=OCTETS)
        assert (made.status_code, made.json()["recordings"]) == (201, {"zigzag": 2})
        assert (await client.put("/vocabularies/new", content=data)).status_code == 200
        listed = (await client.get("/vocabularies")).json()
        assert [each["name"] for each in listed["vocabularies"]] == ["hers", "mine", "new"]
        assert (listed["vocabularies"][2], listed["rejected"]) == (made.json(), {})
        fetched = await client.get("/vocabularies/new")
        assert fetched.content == data
        again = await client.get("/vocabularies/new", headers={"If-None-Match": fetched.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert (await client.post("/vocabularies/new/predict", json=PREDICT)).status_code == 200
        assert (await client.delete("/vocabularies/new")).status_code == 204
        for answer in (
            await client.delete("/vocabularies/new"),
            await client.get("/vocabularies/new"),
            await client.post("/vocabularies/new/predict", json=PREDICT),
            await client.get("/vocabularies/new/metadata"),
            await client.get("/vocabularies/new/health"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.anyio
async def test_recordings_in_json_are_taught_and_come_back_to_be_changed(repository: Path) -> None:
    hands = {label: made_gesture(label, seed=3).tolist() for label in ("wave", "stop")}
    body = {"recordings": [{"label": label, "hands": each} for label, each in hands.items()], "keep": ["yes"]}
    async with serving(repository) as (client, _):
        made = await client.put("/vocabularies/page", json=body)
        assert (made.status_code, made.json()["labels"]) == (201, ["stop", "wave", "yes", "none"]), made.text
        assert (await client.post("/vocabularies/page/predict", json=PREDICT)).json()["prediction"] == "wave"
        fetched = (await client.get("/vocabularies/page", headers={"Accept": "application/json"})).json()
        for recording in fetched["recordings"]:
            recording["label"] = {"wave": "hello there"}.get(recording["label"], recording["label"])
        changed = await client.put("/vocabularies/page", json=fetched)
        assert (changed.status_code, changed.json()["recordings"]) == (200, {"hello there": 1, "stop": 1})
        answer = (await client.post("/vocabularies/page/predict", json=PREDICT)).json()
        assert answer["prediction"] == "hello there"
        file = (await client.get("/vocabularies/page")).content
        assert decode_vocabulary(file).keep == ("yes",)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "content", "headers", "status", "sentence"),
    [
        ("x", b"nonsense", OCTETS, 400, "the vocabulary can't be read: it is a file that begins with b'nonsense'"),
        ("x", b"", OCTETS, 400, "an empty file"),
        ("X", b"nonsense", OCTETS, 400, "the vocabulary's name is 'X', expected 1 to 64 of a-z"),
        ("x", b"nonsense", {"Content-Type": "text/plain"}, 415, "Content-Type is text/plain"),
        ("x", b" " * (MAX_BYTES + 1), OCTETS, 413, "expected at most 8388608"),
        ("x", b"{", {"Content-Type": "application/json"}, 400, "the body is not JSON"),
        ("x", b"{}", {"Content-Type": "application/json"}, 400, "recordings is missing"),
    ],
)
async def test_what_is_no_vocabulary_is_refused_in_one_sentence(
    repository: Path, name: str, content: bytes, headers: dict[str, str], status: int, sentence: str
) -> None:
    async with serving(repository) as (client, _):
        answer = await client.put(f"/vocabularies/{name}", content=content, headers=headers)
        assert answer.status_code == status, answer.text
        assert sentence in answer.json()["error"]
        assert not (repository / "vocabularies" / "x.vocabulary").exists()


@pytest.mark.anyio
async def test_a_label_to_keep_that_the_model_lacks_is_refused(repository: Path) -> None:
    async with serving(repository) as (client, _):
        answer = await client.put("/vocabularies/x", json=example_vocabulary() | {"keep": ["nothing"]})
        assert (answer.status_code, "keep has 'nothing'" in answer.json()["error"]) == (400, True)


@pytest.mark.anyio
async def test_limits_are_said(repository: Path, version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode_vocabulary(teach_made(version, ["zigzag"]))
    monkeypatch.setattr(store, "MAX_VOCABULARIES", 2)
    monkeypatch.setattr("serve_app.vocabularies.heads.MAX_BYTES", 1000)
    async with serving(repository) as (client, _):
        full = await client.put("/vocabularies/x", content=data, headers=OCTETS)
        assert (full.status_code, full.json()["code"]) == (409, "conflict")
        assert (await client.put("/vocabularies/mine", content=data, headers=OCTETS)).status_code == 200
        large = await client.put("/vocabularies/mine", json=example_vocabulary())
        assert (large.status_code, "the vocabulary would have" in large.json()["error"]) == (413, True)
        assert large.json()["error"].endswith("expected at most 1000: leave out recordings")


@pytest.mark.anyio
async def test_a_body_of_json_may_be_larger_than_a_file(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve_app.api.vocabularies.MAX_BYTES", 100)
    async with serving(repository) as (client, _):
        assert (await client.put("/vocabularies/x", content=b" " * 101, headers=OCTETS)).status_code == 413
        assert (await client.put("/vocabularies/x", json=example_vocabulary())).status_code == 201
    assert form.MAX_JSON_BYTES > MAX_BYTES


@pytest.mark.anyio
@pytest.mark.parametrize("headers", [{"Content-Type": "application/json"}, OCTETS, {}])
async def test_a_body_is_whole_within_the_deadline_whatever_it_takes_to_teach(
    repository: Path, headers: dict[str, str]
) -> None:
    async def half_a_body() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    async with asyncio.timeout(10), serving(repository, request_deadline_s=0.2) as (client, _):
        answer = await client.put("/vocabularies/x", content=half_a_body(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (408, "request_timeout")
        assert answer.json()["error"] == "the body was not all there within 0.2 s"


@pytest.mark.anyio
async def test_teaching_may_take_longer_than_the_deadline(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse_slowly(body: bytes) -> Any:
        time.sleep(0.8)
        return parse_form(body)

    parse_form = form.parse_form
    monkeypatch.setattr("serve_app.api.vocabularies.parse_form", parse_slowly)
    async with serving(repository, request_deadline_s=0.5) as (client, _):
        assert (await client.put("/vocabularies/x", json=example_vocabulary())).status_code == 201


@pytest.mark.anyio
async def test_half_sent_recordings_keep_no_file_out(
    repository: Path, version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encode_vocabulary(teach_made(version, ["zigzag"]))
    monkeypatch.setattr("serve_app.api.vocabularies.MAX_BYTES", len(data))
    monkeypatch.setattr("serve_app.api.vocabularies.MAX_JSON_BYTES", 2 * len(data))
    taken, held = asyncio.Semaphore(0), asyncio.Event()

    async def half_a_body() -> AsyncIterator[bytes]:
        yield b"{" + b" " * (2 * len(data) - 2)
        taken.release()
        await held.wait()
        yield b"}"

    async with serving(repository) as (client, _), asyncio.TaskGroup() as group:
        json_type = {"Content-Type": "application/json"}
        half_sent = [
            group.create_task(client.put("/vocabularies/x", content=half_a_body(), headers=json_type)) for _ in range(2)
        ]
        for _ in half_sent:
            await taken.acquire()
        put = await client.put("/vocabularies/x", content=data, headers=OCTETS)
        held.set()
    assert put.status_code == 201, put.text
    assert [task.result().status_code for task in half_sent] == [400, 400]


@pytest.mark.anyio
async def test_a_body_that_is_not_declared_is_json_where_it_begins_like_it(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps(example_vocabulary()).encode()
    async with serving(repository) as (client, _):
        for begins in (b"", b" \r\n"):
            made = await client.put("/vocabularies/x", content=begins + body)
            assert made.status_code in (200, 201), made.text
        monkeypatch.setattr("serve_app.api.vocabularies.MAX_BYTES", 100)
        assert (await client.put("/vocabularies/x", content=body)).status_code == 200
        large = await client.put("/vocabularies/x", content=b"x" * 101)
        assert (large.status_code, large.json()["error"]) == (413, "the body has 101 bytes, expected at most 100")


@pytest.mark.anyio
async def test_a_repository_that_cannot_be_written_is_a_503_that_says_so(repository: Path) -> None:
    async with serving(repository) as (client, _):
        (repository / "vocabularies").rename(repository / "away")
        (repository / "vocabularies").write_text("in its place")
        answer = await client.put("/vocabularies/x", json=example_vocabulary())
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
        assert "retry-after" not in answer.headers


@pytest.mark.anyio
async def test_a_model_without_an_embedding_carries_none_and_says_what_to_do(repository: Path) -> None:
    write_version(repository, 2)
    async with serving(repository) as (client, _):
        for answer in (
            await client.post("/vocabularies/mine/predict", json=PREDICT),
            await client.get("/vocabularies/mine/metadata"),
            await client.put("/vocabularies/x", json=example_vocabulary()),
            await client.post("/v2/models/gesture/infer", json=infer_body(WAVE, parameters={"vocabulary": "mine"})),
        ):
            assert (answer.status_code, answer.json()["code"]) == (409, "conflict"), answer.text
            assert "gives no embedding, which vocabularies need: export it again" in answer.json()["error"]
        health = await client.get("/vocabularies/mine/health")
        assert (health.status_code, health.json()["status"]) == (503, "degraded")
        assert (await client.post("/predict", json=PREDICT)).status_code == 200
        stored = await client.get("/vocabularies/mine")
        assert (await client.put("/vocabularies/y", content=stored.content, headers=OCTETS)).status_code == 201


@pytest.mark.anyio
async def test_it_wants_a_key_as_every_route_does_and_no_page_elsewhere_changes_it(repository: Path) -> None:
    async with serving(repository, "a-key", site=Site()) as (client, _):
        key = {"X-API-Key": "a-key"}
        for method, path in (
            ("GET", ""), ("PUT", "/x"), ("GET", "/mine"), ("DELETE", "/mine"), ("POST", "/mine/predict"),
            ("GET", "/mine/health"), ("GET", "/mine/metadata"),
        ):  # fmt: skip
            refused = await client.request(method, f"/vocabularies{path}", json=example_vocabulary())
            assert refused.status_code == 401, path
        foreign = {**key, "Origin": "https://elsewhere.example"}
        for method, path in (("PUT", "/x"), ("DELETE", "/mine"), ("POST", "/mine/predict")):
            refused = await client.request(method, f"/vocabularies{path}", json=example_vocabulary(), headers=foreign)
            assert (refused.status_code, refused.json()["code"]) == (403, "foreign_origin")
        assert (await client.put("/vocabularies/x", json=example_vocabulary(), headers=key)).status_code == 201


@pytest.mark.anyio
async def test_another_method_is_refused_with_those_that_there_are(repository: Path) -> None:
    async with serving(repository) as (client, _):
        answer = await client.patch("/vocabularies/mine", json={})
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert {method.strip() for method in answer.headers["allow"].split(",")} >= {"GET", "PUT", "DELETE"}


@pytest.mark.anyio
async def test_a_session_names_the_gestures_of_its_vocabulary(repository: Path) -> None:
    async with serving(repository) as (_, app):
        async with accepted_socket(app, path="/vocabularies/mine/stream") as socket:
            ready = await socket.opened(encoding="fp32", stride=0)
            assert ready["class_labels"] == ["stop", "wave", "yes", "none"]
            assert ready["version"].startswith("1-")
            socket.send(WAVE.astype("<f4").tobytes())
            socket.send({"type": "predict"})
            answer = await socket.answer()
            assert (answer["prediction"], answer["model_version"]) == ("wave", ready["version"])
        async with live_socket(app, path="/vocabularies/nobodys/stream") as socket:
            event = await socket.event()
            assert (event["type"], event["status"]) == ("websocket.http.response.start", 404)


@pytest.mark.anyio
@pytest.mark.parametrize("change", ["replace", "delete", "same labels"])
async def test_a_session_ends_when_its_labels_change_and_not_otherwise(
    repository: Path, version: Path, change: str
) -> None:
    address = "/vocabularies/hers/stream"
    async with serving(repository) as (client, app), accepted_socket(app, path=address) as socket:
        async with asyncio.timeout(30):
            ready = await socket.opened(encoding="fp32", stride=0)
            if change == "delete":
                await client.delete("/vocabularies/hers")
            else:
                labels = ["circle", "stop"] if change == "same labels" else ["circle", "zigzag"]
                data = encode_vocabulary(teach_made(version, labels, count=3))
                await client.put("/vocabularies/hers", content=data)
            socket.send(STOP.astype("<f4").tobytes())
            socket.send({"type": "predict"})
            answer = await socket.answer()
            if change == "same labels":
                assert answer["prediction"] == "stop"
                socket.send({"type": "predict"})
                assert (await socket.answer())["model_version"] != ready["version"]
            else:
                assert answer["code"] == "model_changed", answer
                closed = await socket.event()
                assert (closed["type"], closed["code"]) == ("websocket.close", 1012)


@pytest.mark.anyio
async def test_no_request_is_lost_while_a_vocabulary_is_replaced_and_only_404_follows_its_end(
    repository: Path, version: Path
) -> None:
    files = [encode_vocabulary(teach_made(version, ["wave", "stop"], count=count)) for count in (1, 2, 3)]
    statuses: Counter[int] = Counter()
    late: Counter[int] = Counter()
    async with serving(repository) as (client, _):
        gone = asyncio.Event()

        async def load() -> None:
            while not gone.is_set():
                await asyncio.sleep(0)  # a 404 comes at once, without a turn for anybody else
                statuses[(await client.post("/vocabularies/mine/predict", json=PREDICT)).status_code] += 1
            for _ in range(5):
                late[(await client.post("/vocabularies/mine/predict", json=PREDICT)).status_code] += 1

        asking = [asyncio.ensure_future(load()) for _ in range(8)]
        try:
            for data in files * 2:
                put = await client.put("/vocabularies/mine", content=data, headers=OCTETS)
                assert put.status_code == 200, put.text
                await asyncio.sleep(0.05)
            assert (await client.delete("/vocabularies/mine")).status_code == 204
        finally:
            gone.set()
            await asyncio.gather(*asking)
    assert set(statuses) <= {200, 404}, statuses
    assert statuses[200] > 20
    assert set(late) == {404}


@pytest.mark.anyio
async def test_no_request_is_lost_while_a_new_model_goes_live(repository: Path) -> None:
    stages = LocalStages(repository)
    seen: Counter[str] = Counter()
    async with asyncio.timeout(60), local_app(stages) as app:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://helen") as client:
            stop = asyncio.Event()

            async def load(prefix: str) -> None:
                while not stop.is_set():
                    answer = await client.post(f"{prefix}/predict", json=PREDICT)
                    assert answer.status_code == 200, answer.text
                    if prefix:
                        assert answer.json()["prediction"] == "wave"
                        seen[answer.json()["model_version"].partition("-")[0]] += 1

            asking = [asyncio.ensure_future(load(prefix)) for prefix in ("", "/vocabularies/mine") for _ in range(6)]
            try:
                for version in ("1", "2"):
                    if version == "2":
                        await asyncio.to_thread(write_embedding_version, repository, 2, seed=9)
                        await stages.inference.reload()
                    async with asyncio.timeout(10):
                        while seen[version] < 20:
                            await asyncio.sleep(0.01)
            finally:
                stop.set()
                await asyncio.gather(*asking)
    assert set(seen) == {"1", "2"}


@pytest.mark.anyio
async def test_a_damaged_file_is_listed_with_its_reason_and_the_one_before_answers(repository: Path) -> None:
    path = repository / "vocabularies" / "mine.vocabulary"
    async with serving(repository) as (client, app):
        path.write_bytes(path.read_bytes()[:100])
        os.utime(path)
        await asyncio.to_thread(app.state.service.vocabularies.store.refresh)
        rejected = (await client.get("/vocabularies")).json()["rejected"]
        assert "can't be read" in rejected["mine"]
        assert (await client.post("/vocabularies/mine/predict", json=PREDICT)).json()["prediction"] == "wave"


@pytest.mark.anyio
async def test_a_file_by_any_name_is_listed_as_rejected(repository: Path, version: Path) -> None:
    write_vocabulary_file(repository, "Odd \udcff", teach_made(version, ["zigzag"]))
    async with serving(repository) as (client, app):
        await asyncio.to_thread(app.state.service.vocabularies.store.refresh)
        rejected = (await client.get("/vocabularies")).json()["rejected"]
        assert "expected 1 to 64 of a-z" in rejected["Odd ?"]
        assert (await client.delete("/vocabularies/Odd%20%FF")).status_code == 404


@pytest.mark.anyio
async def test_raw_tensors_go_by_a_vocabulary_too(repository: Path) -> None:
    async with serving(repository) as (client, _):
        body = infer_body(WAVE, outputs=[{"name": "probabilities"}], parameters={"binary_data_output": True})
        answer = await client.post("/vocabularies/mine/v2/models/gesture/infer", content=json.dumps(body).encode())
        tensors = decode_response(answer.content, int(answer.headers[HEADER_LENGTH])).tensors
        assert np.shape(tensors["probabilities"]) == (1, 4)
