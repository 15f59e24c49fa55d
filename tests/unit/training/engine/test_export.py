"""An interrupted command leaves what was there."""

from pathlib import Path

import pytest

from landmarks.models.card import CARD_FILE, MODEL_FILE
from landmarks.models.session import ModelSession
from testkit.model_files import build_card, linear_model
from training.engine.export import write_model


def test_files_that_can_not_all_be_written_leave_what_was_there(tmp_path: Path) -> None:
    earlier, model = tmp_path / MODEL_FILE, linear_model()
    earlier.write_bytes(b"the only copy")
    (tmp_path / CARD_FILE).mkdir()  # a folder where the card's file would be
    with pytest.raises(OSError, match=CARD_FILE):
        write_model(earlier, model, build_card(model))
    assert earlier.read_bytes() == b"the only copy"
    assert sorted(path.name for path in tmp_path.iterdir()) == [CARD_FILE, MODEL_FILE]


def test_a_model_and_its_card_replace_those_before(tmp_path: Path) -> None:
    for seed in (1, 2):
        model = linear_model(seed=seed)
        write_model(tmp_path / "new" / MODEL_FILE, model, build_card(model))
        assert ModelSession.open(tmp_path / "new").model == model
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [CARD_FILE, MODEL_FILE]
