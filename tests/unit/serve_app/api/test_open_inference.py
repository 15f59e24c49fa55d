"""The routes of ``/v2``, with everything behind them but Ray."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from landmarks.hands import compute_presence
from landmarks.models.card import decode_golden
from landmarks.models.session import ModelSession
from landmarks.protocol.open_inference import HEADER_LENGTH, InferResponse, decode_response, encode_request
from landmarks.protocol.tensors import Array, Datatype
from testkit.model_files import LABELS, build_card, linear_model, made_window, write_version
from testkit.stages.local_stages import local_client

INFER = "/v2/models/gesture/infer"
WINDOWS = np.stack([made_window(10, seed=seed) for seed in range(3)])


@asynccontextmanager
async def serving(repository: Path, keys: Sequence[str] = (), **arguments: float) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service of its own."""
    async with asyncio.timeout(30), local_client(repository, keys, **arguments) as client:
        yield client


async def ask(
    client: httpx.AsyncClient, tensors: dict[str, Array], datatype: Datatype = "FP32", path: str = INFER
) -> InferResponse:
    body, json_bytes = encode_request(tensors, datatype)
    answer = await client.post(path, content=body, headers={HEADER_LENGTH: str(json_bytes)})
    assert answer.status_code == 200, answer.text
    return decode_response(answer.content, int(answer.headers[HEADER_LENGTH]))


def in_json(windows: Array = WINDOWS, **fields: Any) -> dict[str, Any]:
    tensor = {"name": "sequence", "shape": windows.shape, "datatype": "FP32", "data": windows.ravel().tolist()}
    return {"inputs": [tensor]} | fields


@pytest.mark.anyio
@pytest.mark.parametrize("datatype", ["FP32", "FP16"])
async def test_a_batch_gets_the_models_own_outputs_with_probabilities_and_labels(
    repository: Path, datatype: Datatype
) -> None:
    async with serving(repository) as client:
        answer = await ask(client, {"sequence": WINDOWS}, datatype)
        session = ModelSession.open(repository / "gesture" / "1")
        logits = session.run({"sequence": WINDOWS, "presence": compute_presence(WINDOWS)})["logits"]
        assert answer.tensors["logits"] == pytest.approx(logits, abs=1e-5 if datatype == "FP32" else 0.05)
        probabilities = answer.tensors["probabilities"]
        assert isinstance(probabilities, np.ndarray)
        assert probabilities.shape == (3, len(LABELS))
        assert probabilities.sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
        assert answer.tensors["label"] == [LABELS[index].encode() for index in probabilities.argmax(axis=1)]
        assert (answer.model_name, answer.model_version) == ("gesture", "1")
        assert answer.elapsed_ms > 0


@pytest.mark.anyio
async def test_json_and_raw_tensors_and_predict_give_the_same_answer(repository: Path) -> None:
    async with serving(repository) as client:
        raw = await ask(client, {"sequence": WINDOWS[:1]})
        answer = await client.post(INFER, json=in_json(WINDOWS[:1], id="seven"))
        assert answer.headers["content-type"] == "application/json"
        assert HEADER_LENGTH not in answer.headers
        fields = answer.json()
        assert fields["id"] == "seven"
        outputs = {output["name"]: output for output in fields["outputs"]}
        assert outputs["label"] == {"name": "label", "datatype": "BYTES", "shape": [1], "data": [LABELS[4]]}
        assert np.float32(outputs["probabilities"]["data"]) == pytest.approx(raw.tensors["probabilities"][0], abs=1e-6)
        predicted = (await client.post("/predict", json={"sequence": WINDOWS[0].tolist()})).json()
        assert predicted["prediction"].encode() == raw.tensors["label"][0]
        assert predicted["probabilities"] == pytest.approx(raw.tensors["probabilities"][0], abs=1e-6)


@pytest.mark.anyio
async def test_presence_goes_to_the_model_as_it_is_given(repository: Path) -> None:
    async with serving(repository) as client:
        card = build_card(linear_model())
        answer = await ask(client, decode_golden(card.golden.inputs))
        assert answer.tensors["logits"] == pytest.approx(decode_golden(card.golden.outputs)["logits"], abs=1e-4)
        half = {"sequence": WINDOWS, "presence": np.full((3, 10, 2), 0.5, np.float32)}
        follows = await ask(client, {"sequence": WINDOWS})
        assert (await ask(client, half)).tensors["logits"] != pytest.approx(follows.tensors["logits"], abs=1e-3)


