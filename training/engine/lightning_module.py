"""How a gesture network is trained: the numbers of a recipe, and the Lightning module that follows them.

``train_gru`` and ``evaluate`` call ``fit``; both therefore train in the same way. Files, splits and reports are theirs.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.functional.classification import multiclass_accuracy

from landmarks.hands import Array, drop_z, hand_box_normalise
from landmarks.models.card import Normalization
from training.data.recordings import Windows
from training.data.skeletons import TWO_HANDS, SkeletonLayout
from training.engine.augmentation import Augmentation, augment
from training.engine.seeded import SeededModule
from training.engine.static_negatives import make_static_windows, still_labels
from training.networks.architectures import Network, build_architecture, find_none_label
from training.networks.bigru import LegacyGRU
from training.networks.ensemble import GestureEnsemble

Batch = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class TrainingConfig:
    """One way to train one architecture."""

    architecture: str
    learning_rate: float
    normalization: Normalization
    augmentation: Augmentation | None
    lengths: tuple[int, ...] = (20,)  # window lengths to train on, drawn for each batch
    weight_decay: float = 1e-2
    warm_up: float = 0.1  # of all steps
    final_rate: float = 0.02  # of the learning rate, at the end of the cosine
    clip: float = 2.0
    label_smoothing: float = 0.05
    class_weight_power: float = 0.5
    class_weight_cap: float = 5.0
    held_still: float = 0.3  # share of the windows that are shown held still too, as none


# Recordings have 20 frames; the service takes 6 to 30. So half of the batches keep 20, and half go from 10 to 30.
MANY_LENGTHS: Final = (20,) * 5 + (10, 15, 20, 25, 30)
RECIPES: Final = {
    "ensemble": TrainingConfig("ensemble", 3e-3, "image", Augmentation(), MANY_LENGTHS),
    "recipe": TrainingConfig("recipe", 3e-3, "image", Augmentation(), MANY_LENGTHS),
    # The source system augmented nothing and weighed all classes alike.
    "seed": TrainingConfig("seed", 1e-3, "hand_box", None, label_smoothing=0.0, class_weight_power=0.0),
    "tcn": TrainingConfig("tcn", 3e-3, "image", Augmentation(), MANY_LENGTHS),
}
# Bodies are larger than hands, measured in metres, and stand upright; nobody in the data is left-handed.
BODY: Final = Augmentation(
    shift_time=0.05,
    rotation=0.1,
    shear=0.08,
    shift=0.02,
    view=0.3,
    log_hand_size=0.0,
    hand_offset=0.0,
    shape_offset=0.02,
    noise=0.01,
    drop_sequences=0.25,
    gap=0.0,
    one_handed=0.0,
    mirror=0.0,
)


class GestureModule(SeededModule):
    """Cross-entropy training of one gesture network; validation accuracy is logged as ``val_accuracy``."""

    class_weight: Tensor

    def __init__(
        self, network: Network, recipe: TrainingConfig, windows: Windows, seed: int, about: dict[str, Any]
    ) -> None:
        super().__init__(seed)
        self.network, self.recipe, self.about = network, recipe, about
        self.windows = windows
        # Where some label is itself a hand held still, a still hand may be that label, and is never none.
        self.none = None if still_labels(windows) else find_none_label(windows.class_labels)
        self.register_buffer("class_weight", class_weights(windows, recipe), persistent=False)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        hands, presence, target = batch
        recipe, layout = self.recipe, self.windows.layout
        if recipe.augmentation is not None:
            hands, presence = augment(hands, recipe.lengths, recipe.augmentation, self.draws, layout)
            if self.none is not None:
                some = (target != self.none) & (torch.rand(len(target), generator=self.draws) < recipe.held_still)
                still, there = make_static_windows(hands[some], presence[some], recipe.augmentation.noise, self.draws)
                hands, presence = torch.cat([hands, still]), torch.cat([presence, there])
                target = torch.cat([target, torch.full_like(target[some], self.none)])
        loss = torch.stack([self._loss(logits, target) for logits in self._answers(hands, presence)]).sum()
        self.log(
            "train_loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(target), sync_dist=True
        )
        return loss

    def _answers(self, hands: Tensor, presence: Tensor) -> Tensor:
        """Logits ``(answers, B, classes)``: one answer a network, but of an ensemble that of each member."""
        if isinstance(self.network, GestureEnsemble):
            return self.network.logits_of_members(hands, presence)
        answer: Tensor = self.network(hands, presence)
        return answer[None]

    def _loss(self, logits: Tensor, target: Tensor) -> Tensor:
        smoothing = self.recipe.label_smoothing
        return nn.functional.cross_entropy(logits, target, weight=self.class_weight, label_smoothing=smoothing)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        hands, presence, target = batch
        logits = self.network(hands, presence)
        hits = multiclass_accuracy(logits, target, num_classes=logits.shape[-1], average="micro")
        loss = nn.functional.cross_entropy(logits, target)
        self.log_dict({"val_accuracy": hits, "val_loss": loss}, prog_bar=True, batch_size=len(target), sync_dist=True)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Plain values only, so that the file is read back without unpickling code."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["helen"] = {
            "architecture": self.recipe.architecture,
            "normalization": self.recipe.normalization,
            "config": asdict(self.network.config),
            **self.about,
        }

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(
            self.parameters(), lr=self.recipe.learning_rate, weight_decay=self.recipe.weight_decay
        )
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self._rate(step, steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _rate(self, step: int, steps: int) -> float:
        """Linear warm-up, then a cosine down to ``final_rate``, as a share of the learning rate."""
        warm = max(1, round(self.recipe.warm_up * steps))
        if step < warm:
            return (step + 1) / warm
        done = min(1.0, (step - warm) / max(1, steps - warm))
        return self.recipe.final_rate + (1 - self.recipe.final_rate) * 0.5 * (1 + math.cos(math.pi * done))


def build_network(recipe: TrainingConfig, windows: Windows) -> Network:
    """A fresh network for the labels of ``windows``, its feature scale taken from them."""
    layout = windows.layout
    network = build_architecture(recipe.architecture, len(windows.class_labels), layout)
    if not isinstance(network, LegacyGRU):
        network.features.fit(torch.from_numpy(read_dims(windows.points, layout)), torch.from_numpy(windows.presence))
    return network


def read_dims(points: Array, layout: SkeletonLayout) -> Array:
    """The coordinates that a network reads, ``(N, T, layout.width)``: hands lose their z."""
    return drop_z(points) if layout == TWO_HANDS else points


def class_weights(windows: Windows, recipe: TrainingConfig) -> Tensor:
    """``(N / (C n_c)) ^ power`` for each class c of n_c windows, capped, and 0 for a class without windows."""
    counts = np.bincount(windows.target, minlength=len(windows.class_labels))
    even = len(windows) / (len(counts) * np.maximum(counts, 1))
    weight = np.minimum(even**recipe.class_weight_power, recipe.class_weight_cap) * (counts > 0)
    return torch.from_numpy(weight.astype(np.float32))


def prepared(windows: Windows, recipe: TrainingConfig, *, for_augmentation: bool) -> TensorDataset:
    """Tensors of windows as the network (or the augmentation before it) takes them: points, presence, target."""
    points = windows.points
    if recipe.normalization == "hand_box":
        points = hand_box_normalise(drop_z(points))
    elif not for_augmentation:
        points = read_dims(points, windows.layout)
    return TensorDataset(*(torch.from_numpy(array) for array in (points, windows.presence, windows.target)))


def fit(
    recipe: TrainingConfig,
    train: Windows,
    validation: Windows | None,
    *,
    seed: int,
    batch_size: int,
    trainer: L.Trainer,
    about: dict[str, Any] | None = None,
    resume_from: str | None = None,
) -> Network:
    """Train a network on ``train``, fresh or from the checkpoint ``resume_from``, and return it, ready to answer.

    ``trainer`` says for how long and where to log. ``about`` goes into the checkpoints: plain values for the card.
    ``batch_size`` is that of a step, whatever number of workers shares it.
    """
    L.seed_everything(seed, verbose=False)
    module = GestureModule(build_network(recipe, train), recipe, train, seed, about or {})
    loader = DataLoader(
        prepared(train, recipe, for_augmentation=recipe.augmentation is not None),
        max(1, batch_size // trainer.world_size),
        shuffle=True,
        generator=module.order,
    )
    held = None if validation is None else DataLoader(prepared(validation, recipe, for_augmentation=False), 256)
    trainer.fit(module, loader, held, ckpt_path=resume_from, weights_only=True)
    return module.network.eval()
