"""How the shot network is trained: its loss, the variation of its windows, and the Lightning module that uses them.

``train_tcn`` calls ``fit``. Files and command lines are its own.
"""

import math
from typing import Any, Final

import lightning as L
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.functional import mean_absolute_error
from torchmetrics.functional.classification import binary_f1_score

from landmarks.models.card import Training
from landmarks.pose import MIRRORED
from landmarks.shots.keypoints import SHOT_LABELS, SHOT_TARGETS
from training.data.shot_windows import ShotWindows
from training.engine.seeded import SeededModule
from training.engine.shot_checkpoints import describe_shot_network
from training.networks.shot_tcn import ShotTCN

LEARNING_RATE: Final = 2e-3
WEIGHT_DECAY: Final = 1e-2
CLIP: Final = 1.0
# The loss's units of ite and delay_ms: errors beyond them count linearly.
ITE: Final = 25.0
DELAY_MS: Final = 100.0
EDGES: Final = 0.35  # the share of a window's frames that training may leave out at its ends

Batch = tuple[Tensor, Tensor, Tensor]
Outputs = tuple[Tensor, Tensor, Tensor, Tensor]


def shot_loss(logits: Tensor, preds: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """BCE of the labels that were given plus Smooth L1 of the targets that were given (NaN: not given)."""
    total = logits.new_zeros(())
    told = ~labels.isnan()
    if told.any():
        total = total + nn.functional.binary_cross_entropy_with_logits(logits[told], labels[told])
    unit = preds.new_tensor([ITE, DELAY_MS])
    known = ~targets.isnan()
    if known.any():
        total = total + nn.functional.smooth_l1_loss((preds / unit)[known], (targets / unit)[known])
    return total


def varied(x: Tensor, draws: torch.Generator) -> Tensor:
    """A batch ``(B, T, 33, 3)`` mirrored in half of its windows, placed and sized a little differently, and cut.

    The cut takes up to ``EDGES`` of the frames, more at one end or the other: a release is never exactly where the
    window says, and a service may be asked for other windows.
    """
    count, frames = x.shape[:2]
    kept = int(torch.randint(math.ceil(frames * (1 - EDGES)), frames + 1, (1,), generator=draws))
    first = torch.randint(0, frames - kept + 1, (count, 1), generator=draws)
    out = x[torch.arange(count)[:, None], first + torch.arange(kept)]
    flip = torch.rand(count, generator=draws) < 0.5
    mirrored = out[flip][:, :, list(MIRRORED)]
    mirrored[..., 0] = 1 - mirrored[..., 0]
    out[flip] = mirrored
    size = torch.exp(0.1 * torch.randn(count, 1, 1, 2, generator=draws))
    out[..., :2] = (out[..., :2] - 0.5) * size + 0.5 + 0.05 * torch.randn(count, 1, 1, 2, generator=draws)
    return out


def validation_figures(logits: Tensor, preds: Tensor, labels: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """``val_loss``, the F1 of each label and the MAE of each target, over the windows of which somebody said it."""
    figures = {"val_loss": shot_loss(logits, preds, labels, targets)}
    for column, label in enumerate(SHOT_LABELS):
        told = ~labels[:, column].isnan()
        if told.any():
            figures[f"val_f1_{label}"] = binary_f1_score(logits[told, column].sigmoid(), labels[told, column].int())
    for column, target in enumerate(SHOT_TARGETS):
        known = ~targets[:, column].isnan()
        if known.any():
            figures[f"val_mae_{target}"] = mean_absolute_error(preds[known, column], targets[known, column])
    return figures


class ShotTraining(SeededModule):
    """Trains a shot network; ``validation_figures`` are logged after each epoch and go into its checkpoints."""

    def __init__(self, network: ShotTCN, training: Training, seed: int) -> None:
        super().__init__(seed)
        self.network, self.training_notes = network, training
        self._outputs: list[Outputs] = []
        self._figures: dict[str, float] = {}

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        x, labels, targets = batch
        logits, preds = self.network(varied(x, self.draws))
        loss = shot_loss(logits, preds, labels, targets)
        self.log("train_loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(x))
        return loss

    def on_validation_epoch_start(self) -> None:
        self._outputs = []

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        x, labels, targets = batch
        self._outputs.append((*self.network(x), labels, targets))

    def on_validation_epoch_end(self) -> None:
        logits, preds, labels, targets = (torch.cat(column) for column in zip(*self._outputs, strict=True))
        figures = validation_figures(logits, preds, labels, targets)
        self._figures = {name: float(value) for name, value in figures.items()}
        self.log_dict(figures)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Plain values only, so that the file is read back without unpickling code."""
        super().on_save_checkpoint(checkpoint)
        checkpoint |= describe_shot_network(self.network, self.training_notes)
        checkpoint["validation"] = self._figures

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def fit(
    train: ShotWindows,
    val: ShotWindows,
    *,
    seed: int,
    batch_size: int,
    trainer: L.Trainer,
    training: Training,
    resume_from: str | None = None,
) -> ShotTCN:
    """Train a network, fresh or from the checkpoint ``resume_from``, and return it as its last epoch left it.

    ``trainer`` says for how long and where to log; ``training`` goes into the checkpoints, for the card.
    """
    L.seed_everything(seed, verbose=False)
    module = ShotTraining(ShotTCN(), training, seed)
    loader = DataLoader(_tensors(train), batch_size, shuffle=True, generator=module.order)
    trainer.fit(module, loader, DataLoader(_tensors(val), 256), ckpt_path=resume_from, weights_only=True)
    return module.network.eval()


def _tensors(windows: ShotWindows) -> TensorDataset:
    return TensorDataset(*(torch.from_numpy(array) for array in (windows.x, windows.labels, windows.targets)))
