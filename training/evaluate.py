"""Held-out figures: every signer left out once, trained anew on the others, and a table of what came out.

    python -m training.evaluate --data_dir "$HELEN_DATA_DIR/asl_coffee_hands"

prints a line for each architecture, in about 15 minutes on one core. It selects nothing: epochs are fixed, and the
held-out person is looked at once, at the end. With ``--output`` the figures go to a JSON file, by architecture, that
``export_onnx`` takes for the card.
"""

import argparse
import logging
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import lightning as L
import msgspec
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from tqdm import tqdm  # type: ignore[import-untyped] # its stubs are a package of their own

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from landmarks.model_card import Evaluation
from training.augment import resample
from training.command import shown_command
from training.datasets import DataError, Windows, read_windows
from training.recipe import RECIPES, Recipe, fit, prepared

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """Probabilities ``(N, C)`` for windows of people the network never saw, with the truth ``(N,)``."""

    probabilities: Floats
    target: npt.NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        return float((self.probabilities.argmax(axis=1) == self.target).mean())

    @property
    def macro_f1(self) -> float:
        """Mean over the classes of 2 TP / (2 TP + FP + FN)."""
        found, scores = self.probabilities.argmax(axis=1), []
        for label in range(self.probabilities.shape[1]):
            hits = np.sum((found == label) & (self.target == label))
            scores.append(2 * hits / max(1, np.sum(found == label) + np.sum(self.target == label)))
        return float(np.mean(scores))

    @property
    def calibration_error(self) -> float:
        """Expected calibration error over 15 bins of equal width: mean distance of confidence from accuracy."""
        confidence = self.probabilities.max(axis=1)
        right = self.probabilities.argmax(axis=1) == self.target
        bins = np.minimum((confidence * 15).astype(int), 14)
        gaps = [abs(float(np.sum(confidence[bins == b]) - np.sum(right[bins == b]))) for b in range(15)]
        return float(np.sum(gaps) / len(confidence))


# How a held-out window of T frames reaches the network: as recorded, or as another camera or an earlier moment has it.
VIEWS: Final[dict[str, Callable[[int], Tensor]]] = {
    "20 frames as recorded": lambda frames: torch.arange(frames, dtype=torch.float32),
    "resampled to 30 frames": lambda frames: torch.linspace(0, frames - 1, 30),
    "resampled to 10 frames": lambda frames: torch.linspace(0, frames - 1, 10),
    "first 15 frames": lambda frames: torch.arange(15, dtype=torch.float32),
    "first 10 frames": lambda frames: torch.arange(10, dtype=torch.float32),
}


class _Progress(L.Callback):
    """One bar over all folds, seeds and architectures: it shows the time left."""

    def __init__(self, total: int) -> None:
        self.bar = tqdm(total=total, unit="epoch", file=sys.stderr)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.bar.update()


def leave_one_out(
    windows: Windows, recipe: Recipe, *, seed: int, max_epochs: int, batch_size: int, progress: L.Callback
) -> dict[str, list[HeldOut]]:
    """Train once for each group on all others; what each held-out group got, by the name of the view."""
    results: dict[str, list[HeldOut]] = {name: [] for name in VIEWS}
    for group in windows.groups:
        held = windows.group == group
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
        network = fit(recipe, windows.take(~held), None, seed=seed, batch_size=batch_size, trainer=trainer)
        for name, answers in answers_by_view(network, windows.take(held), recipe).items():
            results[name].append(answers)
    return results


def answers_by_view(network: nn.Module, windows: Windows, recipe: Recipe) -> dict[str, HeldOut]:
    """What a trained network says about windows, in each of ``VIEWS``."""
    hands, _, target = prepared(windows, recipe, for_augmentation=False).tensors
    answers = {}
    for name, times in VIEWS.items():
        when = times(hands.shape[1]).expand(len(hands), -1)
        points, presence = resample(hands.reshape(*hands.shape[:2], 2, 21, 2), when)
        answers[name] = HeldOut(_probabilities(network, points.flatten(2), presence), target.numpy())
    return answers


def _probabilities(network: nn.Module, sequence: Tensor, presence: Tensor) -> Floats:
    with torch.no_grad():
        starts = range(0, len(sequence), 256)
        parts = [network(sequence[at : at + 256], presence[at : at + 256]) for at in starts]
    return torch.cat(parts).double().softmax(dim=-1).numpy()


def pooled(folds: Sequence[HeldOut]) -> HeldOut:
    """All held-out windows as one set."""
    return HeldOut(np.concatenate([f.probabilities for f in folds]), np.concatenate([f.target for f in folds]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data_dir", type=Path, required=True, help="folder of .npz windows with a signer or session")
    parser.add_argument("--architectures", nargs="+", choices=tuple(RECIPES), default=list(RECIPES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max_epochs", type=int, default=15)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, help="JSON file for the figures, for a model card")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    try:
        windows = read_windows(options.data_dir)
        windows = windows.only_labels(windows.common_labels())
    except DataError as error:
        sys.exit(str(error))
    if windows.grouped_by is None or len(windows.groups) < 2:
        sys.exit("evaluation leaves a signer or session out, but the data has fewer than two of them")
    total = len(options.architectures) * options.seeds * len(windows.groups) * options.max_epochs
    progress = _Progress(total)
    rows: dict[str, list[Evaluation]] = {}
    for architecture in options.architectures:
        runs = [
            leave_one_out(
                windows,
                RECIPES[architecture],
                seed=seed,
                max_epochs=options.max_epochs,
                batch_size=options.batch_size,
                progress=progress,
            )
            for seed in range(options.seeds)
        ]
        rows[architecture] = _report(
            architecture, runs, windows, options.data_dir.name, shown_command("training.evaluate", arguments)
        )
    progress.bar.close()
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=1))


def _report(
    architecture: str, runs: Sequence[dict[str, list[HeldOut]]], windows: Windows, data: str, command: str
) -> list[Evaluation]:
    """Print one architecture's table and return its rows for a card."""
    protocol = f"leave one {windows.grouped_by} out, {len(windows.class_labels)} labels, mean of {len(runs)} seeds"
    lines = [f"\n{architecture}: {data}, {protocol}, {len(windows)} windows"]
    rows = []
    for view in VIEWS:
        alls = [pooled(run[view]) for run in runs]
        figures = {
            "pooled accuracy": [a.accuracy for a in alls],
            "macro F1": [a.macro_f1 for a in alls],
            "ECE": [a.calibration_error for a in alls],
        }
        lines.append(f"  {view:24s}" + "   ".join(_figure(name, values) for name, values in figures.items()))
        rows += [
            Evaluation(
                data=data,
                protocol=f"{protocol}, {view}",
                metric=name,
                value=round(float(np.mean(values)), 4),
                command=command,
            )
            for name, values in figures.items()
        ]
    recorded = next(iter(VIEWS))
    for index, group in enumerate(windows.groups):
        values = [run[recorded][index].accuracy for run in runs]
        lines.append(f"  {group + ' held out':24s}" + _figure("accuracy", values))
    tqdm.write("\n".join(lines), file=sys.stdout)
    return rows


def _figure(name: str, values: Sequence[float]) -> str:
    each = " ".join(f"{100 * value:.1f}" for value in values)
    return f"{name} {100 * float(np.mean(values)):5.1f} % ({each})"


if __name__ == "__main__":
    main()
