"""The schedule of the shot network, and what a run of it stops by."""

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping
from torch.utils.data import TensorDataset

from landmarks.models.card import Training
from training.engine.module import fit
from training.engine.shot_module import ShotModule
from training.engine.trainer import TrainingRun
from training.networks.shot_tcn import ShotTCN, ShotTCNConfig

TRAINING = Training(data="made", licence="made", split="made", command="made", date="2026-01-01")
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers", "ignore:.*LeafSpec", "ignore:.*val_dataloader"
)


@pytest.mark.parametrize("steps", [1, 2, 10, 11])
def test_it_trains_for_any_number_of_steps(steps: int) -> None:
    windows = TensorDataset(torch.rand(steps * 2, 8, 33, 3), torch.ones(steps * 2, 4), torch.ones(steps * 2, 2))
    quiet: dict[str, Any] = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
    trainer = L.Trainer(max_epochs=1, accelerator="cpu", enable_checkpointing=False, **quiet)
    network = ShotTCN(ShotTCNConfig(channels=8, blocks=1))
    fit(lambda: ShotModule(network, TRAINING, 0), windows, None, seed=0, batch_size=2, trainer=trainer)
    assert trainer.global_step == steps
    assert all(value.isfinite().all() for value in network.state_dict().values())


@pytest.mark.parametrize(("patience", "stops"), [(None, []), (3, [3])])
def test_a_run_stops_early_where_it_is_told_to(tmp_path: Path, patience: int | None, stops: list[int]) -> None:
    run = TrainingRun(str(tmp_path), {})
    trainer = run.trainer(max_epochs=1, gradient_clip=1.0, patience=patience, trainer_kwargs={})
    found = [each for each in trainer.callbacks if isinstance(each, EarlyStopping)]  # type: ignore[attr-defined]
    assert [each.patience for each in found] == stops
    assert all(each.monitor == "val_loss" for each in found)
