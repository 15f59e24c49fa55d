import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from landmarks.hands import compute_presence, hand_box_normalise
from landmarks.models.session import ModelSession
from training.engine.checkpoints import CheckpointError, read_checkpoint
from training.engine.export import ExportError, check_parity, sample_hands, to_onnx
from training.export_onnx import main
from training.networks.architectures import GESTURE_NETWORKS, build_architecture
from training.networks.bigru import GestureGRU, GRUConfig

SHAPES = [(batch, time) for batch in (1, 3, 64) for time in (1, 2, 6, 20, 30, 60)]


class SourceSystemNetwork(nn.Module):
    """The source system's network under names of its own."""

    def __init__(self, classes: int, use_z: bool) -> None:
        super().__init__()
        self.rnn = nn.GRU(126 if use_z else 84, 16, 2, batch_first=True, dropout=0.2, bidirectional=True)
        self.head = nn.Sequential(nn.LayerNorm(32), nn.Dropout(0.2), nn.Linear(32, classes))

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.rnn(sequence)[0][:, -1])
        return logits


def source_checkpoint(classes: int = 4, use_z: bool = False, **meta: Any) -> dict[str, Any]:
    torch.manual_seed(0)
    network = SourceSystemNetwork(classes, use_z)
    return {
        "config": {
            "input_dim": 126 if use_z else 84,
            "hidden_dim": 16,
            "num_layers": 2,
            "num_classes": classes,
            "dropout": 0.2,
            "bidirectional": True,
        },
        "model_state": network.state_dict(),
        "meta": {"seq_len": 30, "use_z": use_z, "classes_numeric": [0, 1, 2, 7][:classes], **meta},
    }


@pytest.mark.parametrize("kind", GESTURE_NETWORKS)
def test_the_exported_file_gives_torchs_logits_for_every_batch_and_length(kind: str) -> None:
    torch.manual_seed(0)
    network = build_architecture(kind, 34).eval()
    assert check_parity(to_onnx(network), network, SHAPES)["logits"] < 1e-5


def test_a_file_that_differs_is_refused() -> None:
    network = GestureGRU(GRUConfig(84, 4, hidden_dim=8)).eval()
    model = to_onnx(network)
    with torch.no_grad():
        network.head[2].bias.add_(1.0)  # type: ignore[operator]
    with pytest.raises(ExportError, match="differ from torch's"):
        check_parity(model, network)


@pytest.mark.parametrize("use_z", [False, True])
def test_a_source_system_checkpoint_becomes_a_model_that_answers_as_it_did(tmp_path: Path, use_z: bool) -> None:
    content = source_checkpoint(use_z=use_z)
    torch.save(content, tmp_path / "sequence_bigru.pt")
    main(["--checkpoint", str(tmp_path / "sequence_bigru.pt"), "--output", str(tmp_path / "out" / "model.onnx")])

    session = ModelSession.open(tmp_path / "out")
    assert session.card.normalization == "hand_box"
    assert session.card.temperature == 1.0
    assert session.card.use_z is use_z
    assert (session.card.name, session.card.seq_len, session.card.min_seq_len) == ("sequence_bigru", 30, 6)
    window, _ = sample_hands(3, 30, np.random.default_rng(1), session.card.feature_dim)
    window = hand_box_normalise(window)
    network = SourceSystemNetwork(4, use_z).eval()
    network.load_state_dict(content["model_state"])
    with torch.no_grad():
        expected = network(torch.from_numpy(window)).numpy()
    found = session.run({"sequence": window, "presence": compute_presence(window)})["logits"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    "meta, labels",
    [
        ({}, ("0", "1", "2", "7")),
        ({"class_labels": ["a", "b", "c", "d"]}, ("a", "b", "c", "d")),
        ({"class_labels": {0: "a", 1: "b", 2: "c", 7: "d"}}, ("a", "b", "c", "d")),
        ({"class_labels": {"0": "a", "7": "d"}}, ("a", "1", "2", "d")),
    ],
)
def test_class_labels_come_from_a_list_a_mapping_or_the_numbers(
    tmp_path: Path, meta: dict[str, Any], labels: tuple[str, ...]
) -> None:
    torch.save(source_checkpoint(**meta), tmp_path / "x.pt")
    assert read_checkpoint(tmp_path / "x.pt").metadata.class_labels == labels


