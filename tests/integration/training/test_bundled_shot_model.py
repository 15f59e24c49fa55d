"""The shot model that is shipped: read by a consumer that knows nothing of Helen, and as good as its card says."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from landmarks.models.session import ModelSession
from landmarks.pose import Array
from landmarks.shots.keypoints import SHOT_LABELS
from training.engine.shot_card import make_golden_poses
from training.evaluate_shots import compute_scores, make_windows, predict_with_model, predict_with_rules, read_truth

FOLDER = Path(__file__).parents[3] / "models" / "shot" / "1"


def poses(frames: int) -> Array:
    """``(1, T, 33, 3)``: a made shot, repeated or cut to a length."""
    return np.resize(make_golden_poses(), (1, frames, 33, 3)).astype(np.float32)


@pytest.mark.parametrize("frames", [1, 6, 21, 22, 120, 300])
def test_a_consumer_that_knows_x_logits_and_preds_reads_it_at_any_length(frames: int) -> None:
    session = ort.InferenceSession(str(FOLDER / "model.onnx"), providers=["CPUExecutionProvider"])
    logits, preds = (np.asarray(found) for found in session.run(["logits", "preds"], {"x": poses(frames)}))
    assert logits.dtype == preds.dtype == np.float32
    assert (logits.shape, preds.shape) == ((1, 4), (1, 2))
    assert np.isfinite(logits).all() and np.isfinite(preds).all()
    assert 0 <= preds[0, 0] <= 100


def test_its_card_says_that_nobody_was_recorded_and_what_it_reaches() -> None:
    card = ModelSession.open(FOLDER).card  # proves hash and golden output
    assert (card.name, card.class_labels) == ("shot", SHOT_LABELS)
    assert "made players" in card.training.data
    assert card.training.command.startswith("python -m training.train_tcn")
    assert {figure.command.split(" --")[0] for figure in card.evaluation} == {"python -m training.evaluate_shots"}


def test_it_reads_players_it_has_not_seen_better_than_the_rules_do() -> None:
    windows = make_windows(120)
    truth = read_truth(windows)
    model = compute_scores(predict_with_model(windows, ModelSession.open(FOLDER)), truth)
    rules = compute_scores(predict_with_rules(windows), truth)
    assert model["macro F1"] > max(0.85, rules["macro F1"])
    assert model["delay_ms MAE"] < min(35.0, rules["delay_ms MAE"])
