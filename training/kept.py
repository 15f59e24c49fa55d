"""Answers of held-out windows on disk, so that a long evaluation that was interrupted goes on where it was.

A file for each fold and seed, named by what was trained: with another recipe it is another file. Delete the folder to
start anew, as after a change of the networks themselves.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from training.figures import HeldOut
from training.protocols import Fold
from training.rows import Row


class KeptAnswers:
    """The answers in a folder; with None nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def read(self, row: Row, fold: Fold, seed: int) -> dict[str, HeldOut] | None:
        """What this fold's held-out windows got, by the name of the view, or None where it was not trained yet."""
        file = self._file(row, fold, seed)
        if file is None or not file.is_file():
            return None
        with np.load(file, allow_pickle=False) as arrays:
            return {view: HeldOut(arrays[view].astype(np.float64), arrays["target"]) for view in row.views}

    def write(self, row: Row, fold: Fold, seed: int, answers: Mapping[str, HeldOut]) -> None:
        """Keep them."""
        file = self._file(row, fold, seed)
        if file is None:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        views = {view: held.probabilities.astype(np.float32) for view, held in answers.items()}
        unfinished = file.with_suffix(".new.npz")
        np.savez_compressed(unfinished, target=answers[row.views[0]].target, **views)  # type: ignore[arg-type]
        unfinished.replace(file)

    def _file(self, row: Row, fold: Fold, seed: int) -> Path | None:
        if self.folder is None:
            return None
        settings = (row.data, row.protocol, row.recipe, row.max_epochs, row.batch_size, row.views, fold.name)
        sizes = (len(fold.train), len(fold.held), fold.train.class_labels, seed)
        digest = hashlib.sha256(repr((settings, sizes)).encode()).hexdigest()[:16]
        return self.folder / f"{row.data}-{row.recipe.architecture}-{seed}-{digest}.npz"
