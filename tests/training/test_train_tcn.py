"""From made shots to a model file that an unchanged consumer reads."""

import math
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch

from landmarks.keypoint_files import read_labelled
from landmarks.keypoints import SHOT_LABELS
from landmarks.pose import POINT
from landmarks.session import ModelSession
from training import evaluate_shots, export_onnx, simulate_shots, train_tcn
from training.shot_checkpoint import ShotCheckpointError, is_shot_checkpoint, read_shot_checkpoint
from training.shot_datasets import read_shots
from training.train_tcn import fit, shot_loss, validation_loss, varied


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    simulate_shots.main(["--output", str(folder), "--shots", "40", "--val_shots", "8"])
    return folder


@pytest.fixture(scope="module")
def checkpoint(made: Path) -> Path:
    flags = ["--data_dir", str(made), "--max_epochs", "2", "--batch_size", "16", "--storage_path", str(made / "run")]
    return train_tcn.main(flags)


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> Path:
    output = checkpoint.parent / "model" / "model.onnx"
    export_onnx.main(["--checkpoint", str(checkpoint), "--output", str(output)])
    return output


def test_training_lowers_the_loss(made: Path) -> None:
    train = read_shots(made / "train")
    network, losses = fit(train, train, epochs=12, batch_size=16, seed=0)
    assert min(losses) < losses[0] - 0.05
    assert validation_loss(network, train) == pytest.approx(min(losses), rel=1e-4)


def test_a_checkpoint_says_where_it_comes_from(checkpoint: Path) -> None:
    _, training = read_shot_checkpoint(checkpoint)
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
    delays = {window.targets["delay_ms"] for window in evaluate_shots.made_windows(4)}
    assert not delays & {read_labelled(path).targets["delay_ms"] for path in made.rglob("*.labeled.json")}


@pytest.mark.parametrize(
    ("found", "true", "score"),
    [([1, 1, 0, 0], [1, 0, 1, 0], 0.5), ([1, 0, 0, 0], [1, 0, 0, 0], 1.0), ([0] * 4, [0] * 4, 0.0)],
)
def test_f1_counts_both_kinds_of_errors(found: list[int], true: list[int], score: float) -> None:
    assert evaluate_shots.f1(np.array(found, bool), np.array(true, bool)) == score


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
    out = varied(x, torch.Generator().manual_seed(0))
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
        kept = varied(x, draws)[:, :, 0, 2]
        assert (kept.diff(dim=1) == 1).all()
        lengths.add(kept.shape[1])
        starts |= set(kept[:, 0].tolist())
    assert lengths == set(range(13, 21))
    assert starts == set(range(8))


def test_files_that_are_no_checkpoint_are_refused(tmp_path: Path, checkpoint: Path) -> None:
    other = tmp_path / "other.ckpt"
    other.write_bytes(b"no checkpoint")
    assert not is_shot_checkpoint(other)
    with pytest.raises(ShotCheckpointError, match=r"other.ckpt is not a checkpoint of train_tcn"):
        read_shot_checkpoint(other)
    content = torch.load(checkpoint, weights_only=True)
    content["helen_shot"]["config"]["channels"] = 32
    torch.save(content, other)
    with pytest.raises(ShotCheckpointError, match=r"other.ckpt is damaged"):
        read_shot_checkpoint(other)


def test_a_folder_without_data_ends_with_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"train_tcn: .*train holds no .json"):
        train_tcn.main(["--data_dir", str(tmp_path)])
