"""What is counted, and what a scrape of the whole service says of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serve_app.observability.metrics import IngressMetrics, ModelMetrics, PostprocessMetrics, exposition
from testkit.load import EXAMPLE
from testkit.model_files import write_version
from testkit.stages.local_stages import LocalStages, local_app, local_client
from testkit.websocket_client import accepted_socket
from tests.unit.serve_app.api.stream.test_endpoint import PACKED

Samples = dict[str, list[tuple[dict[str, str], float]]]


@asynccontextmanager
async def serving(repository: Path, *keys: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service of its own."""
    async with asyncio.timeout(20), local_client(repository, keys) as client:
        yield client


def parse_samples(text: str) -> Samples:
    """Every sample of a scrape, by its name."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    return found


async def scrape(client: httpx.AsyncClient, **headers: str) -> Samples:
    answer = await client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return parse_samples(answer.text)


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum of the samples of that name that have these labels."""
    return sum(number for own, number in samples.get(name, []) if labels.items() <= own.items())


@pytest.mark.anyio
async def test_requests_are_counted_by_route_and_status(repository: Path) -> None:
    async with serving(repository) as client:
        for _ in range(3):
            assert (await client.post("/predict", json=EXAMPLE)).status_code == 200
        await client.post("/predict", content=b"{")
        await client.get("/made/up/by/a/stranger")
        await client.get("/models/gesture/nothing")
        seen = await scrape(client)
        assert value(seen, "helen_requests_total", route="/predict", status="200") == 3
        assert value(seen, "helen_requests_total", route="/predict", status="400") == 1
        assert value(seen, "helen_requests_total", route="-", status="404") == 1
        assert value(seen, "helen_requests_total", route="/models/{name}/{file}", status="404") == 1
        assert value(seen, "helen_request_seconds_count", route="/predict") == 4
        assert value(seen, "helen_request_seconds_bucket", route="/predict", le="10.0") == 4


@pytest.mark.anyio
async def test_every_stage_says_its_time_by_model_and_version(repository: Path) -> None:
    async with serving(repository) as client:
        await client.post("/predict", json=EXAMPLE)
        seen = await scrape(client)
        for stage in ("preprocess", "inference", "postprocess"):
            assert value(seen, "helen_stage_seconds_count", stage=stage, model="gesture", version="1") == 1
            assert value(seen, "helen_stage_seconds_sum", stage=stage) > 0
            assert value(seen, "helen_process_resident_memory_bytes", stage=stage) > 1e6
        replicas = {labels["stage"]: number for labels, number in seen["helen_replicas"]}
        assert replicas == {"preprocess": 1, "inference": 2, "postprocess": 1}, "the two models are inference"
        assert value(seen, "helen_queue_depth", model="gesture") == 0
        assert value(seen, "helen_model_ready", model="gesture") == 1
        assert value(seen, "helen_model_served", model="gesture", version="1") == 1
        assert value(seen, "helen_model_load_seconds", model="gesture", version="1") > 0


@pytest.mark.anyio
async def test_a_burst_is_seen_in_the_batch_sizes(repository: Path) -> None:
    async with serving(repository) as client:
        await asyncio.gather(*(client.post("/predict", json=EXAMPLE) for _ in range(40)))
        seen = await scrape(client)
        assert value(seen, "helen_batch_size_sum", model="gesture", version="1") == 40
        assert value(seen, "helen_batch_size_count") < 40


@pytest.mark.anyio
async def test_what_was_named_and_how_surely_can_be_watched(repository: Path) -> None:
    async with serving(repository) as client:
        answer = (await client.post("/predict", json=EXAMPLE)).json()
        seen = await scrape(client)
        assert value(seen, "helen_predictions_total", label=answer["prediction"], version="1") == 1
        assert value(seen, "helen_predictions_total") == 1
        assert value(seen, "helen_confidence_sum", model="gesture") == pytest.approx(answer["top_probability"])


@pytest.mark.anyio
async def test_the_frames_without_a_hand_are_counted_for_each_key(repository: Path) -> None:
    left_only = {"sequence": [[0.1] * 42 + [0.0] * 42] * 10}
    both = {"sequence": [[0.1] * 84] * 8}

    async with serving(repository, "one", "two") as client:
        for key, body in (("one", left_only), ("two", both), ("two", both)):
            assert (await client.post("/predict", json=body, headers={"x-api-key": key})).status_code == 200
        seen = await scrape(client, **{"x-api-key": "one"})
        names = {labels["key"] for labels, _ in seen["helen_window_frames_total"]}
        assert names.isdisjoint({"one", "two"}), "a key itself is in the metrics"
        by_frames = {value(seen, "helen_window_frames_total", key=name): name for name in names}
        assert set(by_frames) == {10, 16}
        assert value(seen, "helen_hand_frames_total", key=by_frames[10], hand="left") == 10
        assert value(seen, "helen_hand_frames_total", key=by_frames[10], hand="right") == 0
        assert value(seen, "helen_hand_frames_total", key=by_frames[16]) == 32


@pytest.mark.anyio
async def test_metrics_want_a_key_where_the_service_has_keys(repository: Path) -> None:
    async with serving(repository, "one") as client:
        assert (await client.get("/metrics")).status_code == 401
        seen = await scrape(client, authorization="Bearer one")
        assert value(seen, "helen_requests_total", route="-", status="401") == 1


