"""The demonstration: made hands that the bundled model names, through the real pipeline."""

from pathlib import Path

import numpy as np
import pytest

from edge_client import demo
from edge_client.demo import Motion, made_recording
from edge_client.recognition.local_model import LocalModel
from edge_client.settings import Thresholds
from landmarks.models.card import ModelError
from testkit.edge.player import Player

MODELS = Path(__file__).parents[3] / "models" / "gesture"


@pytest.fixture(scope="module")
def model() -> LocalModel:
    return LocalModel.open(MODELS)


def test_the_bundled_model_names_made_signs_and_the_client_makes_one_event_of_each(model: LocalModel) -> None:
    recording = made_recording(model, Thresholds(), rounds=2)
    labels = recording.label.tolist()
    assert len(set(labels)) >= 3
    player = Player(model)
    assert [event for window in recording.hands for event in player.play(window).events] == labels


def test_a_made_hand_stays_in_the_picture() -> None:
    draw = np.random.default_rng(3)
    hands = np.stack([Motion.sample(draw).hands(10, draw) for _ in range(100)]).reshape(-1, 21, 3)
    present = hands[hands.any(axis=(1, 2))]
    assert np.isfinite(present).all()
    inside = ((present[:, :, :2] > -0.2) & (present[:, :, :2] < 1.2)).all(axis=(1, 2))
    assert inside.mean() > 0.9


def test_a_model_that_names_nothing_surely_says_so(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DRAWS", 5)
    monkeypatch.setattr(demo, "STEPS", 1)
    with pytest.raises(ModelError, match="none of 5 made motions"):
        made_recording(LocalModel.open(repository / "gesture"), Thresholds(probability_on=1.0))
