"""The routes, with everything behind them but Ray: statuses, bodies, headers, limits."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from landmarks.models.card import decode_card
from landmarks.models.session import ModelSession
from serve_app.api.application import ROUTES
from testkit.model_files import LABELS
from testkit.stages.local_stages import local_client

HELPERS = {"/docs", "/docs/{file}", "/openapi.json", "/shots/{file}"}
EXAMPLE = {"sequence": [[0.1] * 84] * 10, "mask": [[1.0, 0.0]] * 10}


@asynccontextmanager
async def serving(repository: Path, **arguments: float) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service of its own."""
    async with asyncio.timeout(20), local_client(repository, (), **arguments) as client:
        yield client


@pytest.mark.anyio
async def test_the_example_gets_all_the_fields_of_the_contract(repository: Path) -> None:
    async with serving(repository) as client:
        answer = await client.post("/predict", json=EXAMPLE)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        fields = answer.json()
        assert set(fields) == {
            *("prediction", "probabilities", "top_index", "top_probability", "elapsed_ms", "model_version")
        }
        assert fields["prediction"] == LABELS[fields["top_index"]]
        assert fields["top_probability"] == max(fields["probabilities"])
        assert fields["elapsed_ms"] > 0


@pytest.mark.anyio
async def test_the_masked_hand_does_not_change_the_answer(repository: Path) -> None:
    async with serving(repository) as client:
        zeros = {"sequence": [[0.1] * 42 + [0.0] * 42] * 10}
        noise = {"sequence": [[0.1] * 42 + [0.7] * 42] * 10, "mask": [[1.0, 0.0]] * 10}
        unmasked = {"sequence": noise["sequence"]}
        asked = [await client.post("/predict", json=body) for body in (zeros, noise, unmasked)]
        first, second, third = (answer.json()["probabilities"] for answer in asked)
        assert first == second
        assert first != third


@pytest.mark.anyio
async def test_health_and_metadata_say_what_is_served(repository: Path) -> None:
    async with serving(repository) as client:
        health = await client.get("/health")
        assert health.status_code == 200
        assert health.json() == {"status": "ok", "classes": 5, "models": {"gesture": "1", "shot": None}}
        metadata = (await client.get("/metadata")).json()
        models = metadata.pop("models")
        assert metadata == {
            "seq_len": 30,
            "min_seq_len": 6,
            "use_z": False,
            "num_classes": 5,
            "class_labels": list(LABELS),
            "feature_dim": 84,
            "normalization": "image",
            "version": "1",
            "encodings": ["json", "fp32", "fp16"],
        }
        assert models["gesture"]["ready"] is True


@pytest.mark.anyio
async def test_without_a_model_the_service_is_degraded_and_says_why(tmp_path: Path) -> None:
    async with serving(tmp_path / "nothing") as client:
        for answer in (await client.get("/health"), await client.get("/metadata")):
            assert answer.status_code == 503
        assert (await client.get("/health")).json()["status"] == "degraded"
        refused = await client.post("/predict", json=EXAMPLE)
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["code"] == "not_ready"
        assert "no gesture model could be loaded" in refused.json()["error"]


