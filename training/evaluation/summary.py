"""What a person needs to know of a training when it ends: lines for the console."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from torch import nn

from landmarks.recording import NONE
from training.data.background import fit_background
from training.data.windows import Windows
from training.engine.config import TrainingConfig
from training.evaluation.cross_validation import predict
from training.evaluation.results import ACCEPT_FROM, TEMPERATURE

MOST_CONFUSED: Final = 3


def summarise(network: nn.Module, config: TrainingConfig, train: Windows, validation: Windows | None) -> Sequence[str]:
    """Lines on windows held out (of ``validation``, and of the background), confusions, and a missing rest class."""
    lines = []
    labels = train.class_labels
    if validation is not None:
        predictions = predict(network, validation, config)
        groups = ", ".join(validation.groups)
        right = f"{100 * predictions.accuracy:.1f} % of {len(validation)} windows"
        lines.append(f"right on what was kept back ({groups}): {right}")
        confusion = predictions.confusion.copy()
        np.fill_diagonal(confusion, 0)
        worst = np.argsort(confusion, axis=None)[::-1][:MOST_CONFUSED]
        pairs = [(*np.unravel_index(index, confusion.shape), confusion.flat[index]) for index in worst]
        told = [f"{labels[a]} for {labels[b]} {count} times" for a, b, count in pairs if count]
        lines.append(f"most confused: {', '.join(told) or 'none'}")
    if config.normalization == "image":
        points = fit_background(train, held_out=True)
        others = replace(train, points=points, target=np.zeros(len(points), np.int64), group=np.full(len(points), ""))
        sure = predict(network, others, config).raise_to_power(1 / TEMPERATURE)
        names = np.asarray(labels)[sure.predicted]
        taken = (names != NONE) & (sure.confidence >= ACCEPT_FROM)
        lines.append(f"other signs taken for one of yours: {100 * taken.mean():.1f} % of {len(points)} windows")
    if NONE not in train.class_labels:
        lines.append(
            f"there is no label {NONE}: every movement will be taken for one of the labels; record some {NONE}"
        )
    return lines
