"""Predictions of held-out windows on disk, so that a long evaluation that was interrupted goes on where it was.

A file for each fold and seed, named by a hash of all that its predictions depend on: the windows' numbers and labels,
the training's numbers, and the code. Where any of it changes, the fold is trained anew.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import torch

from landmarks.files.arrays import ArrayFileError, read_arrays
from landmarks.files.atomic import replace_file
from training.evaluation import cross_validation
from training.evaluation.cross_validation import Fold
from training.evaluation.experiments import VIEWS, Experiment
from training.evaluation.metrics import Predictions

ROOT: Final = Path(cross_validation.__file__).parents[2]
ROOMS: Final = ("landmarks", "training/data", "training/engine", "training/networks")
# The modules whose code may decide what a network predicts.
CODE: Final = (Path(cross_validation.__file__), *sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py")))


class PredictionCache:
    """The predictions in a folder; with None nothing is stored."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def read(self, experiment: Experiment, fold: Fold, seed: int) -> dict[str, Predictions] | None:
        """What this fold's held-out windows got, by the name of the view, or None where it was not trained yet."""
        file = self._file(experiment, fold, seed)
        if file is None or not file.is_file():
            return None
        try:
            arrays = read_arrays(file, ("target", *experiment.views))
        except ArrayFileError:
            return None  # a damaged file is as good as none
        return {view: Predictions(arrays[view].astype(np.float64), arrays["target"]) for view in experiment.views}

    def write(self, experiment: Experiment, fold: Fold, seed: int, predictions: Mapping[str, Predictions]) -> None:
        """Store them."""
        file = self._file(experiment, fold, seed)
        if file is None:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        views = {view: each.probabilities.astype(np.float32) for view, each in predictions.items()}
        with replace_file(file) as content:
            np.savez_compressed(content, target=predictions[experiment.views[0]].target, **views)  # type: ignore[arg-type]

    def _file(self, experiment: Experiment, fold: Fold, seed: int) -> Path | None:
        if self.folder is None:
            return None
        views = [(view, VIEWS[view](fold.held_out.points.shape[1]).tolist()) for view in experiment.views]
        key = (
            experiment.config,
            experiment.max_epochs,
            experiment.batch_size,
            views,
            seed,
            fold.train.digest,
            fold.held_out.digest,
        )
        digest = hashlib.sha256(repr((key, code_digest(), torch.__version__)).encode()).hexdigest()[:16]
        return self.folder / f"{experiment.data}-{experiment.config.architecture}-{seed}-{digest}.npz"


@cache
def code_digest() -> str:
    """SHA-256 of the sources of ``CODE``."""
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in CODE)).hexdigest()
