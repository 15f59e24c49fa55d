"""How a recipe is tried on people, sessions or signs it never saw: folds, trained anew each, and the answers held out.

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

from training.data.recordings import DataError, Windows
from training.engine.augmentation import resample
from training.engine.lightning_module import TrainingConfig, fit, prepared
from training.engine.trainer import silence_lightning_warnings
from training.evaluation.metrics import Floats, Predictions

Times = Callable[[int], Tensor]
RECORDED: Final = "as recorded"


def as_recorded(frames: int) -> Tensor:
    """Every frame of a window, as source times for ``resample``."""
    return torch.arange(frames, dtype=torch.float32)


def resampled(length: int) -> Times:
    """The whole window in ``length`` frames, as another camera would have it."""
    return lambda frames: torch.linspace(0, frames - 1, length)


def first(length: int) -> Times:
    """The window's first frames: what has been seen at that moment."""
    return lambda frames: torch.arange(min(length, frames), dtype=torch.float32)


@dataclass(frozen=True)
class Fold:
    """One training and what is held out from it; ``held.target`` is -1 where the label was never trained."""

    name: str
    train: Windows
    held: Windows


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
    held = {group: windows.group == group for group in windows.groups}
    return [Fold(group, windows.take(~rows), windows.take(rows)) for group, rows in held.items()]


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
            rows = (windows.group != group) & np.isin(names, trained)
            train = windows.take(rows).only_labels(trained)
            held = windows.take((windows.group == group) & ~np.isin(names, sorted(never)))
            index = {label: number for number, label in enumerate(trained)}
            target = [index.get(windows.class_labels[number], -1) for number in held.target]
            held = replace(held, target=np.asarray(target, dtype=np.int64), class_labels=train.class_labels)
            folds.append(Fold(f"{group} without {', '.join(labels)}", train, held))
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


def train(
    fold: Fold, recipe: TrainingConfig, *, seed: int, max_epochs: int, batch_size: int, progress: L.Callback
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
            gradient_clip_val=recipe.clip,
            callbacks=[progress],
        )
        return fit(recipe, fold.train, None, seed=seed, batch_size=batch_size, trainer=trainer)


def answers(network: nn.Module, windows: Windows, recipe: TrainingConfig, times: Times = as_recorded) -> Predictions:
    """What a trained network says about windows, seen at the source times that ``times`` gives for their length."""
    points, _, target = prepared(windows, recipe, for_augmentation=False).tensors
    layout = windows.layout
    when = times(points.shape[1]).expand(len(points), -1)
    parted = points.reshape(*points.shape[:2], layout.parts, layout.points, -1)
    seen, presence = resample(parted, when)
    logits = _logits(network, seen.flatten(2), presence)
    probabilities: Floats = logits.softmax(dim=-1).numpy()
    return Predictions(probabilities, target.numpy())


def _logits(network: nn.Module, sequence: Tensor, presence: Tensor) -> Tensor:
    with torch.no_grad():
        starts = range(0, len(sequence), 256)
        parts = [network(sequence[at : at + 256], presence[at : at + 256]) for at in starts]
    return torch.cat(parts).double()
