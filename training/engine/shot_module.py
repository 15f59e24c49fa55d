"""How the shot network is trained: its tensors, its loss, the augmentation of its windows, and its schedule.

``train_tcn`` trains by ``ShotModule``. Files and command lines are its own.
"""

import math
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset
from torchmetrics.functional import mean_absolute_error
from torchmetrics.functional.classification import binary_f1_score

from landmarks.models.card import Training
from landmarks.pose import MIRRORED
from landmarks.shots.keypoints import SHOT_LABELS, SHOT_TARGETS
from training.data.shot_windows import ShotWindows
from training.engine.checkpoints import make_shot_metadata
from training.engine.module import TrainingModule
from training.networks.shot_tcn import ShotTCN

LEARNING_RATE: Final = 2e-3
WEIGHT_DECAY: Final = 1e-2
GRADIENT_CLIP: Final = 1.0
WARM_UP_RATIO: Final = 0.1
# The loss's units of ite and delay_ms: errors beyond them count linearly.
ITE_UNIT: Final = 25.0
DELAY_UNIT_MS: Final = 100.0
MAX_CROP_RATIO: Final = 0.35  # the share of a window's frames that training may leave out at its ends

Batch = tuple[Tensor, Tensor, Tensor]
Outputs = tuple[Tensor, Tensor, Tensor, Tensor]


def shot_loss(logits: Tensor, preds: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """BCE of the labels that were given plus Smooth L1 of the targets that were given (NaN: not given)."""
    total = logits.new_zeros(())
    labelled = ~labels.isnan()
    if labelled.any():
        total = total + nn.functional.binary_cross_entropy_with_logits(logits[labelled], labels[labelled])
    unit = preds.new_tensor([ITE_UNIT, DELAY_UNIT_MS])
    known = ~targets.isnan()
    if known.any():
        total = total + nn.functional.smooth_l1_loss((preds / unit)[known], (targets / unit)[known])
    return total


def augment_poses(x: Tensor, generator: torch.Generator) -> Tensor:
    """A batch ``(B, T, 33, 3)`` mirrored in half of its windows, placed and sized a little differently, and cropped.

    The crop takes up to ``MAX_CROP_RATIO`` of the frames, more at one end or the other: a release is never exactly
    where the window says, and a service may be asked for other windows.
    """
    count, frames = x.shape[:2]
    length = int(torch.randint(math.ceil(frames * (1 - MAX_CROP_RATIO)), frames + 1, (1,), generator=generator))
    first = torch.randint(0, frames - length + 1, (count, 1), generator=generator)
    out = x[torch.arange(count)[:, None], first + torch.arange(length)]
    flip = torch.rand(count, generator=generator) < 0.5
    mirrored = out[flip][:, :, list(MIRRORED)]
    mirrored[..., 0] = 1 - mirrored[..., 0]
    out[flip] = mirrored
    size = torch.exp(0.1 * torch.randn(count, 1, 1, 2, generator=generator))
    out[..., :2] = (out[..., :2] - 0.5) * size + 0.5 + 0.05 * torch.randn(count, 1, 1, 2, generator=generator)
    return out


def compute_metrics(logits: Tensor, preds: Tensor, labels: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """``val_loss``, the F1 of each label and the MAE of each target, over the windows for which it was given."""
    metrics = {"val_loss": shot_loss(logits, preds, labels, targets)}
    for column, label in enumerate(SHOT_LABELS):
        labelled = ~labels[:, column].isnan()
        if labelled.any():
            probabilities = logits[labelled, column].sigmoid()
            metrics[f"val_f1_{label}"] = binary_f1_score(probabilities, labels[labelled, column].int())
    for column, target in enumerate(SHOT_TARGETS):
        known = ~targets[:, column].isnan()
        if known.any():
            metrics[f"val_mae_{target}"] = mean_absolute_error(preds[known, column], targets[known, column])
    return metrics


class ShotModule(TrainingModule):
    """Trains a shot network; ``compute_metrics`` are logged after each epoch and go into its checkpoints."""

    def __init__(self, network: ShotTCN, training: Training, seed: int) -> None:
        super().__init__(network, seed, make_shot_metadata(training))
        self._outputs: list[Outputs] = []
        self._metrics: dict[str, float] = {}

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        x, labels, targets = batch
        logits, preds = self.network(augment_poses(x, self.augmentation_rng))
        loss = shot_loss(logits, preds, labels, targets)
        self.log("train_loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(x), sync_dist=True)
        return loss

    def on_validation_epoch_start(self) -> None:
        self._outputs = []

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        x, labels, targets = batch
        self._outputs.append((*self.network(x), labels, targets))

    def on_validation_epoch_end(self) -> None:
        columns: Any = self.all_gather([torch.cat(column) for column in zip(*self._outputs, strict=True)])
        # Of several workers, the windows of all.
        metrics = compute_metrics(*(column.reshape(-1, column.shape[-1]) for column in columns))
        self._metrics = {name: float(value) for name, value in metrics.items()}
        self.log_dict(metrics, sync_dist=True)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["validation"] = self._metrics

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        steps = int(self.trainer.estimated_stepping_batches)
        # Torch divides by the warm-up's steps less one.
        warm_up = 2 * WARM_UP_RATIO if steps * WARM_UP_RATIO == 1 else WARM_UP_RATIO
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=warm_up)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def to_dataset(windows: ShotWindows) -> TensorDataset:
    """Tensors of windows as the module's steps take them: x, labels, targets."""
    return TensorDataset(*(torch.from_numpy(array) for array in (windows.x, windows.labels, windows.targets)))
