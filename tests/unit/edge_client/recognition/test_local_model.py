"""The model on this machine."""

from pathlib import Path

import numpy as np
import pytest

from edge_client.recognition.local_model import LocalModel
from edge_client.types import Window, WindowStats
from landmarks.hands import drop_z
from landmarks.models.card import ModelError
from landmarks.protocol.predictions import softmax
from testkit.model_files import LABELS, build_card, linear_model, made_window, write_version


def make_window_filled(frames: int = 20, seed: int = 0) -> Window:
    hands = made_window(frames, use_z=True, seed=seed)
    return Window(hands, np.ones((frames, 2), dtype=np.float32), WindowStats(1, frames, 1.0, 0.1, 0.1), 0.0)


def test_the_newest_version_of_a_folder_answers(tmp_path: Path) -> None:
    for version in (2, 10):
        write_version(tmp_path, version)
    assert LocalModel.open(tmp_path / "gesture").version == "10"
    assert LocalModel.open(tmp_path / "gesture" / "2").version == "2"


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no model: expected card.json"):
        LocalModel.open(tmp_path)


def test_a_folder_that_can_not_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="can't be read: File name too long"):
        LocalModel.open(tmp_path / ("x" * 300))


def test_a_folder_with_an_odd_digit_for_a_name_is_no_version(tmp_path: Path) -> None:
    write_version(tmp_path, 2)
    (tmp_path / "gesture" / "2").rename(tmp_path / "gesture" / "²")
    write_version(tmp_path, 1)
    assert LocalModel.open(tmp_path / "gesture").version == "1"


def test_an_answer_is_the_models_softmax(repository: Path) -> None:
    device = LocalModel.open(repository / "gesture")
    window = make_window_filled()
    answer = device.predict(window)
    logits = device.session.run({"sequence": drop_z(window.hands)[None], "presence": window.presence[None]})["logits"]
    assert answer.labels == LABELS
    assert answer.source == "device"
    assert answer.model_version == "1"
    assert answer.probabilities.sum() == pytest.approx(1.0)
    assert np.allclose(answer.probabilities, softmax(logits[0]))


def test_the_cards_temperature_divides_the_logits(tmp_path: Path) -> None:
    import msgspec

    model = linear_model()
    write_version(tmp_path / "plain", 1, model)
    write_version(tmp_path / "warm", 1, model, msgspec.structs.replace(build_card(model), temperature=4.0))
    plain = LocalModel.open(tmp_path / "plain" / "gesture").predict(make_window_filled()).probabilities
    warm = LocalModel.open(tmp_path / "warm" / "gesture").predict(make_window_filled()).probabilities
    assert np.allclose(np.log(plain / plain[0]) / 4, np.log(warm / warm[0]), atol=1e-4)


def test_a_longer_window_gives_its_newest_frames(repository: Path) -> None:
    device = LocalModel.open(repository / "gesture")
    long = make_window_filled(40)
    newest = Window(long.hands[-30:], long.presence[-30:], long.stats, 0.0)
    assert np.allclose(device.predict(long).probabilities, device.predict(newest).probabilities)


def test_a_folder_that_only_looks_like_a_version_is_none(repository: Path) -> None:
    write_version(repository / "scratch", 7)
    (repository / "scratch" / "gesture" / "7").rename(repository / "gesture" / "²")
    assert LocalModel.open(repository / "gesture").version == "1"


def test_a_version_that_cannot_be_loaded_gives_way_to_the_one_before(tmp_path: Path) -> None:
    write_version(tmp_path, 1)
    (write_version(tmp_path, 2) / "model.onnx").write_bytes(b"no model")
    assert LocalModel.open(tmp_path / "gesture").version == "1"
    (tmp_path / "gesture" / "1" / "model.onnx").write_bytes(b"none either")
    with pytest.raises(ModelError, match=r"no version that can be loaded: 2: .*; 1: "):
        LocalModel.open(tmp_path / "gesture")
