import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from landmarks.hands import drop_z, presence_of
from landmarks.session import ModelSession
from training import export_onnx, simulate
from training.checkpoint import read_checkpoint
from training.datasets import read_windows
from training.recipe import RECIPES, class_weights


def run_training(made: Path, output: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: Lightning's loggers leave warnings of other packages behind."""
    command = [sys.executable, "-m", "training.train_gru", "--data_dir", str(made), "--output_dir", str(output), *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    simulate.main(["--output", str(folder), "--windows", "12", "--signers", "4"])
    return folder


@pytest.mark.parametrize("architecture, normalization", [("recipe", "image"), ("seed", "hand_box")])
def test_a_training_run_ends_in_a_model_that_answers(
    made: Path, tmp_path: Path, architecture: str, normalization: str
) -> None:
    done = run_training(made, tmp_path, "--max_epochs", "3", "--architecture", architecture, "--licence", "made")
    assert done.returncode == 0, done.stderr
    checkpoint = done.stdout.splitlines()[-1]
    export_onnx.main(["--checkpoint", checkpoint, "--output", str(tmp_path / "model" / "model.onnx"), "--name", "made"])

    session = ModelSession.open(tmp_path / "model")
    card = session.card
    assert card.class_labels == tuple(sorted(simulate.GESTURES))
    assert (card.seq_len, card.min_seq_len, card.feature_dim, card.normalization) == (30, 6, 84, normalization)
    assert card.training.licence == "made"
    assert "validated on made_" in card.training.split
    assert card.training.command.startswith("python -m training.train_gru --data_dir")
    assert list(tmp_path.glob("csv/*/metrics.csv")) and list(tmp_path.glob("tensorboard/*/events.*"))


def test_the_recipe_learns_made_gestures_of_made_signers_it_never_saw(made: Path, tmp_path: Path) -> None:
    done = run_training(made, tmp_path, "--max_epochs", "6")
    assert done.returncode == 0, done.stderr
    checkpoint = read_checkpoint(Path(done.stdout.splitlines()[-1]))
    strangers = simulate.make_windows(windows_each=10, signers=2, frames=24, seed=99)
    hands = drop_z(np.asarray(strangers["hands"], dtype=np.float32))
    with torch.no_grad():
        logits = checkpoint.network(torch.from_numpy(hands), torch.from_numpy(presence_of(hands)))
    found = np.asarray(checkpoint.about.class_labels)[logits.argmax(dim=-1).numpy()]
    assert (found == strangers["label"]).mean() > 0.9


def test_a_folder_without_data_ends_with_a_sentence(tmp_path: Path) -> None:
    done = run_training(tmp_path, tmp_path / "out")
    assert done.returncode == 1
    assert "has no .npz file" in done.stderr.splitlines()[-1]


def test_class_weights_even_out_half_of_the_imbalance(made: Path) -> None:
    windows = read_windows(made)
    keep = (windows.target != 0) | (np.arange(len(windows)) % 4 == 0)
    rare = class_weights(windows.take(keep), RECIPES["recipe"])
    assert rare[0] / rare[1] == pytest.approx(2.0, rel=1e-5)
    assert torch.equal(class_weights(windows.take(keep), RECIPES["seed"]), torch.ones(4))
