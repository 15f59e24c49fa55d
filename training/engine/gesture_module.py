"""How a gesture network is trained: its tensors, its loss and its schedule.

``train_gru`` and ``evaluate`` both train by ``GestureModule``. Files, splits and reports are theirs.
"""

import math
from typing import Any, cast

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset
from torchmetrics.functional.classification import multiclass_accuracy

from landmarks.hands import Array, drop_z, hand_box_normalise
from training.data.skeletons import TWO_HANDS, SkeletonLayout
from training.data.windows import Windows
from training.engine.augmentation import augment
from training.engine.checkpoints import CheckpointMetadata
from training.engine.config import TrainingConfig
from training.engine.module import TrainingModule, fit
from training.engine.static_negatives import explain_no_static_negatives, make_static_windows
from training.networks.architectures import Network, build_architecture, find_none_label
from training.networks.bigru import LegacyGRU

Batch = tuple[Tensor, Tensor, Tensor]


class GestureModule(TrainingModule):
    """Cross-entropy training of one gesture network; validation accuracy is logged as ``val_accuracy``."""

    class_weight: Tensor

    def __init__(
        self,
        network: Network,
        config: TrainingConfig,
        windows: Windows,
        seed: int,
        metadata: CheckpointMetadata | None = None,
    ) -> None:
        super().__init__(network, seed, metadata)
        self.config, self.windows = config, windows
        self.none = None if explain_no_static_negatives(windows) else find_none_label(windows.class_labels)
        self.register_buffer("class_weight", compute_class_weights(windows, config), persistent=False)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        hands, presence, target = batch
        config, rng = self.config, self.augmentation_rng
        if config.augmentation is not None:
            hands, presence = augment(hands, config.lengths, config.augmentation, rng, self.windows.layout)
            if self.none is not None:
                chosen = (target != self.none) & (torch.rand(len(target), generator=rng) < config.static_negative_ratio)
                static = make_static_windows(hands[chosen], presence[chosen], config.augmentation.noise, rng)
                hands, presence = torch.cat([hands, static[0]]), torch.cat([presence, static[1]])
                target = torch.cat([target, torch.full_like(target[chosen], self.none)])
        each = cast("Network", self.network).member_logits(hands, presence)
        loss = torch.stack([self._loss(logits, target) for logits in each]).sum()
        self.log(
            "train_loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(target), sync_dist=True
        )
        return loss

    def _loss(self, logits: Tensor, target: Tensor) -> Tensor:
        smoothing = self.config.label_smoothing
        return nn.functional.cross_entropy(logits, target, weight=self.class_weight, label_smoothing=smoothing)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        hands, presence, target = batch
        logits = self.network(hands, presence)
        target = target.clamp(max=logits.shape[-1] - 1)  # signs without a label are none, the last one
        accuracy = multiclass_accuracy(logits, target, num_classes=logits.shape[-1], average="micro")
        metrics = {"val_accuracy": accuracy, "val_loss": nn.functional.cross_entropy(logits, target)}
        self.log_dict(metrics, prog_bar=True, batch_size=len(target), sync_dist=True)

    def configure_optimizers(self) -> Any:
        config = self.config
        optimizer = torch.optim.AdamW(self.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self._rate(step, steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _rate(self, step: int, steps: int) -> float:
        """Linear warm-up, then a cosine down to ``final_rate_ratio``, as a share of the learning rate."""
        warm_up = max(1, round(self.config.warm_up_ratio * steps))
        if step < warm_up:
            return (step + 1) / warm_up
        progress = min(1.0, (step - warm_up) / max(1, steps - warm_up))
        final = self.config.final_rate_ratio
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))


def build_network(config: TrainingConfig, windows: Windows) -> Network:
    """A fresh network for the labels of ``windows``, its feature scale taken from them."""
    layout = windows.layout
    network = build_architecture(config.architecture, len(windows.class_labels), layout, len(windows.other_labels))
    if not isinstance(network, LegacyGRU):
        points = torch.from_numpy(select_dims(windows.points, layout))
        network.features.set_scale(points, torch.from_numpy(windows.presence))
    return network


def select_dims(points: Array, layout: SkeletonLayout) -> Array:
    """The coordinates that a network reads, ``(N, T, layout.width)``: hands lose their z."""
    return drop_z(points) if layout == TWO_HANDS else points


def compute_class_weights(windows: Windows, config: TrainingConfig) -> Tensor:
    """``(N / (C n_c)) ^ power`` for each class c of n_c windows, capped, and 0 for a class without windows."""
    counts = np.bincount(windows.target, minlength=len(windows.class_labels) + len(windows.other_labels))
    even = len(windows) / (len(counts) * np.maximum(counts, 1))
    weight = np.minimum(even**config.class_weight_power, config.class_weight_cap) * (counts > 0)
    return torch.from_numpy(weight.astype(np.float32))


def to_dataset(windows: Windows, config: TrainingConfig, *, for_augmentation: bool) -> TensorDataset:
    """Tensors of windows as the network (or the augmentation before it) takes them: points, presence, target."""
    points = windows.points
    if config.normalization == "hand_box":
        points = hand_box_normalise(drop_z(points))
    elif not for_augmentation:
        points = select_dims(points, windows.layout)
    return TensorDataset(*(torch.from_numpy(array) for array in (points, windows.presence, windows.target)))


def to_training_dataset(windows: Windows, config: TrainingConfig) -> TensorDataset:
    """As ``to_dataset``, for ``GestureModule.training_step``."""
    return to_dataset(windows, config, for_augmentation=config.augmentation is not None)


def train_network(
    config: TrainingConfig, windows: Windows, *, seed: int, batch_size: int, trainer: L.Trainer
) -> nn.Module:
    """Train a fresh network on ``windows`` with nothing kept back, and return it, ready to answer."""
    return fit(
        lambda: GestureModule(build_network(config, windows), config, windows, seed),
        to_training_dataset(windows, config),
        None,
        seed=seed,
        batch_size=batch_size,
        trainer=trainer,
    ).network
