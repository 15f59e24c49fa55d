"""From made shots to a model file that an unchanged consumer reads."""

import csv
import json
import math
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import onnxruntime as ort
import pytest
import torch

from landmarks.models.card import Training
from landmarks.models.session import ModelSession
from landmarks.pose import POINT
from landmarks.shots.keypoint_files import read_labelled
from landmarks.shots.keypoints import SHOT_LABELS
from training import evaluate_shots, export_onnx, simulate_shots, train_tcn
from training.data.shot_windows import read_split
from training.engine.checkpoints import CheckpointError, read_checkpoint
from training.engine.module import fit
from training.engine.shot_module import ShotModule, augment_poses, compute_metrics, shot_loss, to_dataset
from training.networks.shot_tcn import ShotTCN

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    simulate_shots.main(["--output", str(folder), "--shots", "40", "--val_shots", "8"])
    return folder


def command_for(made: Path, storage: Path, *more: str) -> list[str]:
    """In a process of its own: Lightning's loggers leave warnings of other packages behind."""
    flags = ("--data_dir", str(made), "--storage_path", str(storage), "--max_epochs", "6", "--batch_size", "16")
    return [sys.executable, "-m", "training.train_tcn", *flags, *more]


def run_training(made: Path, storage: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = command_for(made, storage, *more)
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def whole(made: Path) -> "subprocess.CompletedProcess[str]":
    """A run of six epochs that nobody disturbed, in the data's folder ``run``."""
    return run_training(made, made / "run")


@pytest.fixture(scope="module")
def checkpoint(whole: "subprocess.CompletedProcess[str]") -> Path:
    return Path(whole.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> Path:
    output = checkpoint.parent / "model" / "model.onnx"
    export_onnx.main(["--checkpoint", str(checkpoint), "--output", str(output)])
    return output


@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*LeafSpec")
def test_training_lowers_the_loss(made: Path) -> None:
    train, _ = read_split(made)
    losses: list[float] = []

    class Losses(L.Callback):
        def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
            losses.append(float(trainer.callback_metrics["val_loss"]))

    quiet: dict[str, Any] = {
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "logger": False,
        "accelerator": "cpu",
    }
    trainer = L.Trainer(
        max_epochs=12, callbacks=[Losses()], enable_checkpointing=False, num_sanity_val_steps=0, **quiet
    )
    training = Training(data="made", licence="", split="", command="", date="")
    windows = to_dataset(train)
    module = fit(lambda: ShotModule(ShotTCN(), training, 0), windows, windows, seed=0, batch_size=16, trainer=trainer)
    assert len(losses) == 12
    assert min(losses) < losses[0] - 0.05
    with torch.no_grad():
        logits, preds = module.network(torch.from_numpy(train.x))
    figures = compute_metrics(logits, preds, torch.from_numpy(train.labels), torch.from_numpy(train.targets))
    assert float(figures["val_loss"]) == pytest.approx(losses[-1], rel=1e-4)


def test_figures_count_what_somebody_said() -> None:
    logits = torch.tensor([[2.0, 2, -2, 2], [2, -2, -2, 2], [-2, 2, -2, -2]])
    labels = torch.tensor([[1, 1, 0, math.nan], [0, 0, 0, math.nan], [1, 0, 0, math.nan]])
    preds = torch.tensor([[50.0, 100], [60, 90], [70, 80]])
    targets = torch.tensor([[55, math.nan], [math.nan, 100.0], [71, 60]])
    figures = {name: float(value) for name, value in compute_metrics(logits, preds, labels, targets).items()}
    assert figures.pop("val_loss") > 0
    assert figures == {
        "val_f1_baja_transferencia": pytest.approx(0.5),
        "val_f1_muneca_adelantada": pytest.approx(2 / 3),
        "val_f1_pickup_inconsistente": 0.0,
        "val_mae_ite": pytest.approx(3.0),
        "val_mae_delay_ms": pytest.approx(15.0),
    }


def test_a_run_leaves_checkpoints_logs_and_figures(made: Path, whole: "subprocess.CompletedProcess[str]") -> None:
    run = made / "run"
    assert sorted(path.name for path in run.glob("*.ckpt")) == ["best.ckpt", "last.ckpt"]
    assert list(run.glob("tensorboard/*/events.*"))
    with (run / "csv" / "version_0" / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["val_loss"]]
    names = ["loss", *(f"f1_{label}" for label in SHOT_LABELS), "mae_ite", "mae_delay_ms"]
    assert len(rows) == 6
    assert all(row[f"val_{name}"] for row in rows for name in names)
    best = min(rows, key=lambda row: float(row["val_loss"]))
    epoch = int(best["epoch"]) + 1
    told = whole.stdout.splitlines()
    assert told[0] == f"{run / 'best.ckpt'}: validation loss {float(best['val_loss']):.4f} in epoch {epoch}"
    assert told[1:-1] == [f"  {name} {float(best[f'val_{name}']):.3f}" for name in names[1:]]
    assert "epoch 6/6 train_loss " in whole.stderr


@pytest.mark.usefixtures("whole")
def test_a_killed_run_resumes_and_ends_with_the_weights_it_would_have_had(made: Path, tmp_path: Path) -> None:
    command = command_for(made, tmp_path)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        deadline = threading.Timer(120, process.kill)
        deadline.start()
        assert process.stderr is not None
        # An epoch's line comes before its checkpoint: the second tells that the first is there.
        assert any(line.startswith("epoch 2/") for line in process.stderr)
        process.kill()
        deadline.cancel()
    resumed = run_training(made, tmp_path, "--resume")
    told = [line.split()[1] for line in resumed.stderr.splitlines() if line.startswith("epoch ")]
    assert told[-1] == "6/6" and "1/6" not in told, told
    for name in ("best.ckpt", "last.ckpt"):
        expected, found = (torch.load(run / name, weights_only=True)["state_dict"] for run in (made / "run", tmp_path))
        assert all(torch.equal(expected[key], found[key]) for key in expected), name


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("flag, said", [("seed", "seed = 0, expected 1"), ("data_dir", "data = ")])
def test_a_run_does_not_resume_with_other_settings_or_data(made: Path, tmp_path: Path, flag: str, said: str) -> None:
    shutil.copytree(made / "train", tmp_path / "train")
    shutil.copytree(made / "val", tmp_path / "val")
    file = tmp_path / "train" / "shot_00000.labeled.json"
    content = json.loads(file.read_text())
    content["targets"]["delay_ms"] += 1
    file.write_text(json.dumps(content))
    other = {"seed": "1", "data_dir": str(tmp_path)}[flag]
    with pytest.raises(SystemExit, match=f"train_tcn: .*last.ckpt was trained with {said}"):
        train_tcn.main([*command_for(made, made / "run", f"--{flag}", other)[3:], "--resume"])


@pytest.mark.parametrize("flag", ["max_epochs", "batch_size", "threads"])
def test_a_number_that_trains_nothing_is_refused(tmp_path: Path, flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train_tcn.main(["--data_dir", str(tmp_path), f"--{flag}", "0"])
    assert f"argument --{flag}: '0' found, expected a whole number from 1 up" in capsys.readouterr().err


def test_a_checkpoint_of_earlier_versions_is_read(checkpoint: Path, tmp_path: Path) -> None:
    trained = read_checkpoint(checkpoint)
    content = torch.load(checkpoint, weights_only=True)
    described = {"helen_shot": {key: content["helen"][key] for key in ("config", "training")}}
    layouts = ({"state": trained.network.state_dict()}, {"state_dict": content["state_dict"]})
    for weights in layouts:
        torch.save(described | weights, tmp_path / "old.ckpt")
        earlier = read_checkpoint(tmp_path / "old.ckpt")
        assert (earlier.metadata, earlier.architecture) == (trained.metadata, "shot")
        state = earlier.network.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in trained.network.state_dict().items())


def test_a_checkpoint_says_where_it_comes_from(checkpoint: Path) -> None:
    training = read_checkpoint(checkpoint).metadata.training
    assert training.command.startswith("python -m training.train_tcn --data_dir")
    assert training.split == "the data's own: 40 windows to train, 8 to choose the epoch"


def test_a_consumer_that_knows_only_x_logits_and_preds_reads_the_file(model: Path) -> None:
    session = ort.InferenceSession(model.read_bytes(), providers=["CPUExecutionProvider"])
    assert [node.name for node in session.get_inputs()] == ["x"]
    for frames in (1, 21, 42):
        x = np.random.default_rng(0).random((1, frames, 33, 3)).astype(np.float32)
        logits, preds = session.run(["logits", "preds"], {"x": x})
        assert np.asarray(logits).shape == (1, 4) and np.asarray(preds).shape == (1, 2)


def test_the_card_proves_the_file(model: Path) -> None:
    card = ModelSession.open(model.parent).card
    assert (card.name, card.class_labels, card.feature_dim) == ("shot", SHOT_LABELS, 99)


def test_the_table_has_rules_and_model_on_labelled_windows(
    made: Path, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HELEN_DATA_DIR", raising=False)
    figures = tmp_path / "evaluation.json"
    evaluate_shots.main(["--data_dir", str(made / "val"), "--model", str(model.parent), "--output", str(figures)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"8 windows of {made / 'val'}: as they are; the release was given."
    assert [line.split("|")[1].strip() for line in lines[4:6]] == ["rules", "model"]
    written = export_onnx.read_evaluation(figures, "shot")
    assert [figure.metric for figure in written] == [
        f"{column}, {judge}" for judge in ("rules", "model") for column in ("macro F1", "delay_ms MAE", "ite rank")
    ]
    assert lines[-1] == "No free throws: HELEN_DATA_DIR names no folder with spl_free_throws."


def test_without_a_folder_it_draws_players_that_no_data_set_has(
    made: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HELEN_DATA_DIR", raising=False)
    evaluate_shots.main(["--shots", "4", "--model", str(model.parent)])
    assert capsys.readouterr().out.startswith("4 made players: bodies and cameras")
    delays = {window.targets["delay_ms"] for window in evaluate_shots.make_windows(4)}
    assert not delays & {read_labelled(path).targets["delay_ms"] for path in made.rglob("*.labeled.json")}


@pytest.mark.parametrize(
    ("found", "true", "score"),
    [([1, 1, 0, 0], [1, 0, 1, 0], 0.5), ([1, 0, 0, 0], [1, 0, 0, 0], 1.0), ([0] * 4, [0] * 4, 0.0)],
)
def test_f1_counts_both_kinds_of_errors(found: list[int], true: list[int], score: float) -> None:
    predicted, truth = (
        evaluate_shots.ShotPredictions(np.array([labels] * 4, bool).T, np.arange(4.0), np.arange(4.0))
        for labels in (found, true)
    )
    assert evaluate_shots.compute_scores(predicted, truth)["macro F1"] == score


def test_what_nobody_said_costs_nothing() -> None:
    nothing = torch.full((2, 4), math.nan), torch.full((2, 2), math.nan)
    assert shot_loss(torch.ones(2, 4), torch.ones(2, 2), *nothing) == 0
    labels = torch.tensor([[1.0, math.nan, math.nan, math.nan]])
    cost = shot_loss(torch.zeros(1, 4), torch.zeros(1, 2), labels, nothing[1][:1])
    assert cost == pytest.approx(math.log(2))
    targets = torch.tensor([[math.nan, 50.0]])
    cost = shot_loss(torch.zeros(1, 4), torch.zeros(1, 2), nothing[0][:1], targets)
    assert cost == pytest.approx(0.5 * 0.5**2)


def test_variation_mirrors_left_and_right_and_keeps_visibility() -> None:
    x = torch.rand(64, 5, 33, 3, generator=torch.Generator().manual_seed(0))
    x[:, :, POINT["left_wrist"], 2], x[:, :, POINT["right_wrist"], 2] = 0.25, 0.75
    out = augment_poses(x, torch.Generator().manual_seed(0))
    left = out[:, 0, POINT["left_wrist"], 2]
    assert 15 < int((left == 0.75).sum()) < 50
    assert ((left == 0.25) | (left == 0.75)).all()
    assert not torch.equal(out[:, 0, 0, :2], x[:, 0, 0, :2])
    assert (x[:, :, POINT["left_wrist"], 2] == 0.25).all()


def test_variation_leaves_frames_out_at_both_ends_and_none_between() -> None:
    x = torch.zeros(64, 20, 33, 3)
    x[..., 2] = torch.arange(20)[None, :, None]
    draws = torch.Generator().manual_seed(0)
    lengths, starts = set(), set()
    for _ in range(40):
        kept = augment_poses(x, draws)[:, :, 0, 2]
        assert (kept.diff(dim=1) == 1).all()
        lengths.add(kept.shape[1])
        starts |= set(kept[:, 0].tolist())
    assert lengths == set(range(13, 21))
    assert starts == set(range(8))


def test_files_that_are_no_checkpoint_are_refused(tmp_path: Path, checkpoint: Path) -> None:
    other = tmp_path / "other.ckpt"
    other.write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match=r"other.ckpt is no checkpoint of plain values and tensors"):
        read_checkpoint(other)
    content = torch.load(checkpoint, weights_only=True)
    content["helen"]["config"]["channels"] = 32
    torch.save(content, other)
    with pytest.raises(CheckpointError, match=r"other.ckpt isn't laid out as a checkpoint: .* the config expects"):
        read_checkpoint(other)


def test_a_folder_without_data_ends_with_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"train_tcn: .*train holds no .json"):
        train_tcn.main(["--data_dir", str(tmp_path)])