@pytest.mark.anyio
async def test_only_the_outputs_that_are_asked_for_come_in_their_order(repository: Path) -> None:
    async with serving(repository) as client:
        wishes = [{"name": "label"}, {"name": "logits", "parameters": {"binary_data": True}}]
        answer = await client.post(INFER, json=in_json(outputs=wishes))
        end = int(answer.headers[HEADER_LENGTH])
        first, second = json.loads(answer.content[:end])["outputs"]
        assert (first["name"], len(first["data"])) == ("label", 3)
        assert (second["name"], second["parameters"]) == ("logits", {"binary_data_size": 3 * 5 * 4})
        assert len(answer.content) == end + 3 * 5 * 4


@pytest.mark.anyio
async def test_requests_of_different_lengths_at_once_each_get_their_own_answer(repository: Path) -> None:
    async with serving(repository) as client:
        windows = [np.stack([made_window(6 + index % 5, seed=index)] * (1 + index % 3)) for index in range(60)]

        async def one(index: int) -> None:
            if index % 10 == 0:
                bad = windows[index].copy()
                bad[0, 1, 2] = np.nan
                refused = await client.post(INFER, content=json.dumps(in_json(bad)).replace("NaN", "1e300"))
                assert refused.status_code == 400
                return
            answer = await ask(client, {"sequence": windows[index]})
            alone = ModelSession.open(repository / "gesture" / "1").run(
                {"sequence": windows[index], "presence": compute_presence(windows[index])}
            )
            assert answer.tensors["logits"] == pytest.approx(alone["logits"], abs=1e-4)

        await asyncio.gather(*(one(index) for index in range(60)))


NAN = WINDOWS.copy()
NAN[1, 2, 3] = np.nan
HUGE = WINDOWS.copy()
HUGE[0, 0, 5] = 1e7


