"""The gesture model that the project ships: it loads, it is small, and nothing a client sends makes it give NaN."""

from pathlib import Path

import numpy as np
import pytest

from landmarks.hands import Array, compute_presence
from landmarks.models.session import ModelSession

FOLDER = Path(__file__).parents[3] / "models" / "gesture" / "1"


@pytest.fixture(scope="module")
def session() -> ModelSession:
    return ModelSession.open(FOLDER)


def test_it_takes_less_than_three_megabytes() -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 3_000_000


def test_its_card_says_what_clients_may_send_and_where_it_comes_from(session: ModelSession) -> None:
    card = session.card
    assert (card.seq_len, card.min_seq_len, card.feature_dim, card.use_z) == (30, 6, 84, False)
    assert card.normalization == "image"
    assert card.num_classes == 15 and "none" in card.class_labels
    assert card.training.licence.startswith("MIT")
    assert card.training.command.startswith("python -m training.train_gru --data_dir $HELEN_DATA_DIR/")
    accuracy = [row for row in card.evaluation if row.metric == "pooled accuracy"]
    assert accuracy and all("leave one signer out" in row.protocol for row in accuracy)


def nonsense() -> dict[str, tuple[Array, Array]]:
    draw = np.random.default_rng(0)
    example = np.full((10, 84), 0.1, np.float32)
    wild = draw.uniform(-1e6, 1e6, (30, 84)).astype(np.float32)
    flicker = np.where(draw.random((30, 84)) < 0.5, 0, wild).astype(np.float32)
    tiny = np.full((6, 84), 1e-38, np.float32)
    return {
        "the source system's example": (example, np.tile(np.array([1, 0], np.float32), (10, 1))),
        "no hand at all": (np.zeros((30, 84), np.float32), np.zeros((30, 2), np.float32)),
        "hands that are said to be there but are zeros": (np.zeros((30, 84), np.float32), np.ones((30, 2), np.float32)),
        "random points up to a million": (wild, compute_presence(wild)),
        "points that jump between zero and a million": (flicker, compute_presence(flicker)),
        "hands of no size": (tiny, compute_presence(tiny)),
        "presence far from 0 and 1": (wild, np.full((30, 2), -1e6, np.float32)),
        "a single frame": (wild[:1], np.ones((1, 2), np.float32)),
    }


@pytest.mark.parametrize("case", nonsense())
def test_it_answers_anything_finite_with_finite_logits(session: ModelSession, case: str) -> None:
    sequence, presence = nonsense()[case]
    logits = session.run({"sequence": sequence[None], "presence": presence[None]})["logits"]
    assert logits.shape == (1, 15)
    assert np.isfinite(logits).all()
