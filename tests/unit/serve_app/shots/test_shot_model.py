"""``/analyze`` with a shot model behind it, and what happens when it isn't there."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest
import torch

from landmarks.models.card import Training
from landmarks.models.session import ModelSession
from landmarks.shots.keypoints import SHOT_LABELS
from serve_app.api.docs.examples import example_shot
from serve_app.api.docs.responses import AnalyzeResponse
from serve_app.errors import RequestError
from serve_app.schemas import ModelOutput
from serve_app.shots.analysis import add_model_input, analyze_with_model, analyze_with_rules
from serve_app.shots.request import parse_shot
from testkit.model_files import write_version
from testkit.stages.local_stages import local_client
from training.engine.checkpoints import Checkpoint, make_shot_metadata
from training.engine.export import export
from training.engine.shot_card import make_golden_poses
from training.networks.shot_tcn import ShotTCN, ShotTCNConfig


@pytest.fixture(scope="module")
def with_shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a made gesture model and an untrained shot model."""
    folder = tmp_path_factory.mktemp("models")
    write_version(folder, 1)
    torch.manual_seed(0)
    training = Training(data="none", licence="none", split="none", command="none", date="2026-01-01")
    checkpoint = Checkpoint(ShotTCN(ShotTCNConfig(channels=8, blocks=1)).eval(), make_shot_metadata(training))
    export(checkpoint, folder / "shot" / "1" / "model.onnx", name="shot")
    return folder