JSON_TYPE = {"content-type": "application/json"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("method", "path", "sent", "headers", "status", "code"),
    [
        ("POST", "/predict", b"{", JSON_TYPE, 400, "invalid_input"),
        ("POST", "/predict", b"", JSON_TYPE, 400, "invalid_input"),
        ("POST", "/predict", b" " * 2000, JSON_TYPE, 413, "body_too_large"),
        (
            "POST",
            "/predict",
            b"a=b",
            {"content-type": "application/x-www-form-urlencoded"},
            415,
            "unsupported_content_type",
        ),
        ("POST", "/predict", b"{}", JSON_TYPE | {"content-encoding": "br"}, 415, "unsupported_encoding"),
        ("GET", "/predict", b"", {}, 405, "method_not_allowed"),
        ("POST", "/health", b"", {}, 405, "method_not_allowed"),
        ("GET", "/nowhere", b"", {}, 404, "not_found"),
    ],
)
async def test_every_error_has_the_body_of_the_contract(
    repository: Path, method: str, path: str, sent: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    async with serving(repository, max_body_bytes=1024) as client:
        answer = await client.request(method, path, content=sent, headers=headers | {"x-request-id": "pi-7.42"})
        assert answer.status_code == status
        body = answer.json()
        assert set(body) == {"error", "code", "request_id"}
        assert (body["code"], body["request_id"]) == (code, "pi-7.42")
        assert body["error"]


@pytest.mark.anyio
async def test_a_body_without_a_declared_length_is_bounded_too(repository: Path) -> None:
    async def drops() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b" " * 500

    async with serving(repository, max_body_bytes=1024) as client:
        answer = await client.post("/predict", content=drops(), headers=JSON_TYPE)
        assert answer.status_code == 413
        assert answer.json()["error"] == "the body has more than 1024 bytes, expected at most 1024"


@pytest.mark.anyio
@pytest.mark.parametrize("given", ["", "a" * 129, "<script>", "two words"])
async def test_a_request_id_that_is_not_sane_is_replaced(repository: Path, given: str) -> None:
    async with serving(repository) as client:
        body = (await client.post("/predict", content=b"{", headers={"x-request-id": given})).json()
        assert len(body["request_id"]) == 32
        assert body["request_id"] != given


@pytest.mark.anyio
async def test_a_body_without_a_content_type_is_read_as_json(repository: Path) -> None:
    async with serving(repository) as client:
        answer = await client.post("/predict", content=json.dumps(EXAMPLE).encode())
        assert answer.status_code == 200


@pytest.mark.anyio
async def test_more_requests_than_may_wait_get_a_429_and_the_others_their_answers(repository: Path) -> None:
    async with serving(repository, max_waiting=4, max_batch_size=2, batches_in_flight=1) as client:
        answers = await asyncio.gather(*(client.post("/predict", json=EXAMPLE) for _ in range(40)))
        statuses = sorted(answer.status_code for answer in answers)
        assert set(statuses) == {200, 429}
        for answer in answers:
            if answer.status_code == 429:
                assert answer.headers["retry-after"] == "1"
                assert answer.json()["code"] == "overloaded"


@pytest.mark.anyio
async def test_a_burst_of_good_and_bad_windows_gives_each_its_own_answer(repository: Path) -> None:
    async with serving(repository) as client:

        async def ask(index: int) -> None:
            value = round(0.1 + index / 1000, 3)
            rows = [[value] * 84 for _ in range(6 + index % 20)]
            if index % 3 == 0:
                rows[index % 6][index % 84] = "bad"  # type: ignore[call-overload]
            answer = await client.post("/predict", json={"sequence": rows})
            if index % 3 == 0:
                assert answer.status_code == 400
                assert answer.json()["error"].startswith(f"sequence[{index % 6}][{index % 84}] is a string")
            else:
                alone = await client.post("/predict", json={"sequence": rows})
                assert answer.json()["probabilities"] == pytest.approx(alone.json()["probabilities"], abs=2e-6)

        await asyncio.gather(*(ask(index) for index in range(200)))


@pytest.mark.anyio
async def test_the_documentation_lists_the_routes_and_its_example_works(repository: Path) -> None:
    async with serving(repository) as client:
        document = (await client.get("/openapi.json")).json()
        assert set(document["paths"]) == {route.path for route in ROUTES} - HELPERS
        content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
        assert (await client.post("/predict", json=content["example"])).status_code == 200
        infer = document["paths"]["/v2/models/{name}/infer"]["post"]["requestBody"]["content"]["application/json"]
        assert (await client.post("/v2/models/gesture/infer", json=infer["example"])).status_code == 200
        assert (await client.get("/docs")).status_code == 200


@pytest.mark.anyio
async def test_the_served_model_can_be_fetched_and_loads_elsewhere(repository: Path) -> None:
    async with serving(repository) as client:
        model = await client.get("/models/gesture/model.onnx")
        card = await client.get("/models/gesture/card.json")
        assert (model.status_code, card.status_code) == (200, 200)
        session = ModelSession(model.content, decode_card(card.content, "the answer"))
        assert session.card.class_labels == LABELS
        known = await client.get("/models/gesture/model.onnx", headers={"if-none-match": model.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")
        assert known.headers["etag"] == f'"{session.card.sha256}"'


@pytest.mark.anyio
@pytest.mark.parametrize(
    "path", ["/models/shots/model.onnx", "/models/gesture/secret", "/models/gesture/..%2fcard.json"]
)
async def test_nothing_but_a_served_models_own_files_can_be_fetched(repository: Path, path: str) -> None:
    async with serving(repository) as client:
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/predict", "/analyze", "/v2/models/gesture/infer", "/v2/repository/index"])
async def test_a_body_that_does_not_come_within_the_deadline_is_the_clients_fault(path: str, repository: Path) -> None:
    async def half_a_body() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    async with serving(repository, request_deadline_s=0.2) as client:
        answer = await client.post(path, content=half_a_body())
        assert (answer.status_code, answer.json()["code"]) == (408, "request_timeout")
        assert answer.json()["error"] == "the body was not all there within 0.2 s"