def raw_body(tensors: dict[str, Array], datatype: str = "FP32") -> tuple[bytes, str]:
    """A raw request that the encoder would refuse to write."""
    kind = {"FP32": np.float32, "FP16": np.float16}[datatype]
    with np.errstate(over="ignore"):
        raws = {name: array.astype(kind).tobytes() for name, array in tensors.items()}
    head = json.dumps(
        {
            "inputs": [
                {"name": name, "shape": array.shape, "datatype": datatype}
                | {"parameters": {"binary_data_size": len(raws[name])}}
                for name, array in tensors.items()
            ]
        }
    ).encode()
    return head + b"".join(raws.values()), str(len(head))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("tensors", "datatype", "sentence"),
    [
        ({"sequence": NAN}, "FP32", "sequence[1][2][3] is nan, expected a finite number"),
        ({"sequence": NAN}, "FP16", "sequence[1][2][3] is nan, expected a finite number"),
        ({"sequence": HUGE}, "FP16", "sequence[0][0][5] is inf, expected a finite number"),
        ({"sequence": HUGE}, "FP32", "sequence[0][0][5] is 1e+07, expected a number from -1e+06 to 1e+06"),
        ({"sequence": WINDOWS[:, :5]}, "FP32", "sequence has 5 frames, expected 6 to 30"),
        ({"sequence": np.ones((1, 31, 84), np.float32)}, "FP32", "sequence has 31 frames, expected 6 to 30"),
        ({"sequence": np.ones((5, 6, 84), np.float32)}, "FP32", "sequence has 5 windows, expected 1 to 4"),
        ({"sequence": np.ones((0, 6, 84), np.float32)}, "FP32", "sequence has 0 windows, expected 1 to 4"),
        (
            {"sequence": WINDOWS[..., :42]},
            "FP32",
            "sequence has shape [3, 10, 42], expected [-1, -1, 84], -1 being any length",
        ),
        ({"sequence": WINDOWS[0]}, "FP32", "sequence has shape [10, 84], expected [-1, -1, 84], -1 being any length"),
        ({"presence": np.ones((1, 10, 2), np.float32)}, "FP32", "sequence is missing, expected it in inputs"),
        ({"sequence": WINDOWS, "mask": WINDOWS}, "FP32", "inputs has 'mask', expected sequence, presence"),
        (
            {"sequence": WINDOWS, "presence": np.ones((3, 9, 2), np.float32)},
            "FP32",
            "presence has shape [3, 9, 2], expected to begin with [3, 10] like sequence",
        ),
        (
            {"sequence": WINDOWS, "presence": np.full((3, 10, 2), 1.5, np.float32)},
            "FP32",
            "presence[0][0][0] is 1.5, expected a number from 0 to 1",
        ),
    ],
)
async def test_tensors_that_are_no_windows_are_refused_in_one_sentence(
    repository: Path, tensors: dict[str, Array], datatype: str, sentence: str
) -> None:
    async with serving(repository, max_batch_size=4) as client:
        body, json_bytes = raw_body(tensors, datatype)
        answer = await client.post(INFER, content=body, headers={HEADER_LENGTH: json_bytes, "x-request-id": "pi-1"})
        assert answer.status_code == 400
        assert answer.json() == {"error": sentence, "code": "invalid_input", "request_id": "pi-1"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "content", "headers", "status", "sentence"),
    [
        (INFER, b"{", {}, 400, "the message is not JSON"),
        (INFER, b"", {}, 400, "the message is not JSON"),
        (INFER, b"{}", {HEADER_LENGTH: "-1"}, 400, "Inference-Header-Content-Length is '-1', expected a number"),
        (INFER, b"{}", {HEADER_LENGTH: "9" * 30}, 400, "expected a number of bytes"),
        (INFER, b"{}", {HEADER_LENGTH: "3"}, 400, "Inference-Header-Content-Length is 3, expected at most"),
        (INFER, b" " * 3000, {}, 413, "the body has 3000 bytes, expected at most 2048"),
        (INFER, b"{}", {"content-encoding": "br"}, 415, "Content-Encoding is br"),
        ("/v2/models/other/infer", b"{}", {}, 404, "there is no model 'other' here, expected one of: gesture"),
        ("/v2/models/gesture/versions/7/infer", b"{}", {}, 404, "version '7' of gesture is not served, expected '1'"),
        ("/v2/repository/index", b"[]", {}, 400, "the body is a list, expected an object"),
        ("/v2/repository/models/other/load", b"", {}, 404, "there is no model 'other' here"),
        ("/v2/repository/models/gesture/load", b'{"parameters":{"config":"x"}}', {}, 400, "parameters has 'config'"),
        ("/v2/repository/models/other/unload", b"", {}, 404, "there is no model 'other' here"),
        ("/v2/repository/models/gesture/unload", b"", {}, 501, "gesture can't be unloaded here"),
    ],
)
async def test_every_refusal_has_a_status_and_says_why(
    repository: Path, path: str, content: bytes, headers: dict[str, str], status: int, sentence: str
) -> None:
    async with serving(repository, max_body_bytes=2048) as client:
        answer = await client.post(path, content=content, headers=headers)
        assert answer.status_code == status
        assert sentence in answer.json()["error"]
        assert set(answer.json()) == {"error", "code", "request_id"}


@pytest.mark.anyio
async def test_an_output_that_there_is_not_is_refused(repository: Path) -> None:
    async with serving(repository) as client:
        answer = await client.post(INFER, json=in_json(outputs=[{"name": "preds"}]))
        assert answer.json()["error"] == "outputs[0].name is 'preds', expected one of: logits, probabilities, label"


@pytest.mark.anyio
async def test_texts_are_no_input(repository: Path) -> None:
    async with serving(repository) as client:
        tensor = {"name": "sequence", "shape": [1], "datatype": "BYTES", "data": ["a"]}
        answer = await client.post(INFER, json={"inputs": [tensor]})
        assert answer.json()["error"] == "sequence has the datatype BYTES, expected FP32 or FP16"


