"""What earlier versions wrote is read by the names of today, and a run of theirs goes on."""

from pathlib import Path

import pytest
import torch

from landmarks.models.card import Training
from training.engine.checkpoints import CheckpointMetadata, describe_network, read_checkpoint
from training.engine.config import CONFIGS
from training.engine.trainer import RunError, TrainingRun
from training.networks.architectures import GESTURE_NETWORKS, Network, build_architecture, resolve_architecture
from training.train_gru import main

METADATA = CheckpointMetadata(
    class_labels=("none", "hello", "yes"),
    seq_len=30,
    min_seq_len=6,
    use_z=False,
    normalization="image",
    training=Training(data="made", licence="made", split="made", command="made", date="2026-01-01"),
)


def write_checkpoint(path: Path, network: Network, architecture: str) -> None:
    content = describe_network(network, METADATA)
    content["helen"]["architecture"] = architecture
    weights = {f"network.{name}": value for name, value in network.state_dict().items()}
    torch.save({**content, "state_dict": weights}, path)


@pytest.mark.parametrize(
    ("written", "architecture"),
    [("recipe", "bigru"), ("seed", "legacy_bigru"), *((name, name) for name in GESTURE_NETWORKS)],
)
def test_an_architecture_is_read_by_the_name_that_it_had(tmp_path: Path, written: str, architecture: str) -> None:
    network = build_architecture(architecture, 3)
    write_checkpoint(tmp_path / "x.ckpt", network, written)
    checkpoint = read_checkpoint(tmp_path / "x.ckpt")
    assert (checkpoint.architecture, checkpoint.metadata) == (architecture, METADATA)
    state = checkpoint.network.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_every_architecture_has_a_training() -> None:
    assert set(CONFIGS) == set(GESTURE_NETWORKS)
    assert all(config.architecture == name for name, config in CONFIGS.items())


@pytest.mark.parametrize(("written", "asked"), [("recipe", "bigru"), ("seed", "legacy_bigru"), ("tcn", "tcn")])
def test_a_run_resumes_though_its_architecture_has_another_name_now(tmp_path: Path, written: str, asked: str) -> None:
    torch.save({"run": {"architecture": written, "seed": 0}}, tmp_path / "last.ckpt")
    run = TrainingRun(str(tmp_path), {"seed": 0, "architecture": asked})
    assert run.last_checkpoint() == f"{tmp_path}/last.ckpt"
    with pytest.raises(RunError, match=f"architecture = {asked}, expected ensemble"):
        TrainingRun(str(tmp_path), {"architecture": "ensemble"}).last_checkpoint()


@pytest.mark.parametrize("name", ["recipe", "seed", *CONFIGS])
def test_a_command_takes_both_names(tmp_path: Path, name: str) -> None:
    assert resolve_architecture(name) in CONFIGS
    with pytest.raises(SystemExit, match=r"has no \.npz file"):  # its flags are read
        main(["--data_dir", str(tmp_path), "--architecture", name])
