"""A model file proves itself when it is loaded, or is refused with the reason."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from landmarks.models.card import MODEL_FILE, Golden, ModelCard, ModelError, compute_sha256, read_card, write_card
from landmarks.models.session import ModelSession
from testkit.model_files import build_card, linear_model, made_window, write_version


def with_golden_output(card: ModelCard, **outputs: list[float]) -> ModelCard:
    return msgspec.structs.replace(card, golden=Golden(inputs=card.golden.inputs, outputs=outputs))


def test_a_version_that_fits_its_card_answers_batches(repository: Path) -> None:
    session = ModelSession.open(repository / "gesture" / "1")
    windows = np.stack([made_window(12, seed=seed) for seed in range(3)])
    logits = session.run({"sequence": windows, "presence": np.ones((3, 12, 2), np.float32)})["logits"]
    assert logits.shape == (3, len(session.card.class_labels))
    assert logits.dtype == np.float32


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda model, card: (model[:-100], card), "SHA-256"),
        (
            lambda model, card: (b"no onnx", msgspec.structs.replace(card, sha256=compute_sha256(b"no onnx"))),
            "ONNX Runtime can't load",
        ),
        (lambda model, card: (model, with_golden_output(card, logits=[0.0] * 5)), "golden output logits differs by"),
        (lambda model, card: (model, with_golden_output(card, logits=[0.0] * 4)), "has shape"),
        (lambda model, card: (model, with_golden_output(card, scores=[0.0] * 5)), "scores is not among"),
        (lambda model, card: (model, with_golden_output(card)), "no outputs"),
        (
            lambda model, card: (model, msgspec.structs.replace(card, class_labels=("a", "b"))),
            "names 5 classes, its card has 2 labels",
        ),
    ],
    ids=["truncated", "not a model", "wrong golden", "wrong shape", "unknown output", "no golden", "wrong labels"],
)
def test_a_file_that_does_not_fit_its_card_is_refused(spoil, reason: str) -> None:  # type: ignore[no-untyped-def]
    model, card = spoil(linear_model(), build_card(linear_model()))
    with pytest.raises(ModelError, match=reason):
        ModelSession(model, card)


def test_a_golden_output_that_is_not_a_number_is_refused() -> None:
    model = linear_model()
    card = build_card(model)
    spoiled = with_golden_output(card, logits=[float("nan")] * 5)
    with pytest.raises(ModelError, match="golden logits has a number that float32 can't hold"):
        ModelSession(model, spoiled)


def test_a_missing_tensor_is_named(repository: Path) -> None:
    session = ModelSession.open(repository / "gesture" / "1")
    with pytest.raises(ModelError, match=r"missing \['presence'\]"):
        session.run({"sequence": made_window()[None]})


def test_a_missing_file_is_named(repository: Path) -> None:
    (repository / "gesture" / "1" / MODEL_FILE).unlink()
    with pytest.raises(ModelError, match=r"model\.onnx can't be read: No such file"):
        ModelSession.open(repository / "gesture" / "1")


def test_a_card_survives_writing_and_reading(tmp_path: Path) -> None:
    card = build_card(linear_model())
    write_card(card, tmp_path / "card.json")
    assert read_card(tmp_path / "card.json") == card


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("min_seq_len", 31, "min_seq_len is 31, expected at most seq_len = 30"),
        ("class_labels", ["a", "a"], "a label twice"),
        ("class_labels", [], "length >= 1"),
        ("normalization", "none", "Invalid enum value 'none'"),
        ("sha256", "abc", "matching regex"),
        ("name", "../gesture", "matching regex"),
        ("temperature", 0, ">= 0.01"),
        ("temperature", 1e-300, ">= 0.01"),
    ],
)
def test_a_card_with_a_wrong_value_is_refused_with_the_field(
    tmp_path: Path, field: str, value: object, reason: str
) -> None:
    folder = write_version(tmp_path, 1)
    card = msgspec.json.decode((folder / "card.json").read_bytes())
    card[field] = value
    (folder / "card.json").write_bytes(msgspec.json.encode(card))
    with pytest.raises(ModelError, match=reason):
        read_card(folder / "card.json")
