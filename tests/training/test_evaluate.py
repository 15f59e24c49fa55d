import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from training import simulate
from training.evaluate import VIEWS, HeldOut, pooled
from training.export_onnx import ExportError, read_evaluation


def held_out(*rows: tuple[list[float], int]) -> HeldOut:
    return HeldOut(np.array([row for row, _ in rows]), np.array([truth for _, truth in rows], dtype=np.int64))


MADE = held_out(([0.9, 0.1], 0), ([0.8, 0.2], 1), ([0.3, 0.7], 1), ([0.6, 0.4], 0))


def test_accuracy_is_the_share_of_windows_that_are_right() -> None:
    assert MADE.accuracy == 0.75


def test_macro_f1_is_the_mean_over_classes() -> None:
    assert MADE.macro_f1 == pytest.approx((4 / 5 + 2 / 3) / 2)


def test_calibration_error_is_the_distance_of_confidence_from_accuracy() -> None:
    assert MADE.calibration_error == pytest.approx((0.1 + 0.8 + 0.3 + 0.4) / 4)
    assert held_out(([1.0, 0.0], 0)).calibration_error == 0


def test_pooling_counts_windows_and_not_people() -> None:
    both = pooled([MADE, held_out(([1.0, 0.0], 0))])
    assert both.accuracy == 0.8


@pytest.mark.parametrize("view, frames", [("resampled to 30 frames", 30), ("first 10 frames", 10)])
def test_a_view_asks_for_times_inside_the_window(view: str, frames: int) -> None:
    times = VIEWS[view](20)
    assert times.shape == (frames,)
    assert times.min() >= 0 and times.max() <= 19
    assert torch.all(times.diff() > 0)


def test_the_command_leaves_every_made_signer_out_and_keeps_its_figures_for_the_card(tmp_path: Path) -> None:
    simulate.main(["--output", str(tmp_path), "--windows", "4", "--signers", "2", "--frames", "20"])
    command = [sys.executable, "-m", "training.evaluate", "--data_dir", str(tmp_path), "--output"]
    more = [str(tmp_path / "figures.json"), "--architectures", "seed", "--seeds", "2", "--max_epochs", "1"]
    done = subprocess.run(
        [*command, *more],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "made_0 held out" in done.stdout and "made_1 held out" in done.stdout
    rows = read_evaluation(tmp_path / "figures.json", "seed")
    assert {row.metric for row in rows} == {"pooled accuracy", "macro F1", "ECE"}
    assert all(row.protocol.startswith("leave one signer out, 4 labels, mean of 2 seeds") for row in rows)
    with pytest.raises(ExportError, match="expected some of recipe"):
        read_evaluation(tmp_path / "figures.json", "recipe")