@pytest.mark.anyio
async def test_a_refused_version_and_a_new_one_are_seen(repository: Path) -> None:
    write_version(repository, 2)
    (repository / "gesture" / "2" / "model.onnx").write_bytes(b"broken")

    async with serving(repository) as client:
        seen = await scrape(client)
        assert value(seen, "helen_refused_versions", model="gesture") == 1
        assert value(seen, "helen_model_served", version="1") == 1
        assert value(seen, "helen_model_served", version="2") == 0


@pytest.mark.anyio
async def test_windows_as_tensors_are_counted_like_those_of_predict(repository: Path) -> None:
    window = [[[0.1] * 42 + [0.0] * 42] * 10] * 3
    tensor = {"name": "sequence", "shape": [3, 10, 84], "datatype": "FP32", "data": window}

    async with serving(repository) as client:
        answer = await client.post("/v2/models/gesture/infer", json={"inputs": [tensor]})
        assert answer.status_code == 200, answer.text
        seen = await scrape(client)
        assert value(seen, "helen_requests_total", route="/v2/models/{name}/infer", status="200") == 1
        assert value(seen, "helen_window_frames_total", model="gesture") == 30
        assert value(seen, "helen_hand_frames_total", hand="left") == 30
        assert value(seen, "helen_hand_frames_total", hand="right") == 0
        assert value(seen, "helen_predictions_total", model="gesture") == 3
        assert value(seen, "helen_confidence_count", model="gesture") == 3
        for stage in ("preprocess", "inference", "postprocess"):
            assert value(seen, "helen_stage_seconds_count", stage=stage, model="gesture", version="1") == 1


@pytest.mark.anyio
async def test_a_live_session_is_seen_and_its_windows_are_counted(repository: Path) -> None:
    async with asyncio.timeout(20), local_app(LocalStages(repository)) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://helen") as client:
            async with accepted_socket(app) as socket:
                await socket.opened()
                socket.send(b"".join(PACKED[:6]))
                await socket.answer()
                seen = await scrape(client)
                assert value(seen, "helen_websocket_sessions") == 1
                assert value(seen, "helen_window_frames_total", model="gesture") == 6
                assert value(seen, "helen_predictions_total", model="gesture") == 1
            assert value(await scrape(client), "helen_websocket_sessions") == 0


@pytest.mark.anyio
async def test_a_shot_is_counted_too(repository: Path) -> None:
    async with serving(repository) as client:
        document = (await client.get("/openapi.json")).json()
        example = document["paths"]["/analyze"]["post"]["requestBody"]["content"]["application/json"]["example"]
        labels = (await client.post("/analyze", json=example)).json()["labels"]
        seen = await scrape(client)
        assert value(seen, "helen_stage_seconds_count", stage="postprocess", model="shot") == 1
        assert value(seen, "helen_predictions_total", model="shot") == len(labels)


@pytest.mark.parametrize("windows", [1, 63, 64, 65, 200])
def test_hands_are_counted_exactly_however_many_windows_came_between_two_scrapes(windows: int) -> None:
    counts = IngressMetrics()
    presence = np.array([[1, 0]] * 10 + [[1, 1]] * 5, dtype=np.float32)
    for _ in range(windows):
        counts.record_presence("gesture", "pi", presence)
    for _ in range(2):
        seen = parse_samples(exposition([counts.snapshot()]).decode())
        assert value(seen, "helen_window_frames_total", key="pi") == 15 * windows
        assert value(seen, "helen_hand_frames_total", hand="left") == 15 * windows
        assert value(seen, "helen_hand_frames_total", hand="right") == 5 * windows


def test_the_series_of_two_replicas_stay_apart() -> None:
    first, second = IngressMetrics().snapshot(), IngressMetrics().snapshot()
    seen = parse_samples(exposition([first, type(second)("preprocess", "elsewhere:1", second.families)]).decode())
    assert {labels["replica"] for labels, _ in seen["helen_websocket_sessions"]} == {first.replica, "elsewhere:1"}
    assert value(seen, "helen_replicas", stage="preprocess") == 2


def test_a_batch_that_fails_is_a_rise_from_zero() -> None:
    counts = ModelMetrics("gesture")
    before = parse_samples(exposition([counts.snapshot()]).decode())
    assert before["helen_failed_batches_total"][0][1] == 0
    counts.record_failed_batch()
    assert value(parse_samples(exposition([counts.snapshot()]).decode()), "helen_failed_batches_total") == 1


def test_a_model_that_was_replaced_is_no_longer_served() -> None:
    counts = ModelMetrics("gesture")
    counts.set_served_version("1", 0.2, 0)
    counts.set_served_version("2", 0.3, 1)
    seen = parse_samples(exposition([counts.snapshot()]).decode())
    assert [labels["version"] for labels, _ in seen["helen_model_served"]] == ["2"]
    counts.set_served_version(None, 0.0, 2)
    assert "helen_model_served" not in parse_samples(exposition([counts.snapshot()]).decode())


def test_every_family_has_a_help_and_one_type() -> None:
    text = exposition([each.snapshot() for each in (IngressMetrics(), ModelMetrics("g"), PostprocessMetrics())])
    types = [line.split()[2] for line in text.decode().splitlines() if line.startswith("# TYPE")]
    assert len(types) == len(set(types))
    assert all(name.startswith("helen_") for name in types)