@pytest.mark.anyio
async def test_health_and_metadata_say_what_is_served(repository: Path) -> None:
    async with serving(repository) as client:
        assert (await client.get("/v2")).json()["extensions"] == ["binary_tensor_data", "model_repository"]
        assert (await client.get("/v2/health/live")).json() == {"live": True}
        assert (await client.get("/v2/health/ready")).json() == {"ready": True}
        assert (await client.get("/v2/models/gesture/ready")).json() == {"name": "gesture", "ready": True}
        assert (await client.get("/v2/models/gesture/versions/1/ready")).status_code == 200
        assert (await client.get("/v2/models/gesture/versions/2/ready")).status_code == 404
        versioned = await client.get("/v2/models/gesture/versions/1")
        assert (await client.get("/v2/models/gesture")).json() == versioned.json()
        assert versioned.json() == {
            "name": "gesture",
            "versions": ["1"],
            "platform": "onnxruntime_onnx",
            "inputs": [
                {"name": "sequence", "datatype": "FP32", "shape": [-1, -1, 84]},
                {"name": "presence", "datatype": "FP32", "shape": [-1, -1, 2]},
            ],
            "outputs": [
                {"name": "logits", "datatype": "FP32", "shape": [-1, 5]},
                {"name": "probabilities", "datatype": "FP32", "shape": [-1, 5]},
                {"name": "label", "datatype": "BYTES", "shape": [-1]},
            ],
        }


@pytest.mark.anyio
async def test_without_a_model_nothing_is_ready_and_the_index_says_why(tmp_path: Path) -> None:
    async with serving(tmp_path / "nothing") as client:
        for path in ("/v2/health/ready", "/v2/models/gesture/ready", "/v2/models/gesture"):
            assert (await client.get(path)).status_code == 503
        assert (await client.post(INFER, json=in_json())).json()["code"] == "not_ready"
        (entry,) = (await client.post("/v2/repository/index")).json()
        assert (entry["name"], entry["state"]) == ("gesture", "UNAVAILABLE")
        assert "no gesture model could be loaded" in entry["reason"]
        assert (await client.post("/v2/repository/index", json={"ready": True})).json() == []
        load = await client.post("/v2/repository/models/gesture/load")
        assert (load.status_code, "no gesture model could be loaded" in load.json()["error"]) == (400, True)


@pytest.mark.anyio
async def test_load_takes_up_a_new_version_at_once_and_the_index_shows_a_refused_one(repository: Path) -> None:
    async with serving(repository) as client:
        write_version(repository, 2, linear_model(seed=1), build_card(linear_model(seed=1)))
        assert (await client.post("/v2/repository/models/gesture/load", json={})).status_code == 200
        assert (await ask(client, {"sequence": WINDOWS})).model_version == "2"
        old = await client.get("/v2/models/gesture/versions/1")
        assert (old.status_code, old.json()["code"]) == (404, "not_found")

        broken = write_version(repository, 3, b"no model", build_card(linear_model()))
        refused = await client.post("/v2/repository/models/gesture/load")
        assert refused.status_code == 400
        assert "SHA-256" in refused.json()["error"]
        assert refused.json()["error"].endswith("version 2 answers")
        index = (await client.post("/v2/repository/index")).json()
        assert [(entry["version"], entry["state"]) for entry in index] == [("2", "READY"), ("3", "UNAVAILABLE")]
        assert "SHA-256" in index[1]["reason"]

        shutil.rmtree(broken)
        write_version(repository, 3)
        assert (await client.post("/v2/repository/models/gesture/load")).status_code == 200, "a mended one is retried"
        assert (await ask(client, {"sequence": WINDOWS})).model_version == "3"


@pytest.mark.anyio
async def test_more_windows_than_may_wait_get_a_429_as_a_whole(repository: Path) -> None:
    async with serving(repository, max_waiting=4, max_batch_size=2, batches_in_flight=1) as client:
        bodies = [in_json(np.stack([made_window(6, seed=index)] * 2)) for index in range(30)]
        answers = await asyncio.gather(*(client.post(INFER, json=body) for body in bodies))
        assert {answer.status_code for answer in answers} == {200, 429}
        for answer in answers:
            if answer.status_code == 429:
                assert (answer.json()["code"], answer.headers["retry-after"]) == ("overloaded", "1")
            else:
                assert answer.json()["outputs"][0]["shape"] == [2, 5]


@pytest.mark.anyio
async def test_the_keys_guard_v2_too(repository: Path) -> None:
    async with serving(repository, ("secret",)) as client:
        assert (await client.post(INFER, json=in_json())).status_code == 401
        assert (await client.post(INFER, json=in_json(), headers={"x-api-key": "secret"})).status_code == 200
