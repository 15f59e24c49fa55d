from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from training.checkpoint import read_checkpoint
from training.datasets import Windows
from training.gru import SeedGRU
from training.recipe import RECIPES, build_network, fit, fit_rejection
from training.simulate import make_windows

NETWORKS = ("recipe", "tcn")
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers", "ignore:.*LeafSpec", "ignore:.*val_dataloader"
)


def made(*, none: bool = True) -> Windows:
    """Made windows whose gesture made-wave is called none, or isn't there."""
    arrays = make_windows(windows_each=4, signers=2, frames=8, seed=0)
    names = np.where(arrays["label"] == "made-wave", "none", arrays["label"]).astype(np.str_)
    keep = np.full(len(names), True) if none else names != "none"
    labels, target = np.unique(names[keep], return_inverse=True)
    hands, signer = arrays["hands"][keep].astype(np.float32), arrays["signer"][keep].astype(np.str_)
    return Windows(hands, target.astype(np.int64), tuple(labels.tolist()), signer, "signer")


def trainer(**options: Any) -> L.Trainer:
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "accelerator": "cpu"}
    return L.Trainer(max_epochs=1, **{"enable_checkpointing": False, **quiet, **options})


@pytest.mark.parametrize("architecture", NETWORKS)
def test_what_is_trained_is_read_back_with_what_it_learnt_of_distances(architecture: str, tmp_path: Path) -> None:
    windows = made()
    about = {
        "class_labels": list(windows.class_labels),
        "seq_len": 8,
        "min_seq_len": 6,
        "use_z": False,
        "training": dict.fromkeys(("data", "licence", "split", "command", "date"), "made"),
    }
    saving = ModelCheckpoint(dirpath=tmp_path, filename="made")
    run = trainer(callbacks=[saving], enable_checkpointing=True)
    network = fit(RECIPES[architecture], windows, None, seed=0, batch_size=16, trainer=run, about=about)
    checkpoint = read_checkpoint(tmp_path / "made.ckpt")
    assert checkpoint.architecture == architecture
    assert not isinstance(checkpoint.network, SeedGRU) and checkpoint.network.head.nearest is not None
    assert checkpoint.network.head.nearest.centres.abs().sum() > 0
    hands, presence = torch.rand(3, 8, 84), torch.ones(3, 8, 2)
    with torch.no_grad():
        torch.testing.assert_close(checkpoint.network(hands, presence), network(hands, presence))


@pytest.mark.parametrize("architecture", NETWORKS)
def test_learning_distances_changes_nothing_else(architecture: str) -> None:
    windows = made()
    network = build_network(RECIPES[architecture], windows).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fit_rejection(network, windows, RECIPES[architecture], torch.Generator().manual_seed(0))
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {f"head.nearest.{name}" for name in ("origin", "embedding_axes", "look_axes", "centres")}
    assert all(module.training for module in network.modules())


def test_a_vocabulary_without_none_learns_no_distances() -> None:
    windows = made(none=False)
    network = build_network(RECIPES["recipe"], windows)
    assert not isinstance(network, SeedGRU) and network.head.nearest is None
    fit_rejection(network, windows, RECIPES["recipe"], torch.Generator())


def test_training_windows_lie_nearer_than_a_gesture_that_was_never_trained() -> None:
    everything = made()
    windows = everything.only_labels(["made-grab", "made-point", "none"])
    strange = everything.take(everything.target == everything.class_labels.index("made-clap"))
    recipe = replace(RECIPES["recipe"], lengths=(8,))
    network = build_network(recipe, windows).eval()
    fit_rejection(network, windows, recipe, torch.Generator().manual_seed(0))
    assert not isinstance(network, SeedGRU) and network.head.nearest is not None

    def distances(some: Windows) -> torch.Tensor:
        assert not isinstance(network, SeedGRU) and network.head.nearest is not None
        xy = torch.from_numpy(some.points.reshape(len(some), 8, 2, 21, 3)[..., :2].copy()).flatten(2)
        with torch.no_grad():
            found: torch.Tensor = network.head.nearest(*network.read(xy, torch.from_numpy(some.presence)))
        return found

    words = windows.take(windows.target != windows.class_labels.index("none"))
    assert distances(words).median() < distances(strange).median()
