"""Answers of held-out windows on disk, so that a long evaluation that was interrupted goes on where it was.

A file for each fold and seed, named by a hash of all that its answers depend on: the windows' numbers and labels, the
recipe, and the code that trains. Where any of it changes, the fold is trained anew.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

import numpy as np
import torch

import landmarks.hands
import training.data.frame_rates
import training.data.recordings
import training.data.skeletons
import training.engine.augmentation
import training.engine.lightning_module
import training.engine.seeded
import training.engine.static_negatives
import training.evaluation.cross_validation
import training.networks.architectures
import training.networks.bigru
import training.networks.ensemble
import training.networks.features
import training.networks.tcn
from landmarks.files.arrays import ArrayFileError, read_arrays
from landmarks.files.atomic import replace_file
from training.evaluation.cross_validation import Fold
from training.evaluation.experiments import VIEWS, Experiment
from training.evaluation.metrics import Predictions

# The modules whose code decides what a network answers.
CODE: Final[tuple[ModuleType, ...]] = (
    landmarks.hands,
    training.engine.augmentation,
    training.data.recordings,
    training.networks.ensemble,
    training.networks.features,
    training.data.frame_rates,
    training.networks.bigru,
    training.data.skeletons,
    training.engine.static_negatives,
    training.networks.architectures,
    training.evaluation.cross_validation,
    training.engine.lightning_module,
    training.engine.seeded,
    training.networks.tcn,
)


class PredictionCache:
    """The answers in a folder; with None nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def read(self, row: Experiment, fold: Fold, seed: int) -> dict[str, Predictions] | None:
        """What this fold's held-out windows got, by the name of the view, or None where it was not trained yet."""
        file = self._file(row, fold, seed)
        if file is None or not file.is_file():
            return None
        try:
            arrays = read_arrays(file, ("target", *row.views))
        except ArrayFileError:
            return None  # a damaged file is as good as none
        return {view: Predictions(arrays[view].astype(np.float64), arrays["target"]) for view in row.views}

    def write(self, row: Experiment, fold: Fold, seed: int, answers: Mapping[str, Predictions]) -> None:
        """Keep them."""
        file = self._file(row, fold, seed)
        if file is None:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        views = {view: held.probabilities.astype(np.float32) for view, held in answers.items()}
        with replace_file(file) as content:
            np.savez_compressed(content, target=answers[row.views[0]].target, **views)  # type: ignore[arg-type]

    def _file(self, row: Experiment, fold: Fold, seed: int) -> Path | None:
        if self.folder is None:
            return None
        views = [(view, VIEWS[view](fold.held.points.shape[1]).tolist()) for view in row.views]
        key = (row.recipe, row.max_epochs, row.batch_size, views, seed, fold.train.digest, fold.held.digest)
        digest = hashlib.sha256(repr((key, code_digest(), torch.__version__)).encode()).hexdigest()[:16]
        return self.folder / f"{row.data}-{row.recipe.architecture}-{seed}-{digest}.npz"


@cache
def code_digest() -> str:
    """SHA-256 of the sources of ``CODE``."""
    sources = [Path(module.__file__ or "").read_bytes() for module in CODE]
    return hashlib.sha256(b"\0".join(sources)).hexdigest()
