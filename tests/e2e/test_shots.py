"""A shot through the real service: the bundled shot model answers, and the next version takes over while it runs."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import torch

from landmarks.models.card import Training, compute_sha256
from landmarks.shots.keypoints import SHOT_LABELS
from serve_app.api.docs.examples import example_shot
from testkit.service import RunningService
from tests.e2e.test_hot_swap import EVERYONE_LOOKED_S, metadata, wait_for
from training.engine.checkpoints import Checkpoint, make_shot_metadata
from training.engine.export import export
from training.networks.shot_tcn import ShotTCN, ShotTCNConfig

pytestmark = pytest.mark.e2e

LIVE_WITHIN_S = 30


def analyzed(service: RunningService, path: str = "/analyze") -> dict[str, Any]:
    answer = httpx.post(f"{service.url}{path}", json=example_shot(), headers={"accept-language": "es"}, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-language"] == "es"
    fields: dict[str, Any] = answer.json()
    return fields


def shot_version(fields: dict[str, Any]) -> str | None:
    version: str | None = fields["models"]["shot"].get("version")
    return version


@pytest.fixture
def published(service: RunningService) -> Iterator[Callable[[], None]]:
    """Publishes an untrained shot model as version 2, in one rename; takes it back and waits until all have seen it."""
    folder = service.repository / "shot" / "2"

    def publish() -> None:
        training = Training(data="none", licence="none", split="none", command="none", date="2026-01-01")
        checkpoint = Checkpoint(ShotTCN(ShotTCNConfig(channels=8, blocks=1)).eval(), make_shot_metadata(training))
        made = service.repository / ".made-shot"
        export(checkpoint, made / "model.onnx", name="shot")
        made.rename(folder)

    yield publish
    shutil.rmtree(folder, ignore_errors=True)
    wait_for(service, lambda fields: shot_version(fields) == "1", LIVE_WITHIN_S, lasting_s=EVERYONE_LOOKED_S)


@pytest.mark.parametrize("path", ["/analyze", "/api/analyze"])
def test_a_shot_is_judged_by_the_model_and_gets_advice_in_the_readers_language(
    service: RunningService, path: str
) -> None:
    fields = analyzed(service, path)
    assert (fields["source"], fields["model_version"]) == ("model", "1")
    assert list(fields["probabilities"]) == list(SHOT_LABELS)
    assert 0 <= fields["metrics"]["ite"] <= 100
    assert [advice["id"] for advice in fields["recommendations"]] == fields["labels"]


def test_the_shot_model_is_healthy_described_and_handed_out(service: RunningService) -> None:
    assert httpx.get(f"{service.url}/health", timeout=30).json()["models"]["shot"] == "1"
    described = metadata(service)["models"]["shot"]
    assert described["class_labels"] == list(SHOT_LABELS)
    file = httpx.get(f"{service.url}/models/shot/model.onnx", timeout=30)
    assert (file.status_code, compute_sha256(file.content)) == (200, described["sha256"])


def test_a_published_shot_model_answers_without_a_restart_and_a_deleted_one_gives_way(
    service: RunningService, published: Callable[[], None]
) -> None:
    torch.manual_seed(0)
    before = service.replica_pids("ShotTCN")
    published()
    wait_for(service, lambda fields: shot_version(fields) == "2", LIVE_WITHIN_S, lasting_s=EVERYONE_LOOKED_S)
    assert analyzed(service)["model_version"] == "2"
    shutil.rmtree(service.repository / "shot" / "2")
    wait_for(service, lambda fields: shot_version(fields) == "1", LIVE_WITHIN_S, lasting_s=EVERYONE_LOOKED_S)
    assert analyzed(service)["model_version"] == "1"
    assert set(before) <= set(service.replica_pids("ShotTCN"))


def test_frames_without_a_shot_are_refused_in_one_sentence(service: RunningService) -> None:
    answer = httpx.post(f"{service.url}/analyze", json={"frames": []}, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


def test_the_page_is_there(service: RunningService) -> None:
    answer = httpx.get(f"{service.url}/shots", timeout=30)
    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["content-security-policy"]
