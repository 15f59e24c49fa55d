from dataclasses import replace

import numpy as np
import torch

from training.data.windows import Windows
from training.engine.config import CONFIGS
from training.evaluation.summary import summarise

CONFIG = replace(CONFIGS["bigru"])


class Always(torch.nn.Module):
    """A network that is always as sure of one label."""

    def __init__(self, label: int, labels: int) -> None:
        super().__init__()
        self.logits = 20.0 * torch.nn.functional.one_hot(torch.tensor(label), labels).float()

    def forward(self, sequence: torch.Tensor, presence: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(sequence), -1)


def made(labels: tuple[str, ...]) -> Windows:
    points = np.random.default_rng(0).random((4, 12, 126), dtype=np.float32)
    return Windows(points, np.array([0, 0, 1, 1], dtype=np.int64), labels, np.array(["ana"] * 4), "signer")


def test_the_lines_say_what_is_right_confused_and_taken_for_a_gesture() -> None:
    windows = made(("none", "wave"))
    lines = "\n".join(summarise(Always(1, 2), CONFIG, windows, windows))
    assert "right on what was kept back (ana): 50.0 % of 4 windows" in lines
    assert "none for wave 2 times" in lines
    assert "other signs taken for one of yours: 100.0 % of 128 windows" in lines
    assert "no label none" not in lines


def test_nothing_is_taken_for_a_gesture_by_who_says_none() -> None:
    lines = "\n".join(summarise(Always(0, 2), CONFIG, made(("none", "wave")), None))
    assert "taken for one of yours: 0.0 %" in lines and "kept back" not in lines


def test_a_missing_rest_class_gets_a_warning() -> None:
    windows = made(("point", "wave"))
    assert any("no label none" in line for line in summarise(Always(0, 2), CONFIG, windows, windows))