@asynccontextmanager
async def serving(repository: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service of its own."""
    async with asyncio.timeout(30), local_client(repository) as client:
        yield client


@pytest.mark.anyio
async def test_with_a_model_the_answer_is_the_models(with_shots: Path) -> None:
    async with serving(with_shots) as client:
        answers = await asyncio.gather(*(client.post("/analyze", json=example_shot()) for _ in range(5)))
        fields = answers[0].json()
        assert (answers[0].status_code, fields["source"], fields["model_version"]) == (200, "model", "1")
        msgspec.json.decode(answers[0].content, type=AnalyzeResponse)
        assert list(fields["probabilities"]) == list(SHOT_LABELS)
        assert fields["labels"] == [label for label, p in fields["probabilities"].items() if p is not None and p > 0.5]
        assert [advice["id"] for advice in fields["recommendations"]] == fields["labels"]
        assert 0 <= fields["metrics"]["ite"] <= 100
        assert isinstance(fields["metrics"]["delay_ms"], int)
        for answer in answers:
            assert answer.json()["probabilities"] == pytest.approx(fields["probabilities"], abs=1e-4)
        asked = (await client.post("/analyze", json=example_shot() | {"release_time_sec": 0.4})).json()
        assert asked["release_time_sec"] == 0.4


@pytest.mark.anyio
async def test_the_shot_model_is_described_and_handed_out(with_shots: Path) -> None:
    async with serving(with_shots) as client:
        models = (await client.get("/metadata")).json()["models"]
        assert models["shot"]["ready"] is True
        assert models["shot"]["class_labels"] == list(SHOT_LABELS)
        assert (await client.get("/models/shot/card.json")).status_code == 200
        versions = (await client.get("/health")).json()["models"]
        assert versions == {"gesture": models["gesture"]["version"], "shot": "1"}


@pytest.mark.anyio
async def test_bad_frames_are_refused_with_a_model_too(with_shots: Path) -> None:
    async with serving(with_shots) as client:
        still = {"frames": [frame | {"keypoints": []} for frame in example_shot()["frames"]]}
        answer = await client.post("/analyze", json=still)
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("frames show no shot: neither wrist is seen")


@pytest.mark.anyio
async def test_without_a_shot_model_the_service_is_healthy_and_says_so(repository: Path) -> None:
    async with serving(repository) as client:
        health = await client.get("/health")
        assert (health.status_code, health.json()["models"]["shot"]) == (200, None)
        assert (await client.get("/metadata")).json()["models"]["shot"]["ready"] is False
        assert (await client.get("/models/shot/card.json")).status_code == 503
        assert (await client.post("/analyze", json=example_shot())).json()["source"] == "heuristic"


@pytest.mark.anyio
async def test_with_a_shot_model_that_cannot_be_loaded_the_service_is_degraded_and_the_rules_answer(
    tmp_path: Path,
) -> None:
    write_version(tmp_path, 1)
    (tmp_path / "shot" / "1").mkdir(parents=True)

    async with serving(tmp_path) as client:
        health = await client.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "degraded")
        assert "shot/1/card.json is missing" in health.json()["reason"]
        assert (await client.post("/analyze", json=example_shot())).json()["source"] == "heuristic"


def example_body() -> bytes:
    """The documentation's example as a request's body."""
    return json.dumps(example_shot()).encode()


def test_the_model_gets_the_window_at_thirty_frames_a_second(with_shots: Path) -> None:
    card = ModelSession.open(with_shots / "shot" / "1").card
    shot = add_model_input(parse_shot(example_body(), "es"), card)
    # The example lasts 19/30 s and its release is found at about 0.45 s: all of it lies in the window.
    assert shot.poses is not None and shot.release is not None
    assert shot.poses.shape == (20, 33, 3) and shot.poses.dtype == np.float32
    assert shot.release.time_s == pytest.approx(0.45, abs=0.03)


def test_a_release_that_was_found_for_the_model_is_the_one_that_the_rules_find(with_shots: Path) -> None:
    card = ModelSession.open(with_shots / "shot" / "1").card
    shot = parse_shot(example_body(), "es")
    assert analyze_with_rules(add_model_input(shot, card)) == analyze_with_rules(shot)


@pytest.mark.anyio
async def test_a_window_longer_than_the_model_takes_is_the_rules(with_shots: Path) -> None:
    first = example_shot()["frames"][0]
    waiting = [first | {"index": number, "time_sec": number / 30} for number in range(150)]
    frames = [*waiting, *(frame | {"time_sec": 5 + frame["time_sec"]} for frame in example_shot()["frames"])]

    async with serving(with_shots) as client:
        for pre_ms, source in ((500, "model"), (5000, "heuristic")):
            answer = await client.post("/analyze", json={"frames": frames, "pre_ms": pre_ms})
            assert (answer.status_code, answer.json()["source"]) == (200, source)


@pytest.mark.parametrize(
    ("logits", "preds"), [([np.nan, 0, 0, 0], [50, 90]), ([0, 0, 0, 0], [np.inf, 90])], ids=["logits", "preds"]
)
def test_an_answer_that_is_not_finite_is_the_models_fault(logits: list[float], preds: list[float]) -> None:
    outputs = {"logits": np.array([logits], np.float32), "preds": np.array([preds], np.float32)}
    with pytest.raises(RequestError, match="model version 7 gave an answer that is not finite"):
        analyze_with_model(parse_shot(example_body(), "es"), ModelOutput("7", SHOT_LABELS, 1.0, outputs), 0)


@pytest.mark.anyio
async def test_the_shot_model_answers_v2_with_its_own_outputs_and_probabilities(with_shots: Path) -> None:
    x = np.stack([make_golden_poses(), make_golden_poses()])

    async with serving(with_shots) as client:
        assert (await client.get("/v2/health/ready")).status_code == 200
        described = (await client.get("/v2/models/shot")).json()
        assert [tensor["name"] for tensor in described["inputs"]] == ["x"]
        assert [tensor["name"] for tensor in described["outputs"]] == ["logits", "preds", "probabilities"]
        tensor = {"name": "x", "datatype": "FP32", "shape": x.shape, "data": x.ravel().tolist()}
        answer = await client.post("/v2/models/shot/infer", json={"inputs": [tensor]})
        assert answer.status_code == 200, answer.text
        outputs = {tensor["name"]: np.reshape(tensor["data"], tensor["shape"]) for tensor in answer.json()["outputs"]}
        assert {name: tensor.shape for name, tensor in outputs.items()} == {
            "logits": (2, 4),
            "preds": (2, 2),
            "probabilities": (2, 4),
        }
        np.testing.assert_allclose(outputs["probabilities"], 1 / (1 + np.exp(-outputs["logits"])), atol=1e-5)


@pytest.mark.anyio
async def test_without_a_shot_model_v2_is_ready_and_knows_none(repository: Path) -> None:
    async with serving(repository) as client:
        assert (await client.get("/v2/health/ready")).status_code == 200
        assert (await client.get("/v2/models/shot/ready")).status_code == 503
        index = (await client.post("/v2/repository/index")).json()
        assert [entry["name"] for entry in index] == ["gesture"]
