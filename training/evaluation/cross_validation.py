"""How a training does on people, sessions or signs it never saw: folds, each trained anew, and their predictions.

Selects nothing: epochs are fixed, and what is held out is looked at once, at the end. ``training.evaluate`` calls it.
"""

import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm  # type: ignore[import-untyped] # its stubs are a package of their own

from training.data.frame_rates import resample
from training.data.windows import DataError, Windows
from training.engine.config import TrainingConfig
from training.engine.gesture_module import to_dataset, train_network
from training.engine.trainer import silence_lightning_warnings
from training.evaluation.metrics import Predictions

TimeSampling = Callable[[int], Tensor]
RECORDED: Final = "as recorded"


def as_recorded(frames: int) -> Tensor:
    """Every frame of a window, as source times for ``resample``."""
    return torch.arange(frames, dtype=torch.float32)


def resample_to(length: int) -> TimeSampling:
    """The whole window in ``length`` frames, as another camera would have it."""
    return lambda frames: torch.linspace(0, frames - 1, length)


def first_frames(length: int) -> TimeSampling:
    """The window's first frames: what has been seen at that moment."""
    return lambda frames: torch.arange(min(length, frames), dtype=torch.float32)


@dataclass(frozen=True)
class Fold:
    """One training and what is held out from it; ``held_out.target`` is -1 where the label was never trained."""

    name: str
    train: Windows
    held_out: Windows


def leave_one_group_out(windows: Windows) -> list[Fold]:
    """Every signer or session held out once.

    Raises:
        DataError: the windows name no groups, or one only.
    """
    if windows.grouped_by is None or len(windows.groups) < 2:
        raise DataError(
            "evaluation leaves a signer or session out, but the data has fewer than two of them: record a second person"
            " or, on another day, a second session (edge_client record --signer, --session)"
        )
    masks = {group: windows.group == group for group in windows.groups}
    return [Fold(group, windows.select(~mask), windows.select(mask)) for group, mask in masks.items()]


def inner_folds(fold: Fold) -> list[Fold]:
    """The people that a fold trains with, each left out once from among them: what may be chosen is chosen on these.

    Raises:
        DataError: the fold trains with one group only.
    """
    return [replace(inner, name=f"{fold.name}, then {inner.name}") for inner in leave_one_group_out(fold.train)]


def leave_labels_out(
    windows: Windows,
    vocabulary: Sequence[str],
    left_out: Iterable[Sequence[str]],
    groups: Iterable[str],
    never: Iterable[str],
) -> list[Fold]:
    """Some labels of the vocabulary left out of training, and one group: for each of ``left_out`` and ``groups``.

    Held out are all windows of the group but those whose label is in ``never``; unknown are those of the labels left
    out, and of labels outside the vocabulary.
    """
    names = np.asarray(windows.class_labels)[windows.target]
    folds = []
    for group in groups:
        for labels in left_out:
            trained = sorted(set(vocabulary) - set(labels))
            train = windows.select((windows.group != group) & np.isin(names, trained)).select_labels(trained)
            held_out = windows.select((windows.group == group) & ~np.isin(names, sorted(never)))
            index = {label: number for number, label in enumerate(trained)}
            target = [index.get(windows.class_labels[number], -1) for number in held_out.target]
            held_out = replace(held_out, target=np.asarray(target, dtype=np.int64), class_labels=train.class_labels)
            folds.append(Fold(f"{group} without {', '.join(labels)}", train, held_out))
    return folds


class Progress(L.Callback):
    """One bar over all trainings of a command: it shows the time left."""

    def __init__(self, epochs: int) -> None:
        self.bar = tqdm(total=epochs, unit="epoch", file=sys.stderr)

    def skip(self, epochs: int) -> None:
        """Epochs that need not be trained."""
        self.bar.update(epochs)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.bar.update()


def train_fold(
    fold: Fold, config: TrainingConfig, *, seed: int, max_epochs: int, batch_size: int, progress: L.Callback
) -> nn.Module:
    """The network that this fold trains, fresh."""
    with warnings.catch_warnings():
        silence_lightning_warnings()
        # The people held out are looked at once, at the end.
        warnings.filterwarnings("ignore", message=".*no `val_dataloader`.*")
        trainer = L.Trainer(
            max_epochs=max_epochs,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            gradient_clip_val=config.gradient_clip,
            callbacks=[progress],
        )
        return train_network(config, fold.train, seed=seed, batch_size=batch_size, trainer=trainer)


def predict(
    network: nn.Module, windows: Windows, config: TrainingConfig, sampling: TimeSampling = as_recorded
) -> Predictions:
    """What a network predicts for windows, seen at the source times that ``sampling`` gives for their length."""
    points, _, target = to_dataset(windows, config, for_augmentation=False).tensors
    layout = windows.layout
    times = sampling(points.shape[1]).expand(len(points), -1)
    sequence, presence = resample(points.reshape(*points.shape[:2], layout.parts, layout.points, -1), times)
    sequence = sequence.flatten(2)
    with torch.no_grad():
        starts = range(0, len(sequence), 256)
        logits = [network(sequence[at : at + 256], presence[at : at + 256]) for at in starts]
    return Predictions(torch.cat(logits).double().softmax(dim=-1).numpy(), target.numpy())
