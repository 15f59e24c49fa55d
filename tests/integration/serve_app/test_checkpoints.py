"""The source system's ``.pt``, converted once by a child process and served as ONNX."""

import importlib.util
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from landmarks.hands import compute_presence
from landmarks.models.card import ModelError
from serve_app.deployments.model import ModelReplica
from serve_app.errors import NotReady
from serve_app.models.checkpoints import open_checkpoint
from serve_app.models.loader import ModelLoader
from testkit.model_files import made_window

CONFIG = {
    "input_dim": 84,
    "hidden_dim": 8,
    "num_layers": 2,
    "num_classes": 3,
    "dropout": 0.1,
    "bidirectional": True,
}
META = {"seq_len": 20, "use_z": False, "classes_numeric": [0, 1, 2], "class_labels": ["Inicio", "Alto", "Fin"]}


class SourceGRU(nn.Module):
    """The source system's network, as its checkpoints were written."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(84, 8, num_layers=2, batch_first=True, dropout=0.1, bidirectional=True)
        self.norm = nn.LayerNorm(16)
        self.fc = nn.Linear(16, 3)

    def forward(self, window: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.fc(self.norm(self.gru(window)[0][:, -1]))
        return logits


@pytest.fixture
def network() -> SourceGRU:
    torch.manual_seed(3)
    return SourceGRU().eval()


@pytest.fixture
def checkpoint(network: SourceGRU, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "sequence_bigru.pt"
    torch.save({"config": CONFIG, "model_state": network.state_dict(), "meta": META}, path)
    return path


def test_a_checkpoint_answers_as_its_network_does(checkpoint: Path, network: SourceGRU) -> None:
    model = ModelLoader("gesture", [str(checkpoint)])
    model.refresh()
    assert model.current is not None, model.reason
    card = model.current.session.card
    assert card.class_labels == ("Inicio", "Alto", "Fin")
    assert (card.seq_len, card.feature_dim, card.normalization) == (20, 84, "hand_box")
    windows = np.stack([made_window(12, seed=seed) for seed in range(4)])
    found = model.current.session.run({"sequence": windows, "presence": compute_presence(windows)})["logits"]
    with torch.no_grad():
        expected = network(torch.from_numpy(windows)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_checkpoint_is_converted_once(checkpoint: Path, tmp_path: Path) -> None:
    first = open_checkpoint(checkpoint)
    (converted,) = (tmp_path / "cache" / "helen").iterdir()
    written = (converted / "model.onnx").stat().st_mtime_ns
    second = open_checkpoint(checkpoint)
    assert (converted / "model.onnx").stat().st_mtime_ns == written
    assert first.version == second.version


class Trap:
    """Unpickling it would run code."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.file),))


def test_a_checkpoint_with_code_in_it_is_refused_and_the_code_does_not_run(
    checkpoint: Path, network: SourceGRU, tmp_path: Path
) -> None:
    trap = tmp_path / "sprung"
    state = {"config": CONFIG, "model_state": network.state_dict(), "meta": META, "more": Trap(trap)}
    torch.save(state, checkpoint)
    with pytest.raises(ModelError, match="can't be converted"):
        open_checkpoint(checkpoint)
    assert not trap.exists()


def test_a_file_that_is_no_checkpoint_is_refused_in_one_sentence(checkpoint: Path) -> None:
    checkpoint.write_bytes(b"not a checkpoint")
    with pytest.raises(ModelError, match="can't be converted") as refusal:
        open_checkpoint(checkpoint)
    assert "\n" not in str(refusal.value)


def test_without_torch_the_reason_says_what_to_install(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else object())
    with pytest.raises(
        ModelError, match=r"needs torch to be converted: \S+ -m pip install -r training/requirements\.txt"
    ):
        open_checkpoint(checkpoint)


@pytest.mark.parametrize("cache", ["a file", "a loop"])
def test_a_cache_that_can_not_be_written_does_not_keep_a_checkpoint_from_answering(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service_log: pytest.LogCaptureFixture, cache: str
) -> None:
    (tmp_path / "a file").write_text("")
    (tmp_path / "a loop").symlink_to(tmp_path / "a loop")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / cache))
    model = ModelLoader("gesture", [str(checkpoint)])
    model.refresh()
    assert model.current is not None, model.reason
    assert "is converted at each start" in service_log.text


def test_a_damaged_cache_is_replaced(checkpoint: Path, tmp_path: Path) -> None:
    open_checkpoint(checkpoint)
    (converted,) = (tmp_path / "cache" / "helen").iterdir()
    (converted / "model.onnx").write_bytes(b"cut")
    assert open_checkpoint(checkpoint).version.startswith("sha-")
    written = (converted / "model.onnx").stat()
    assert written.st_size > 1000
    open_checkpoint(checkpoint)
    assert (converted / "model.onnx").stat().st_mtime_ns == written.st_mtime_ns


def test_a_truncated_checkpoint_is_refused_and_the_next_source_answers(checkpoint: Path, repository: Path) -> None:
    checkpoint.write_bytes(checkpoint.read_bytes()[:20_000])
    model = ModelLoader("gesture", [str(checkpoint), str(repository)])
    model.refresh()
    assert model.current is not None and model.current.version == "1"
    assert "not all of one" in model.rejected_versions[str(checkpoint)]


@pytest.mark.anyio
async def test_without_torch_a_replica_comes_up_at_once_and_answers_with_what_to_install(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, service_log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else object())
    started = threading.Event()
    replicas: list[ModelReplica] = []

    def start() -> None:
        replicas.append(ModelReplica("gesture", [str(checkpoint)], startup_timeout_s=600))
        started.set()

    threading.Thread(target=start, daemon=True).start()
    assert started.wait(30), "it waits for what doesn't come by itself"
    wanted = "pip install -r training/requirements.txt"
    with pytest.raises(NotReady, match=wanted):
        await replicas[0].infer({})
    await replicas[0].reload()
    assert len([record for record in service_log.records if "is rejected" in record.getMessage()]) == 1
    checkpoint.unlink()  # the replica goes on looking, and torch is there again after this test