def changed(part: str, **values: Any) -> dict[str, Any]:
    content = source_checkpoint()
    content[part] = {**content[part], **values}
    return content


@pytest.mark.parametrize(
    "content, reason",
    [
        ([1, 2], "expected a dictionary"),
        ({"config": {}, "meta": {}}, "model_state is NoneType"),
        (changed("config", hidden_dim=17), r"has shape \(48, 84\), the config expects \(51, 84\)"),
        (changed("config", hidden_dim=10**9), "hidden_dim is 1000000000"),
        (changed("config", hidden_dim=4096, num_layers=16), "gru.bias_hh_l10 is in only one"),
        (
            changed("model_state", **{"head.2.bias": torch.full((4,), torch.nan)}),
            "linear.bias has numbers that are not",
        ),
        (changed("config", input_dim=50), r"the config expects \(48, 50\)"),
        (changed("meta", seq_len="30"), "meta.seq_len"),
        (changed("meta", use_z=True), "expected 126 with use_z"),
        (changed("meta", class_labels=["a"]), "1 labels, expected"),
        (changed("meta", class_labels=["a", "a", "b", "c"]), "a label twice"),
        (changed("model_state", extra=torch.zeros(3, 3)), "expected one LayerNorm and one Linear"),
    ],
)
def test_a_checkpoint_of_another_layout_is_refused_with_the_reason(
    tmp_path: Path, content: object, reason: str
) -> None:
    torch.save(content, tmp_path / "bad.pt")
    with pytest.raises(CheckpointError, match=reason):
        read_checkpoint(tmp_path / "bad.pt")


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ({"seq_len": np.int64(30)}, r"meta.seq_len is a numpy.int64, save it as int\(seq_len\)"),
        ({"use_z": np.bool_(False)}, r"meta.use_z is a numpy.bool, save it as bool\(use_z\)"),
        (
            {"classes_numeric": np.arange(4)},
            r"classes_numeric is a numpy.ndarray, save it as classes_numeric.tolist\(\)",
        ),
        ({"class_labels": ["a", np.str_("b")]}, r"meta.class_labels\[1\] is a numpy.str_, save it as str\("),
        ({"class_labels": {np.int32(0): "a"}}, r"meta.class_labels.* is a numpy.int32, save it as int\("),
        ({"mean": {"x": np.float32(0.5)}}, r"meta.mean.x is a numpy.float32, save it as float\(x\)"),
    ],
)
def test_a_numpy_value_is_named_by_its_key_with_how_to_save_it(
    tmp_path: Path, meta: dict[str, Any], reason: str
) -> None:
    torch.save(source_checkpoint(**meta), tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=reason) as refusal:
        read_checkpoint(tmp_path / "x.pt")
    assert "weights_only" not in str(refusal.value)


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.7, 0.999])
def test_a_truncated_checkpoint_is_said_to_be_one(tmp_path: Path, share: float) -> None:
    torch.save(source_checkpoint(), tmp_path / "x.pt")
    whole = (tmp_path / "x.pt").read_bytes()
    (tmp_path / "x.pt").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CheckpointError, match=r"is no file of torch\.save, or not all of one"):
        read_checkpoint(tmp_path / "x.pt")


def test_a_fifo_is_no_checkpoint(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="is a FIFO, expected a file"):
        read_checkpoint(tmp_path / "x.pt")


class Trap:
    """Would write a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.path, "ran"))


def test_a_checkpoint_never_runs_code(tmp_path: Path) -> None:
    torch.save({**source_checkpoint(), "trap": Trap(tmp_path / "ran")}, tmp_path / "trap.pt")
    with pytest.raises(CheckpointError, match="it holds pathlib") as refusal:
        read_checkpoint(tmp_path / "trap.pt")
    assert "weights_only" not in str(refusal.value)
    assert not (tmp_path / "ran").exists()


def test_the_command_says_in_one_sentence_why_it_can_not(tmp_path: Path) -> None:
    (tmp_path / "bad.pt").write_bytes(b"not a checkpoint")
    command = [sys.executable, "-m", "training.export_onnx", "--checkpoint", str(tmp_path / "bad.pt")]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "model.onnx")], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"{tmp_path / 'bad.pt'} is no checkpoint")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "model.onnx").exists()


def test_export_of_a_source_system_checkpoint_does_not_import_lightning() -> None:
    code = "import sys, training.export_onnx; sys.exit('lightning' in sys.modules or 'ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0
