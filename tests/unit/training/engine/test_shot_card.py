"""A shot model's file from elsewhere, without a card, is published, served and refused by its form alone."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from onnx import TensorProto, helper, numpy_helper

from landmarks.models.card import ModelError
from landmarks.shots.keypoints import SHOT_LABELS
from serve_app.models.repository import ModelRepository
from training.publish import main, publish

FREE = ("batch", "time", 33, 3)


def shot_model(
    shape: tuple[str | int, ...] = FREE, *, name: str = "x", labels: int = 4, targets: int = 2, bias: float = 0.0
) -> bytes:
    """A linear model of the contract's form: the mean over time, times random weights."""
    draw = np.random.default_rng(0)
    batch = shape[0] if isinstance(shape[0], int) else -1
    constants: dict[str, npt.NDArray[Any]] = {
        "axes": np.array([1], dtype=np.int64),
        "flat": np.array([batch, 99], dtype=np.int64),
        "w": draw.normal(size=(99, labels)).astype(np.float32),
        "v": (draw.normal(size=(99, targets)) * 50 + bias).astype(np.float32),
    }
    nodes = [
        helper.make_node("ReduceMean", [name, "axes"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "flat"], ["points"]),
        helper.make_node("MatMul", ["points", "w"], ["logits"]),
        helper.make_node("MatMul", ["points", "v"], ["preds"]),
    ]
    graph = helper.make_graph(
        nodes,
        "baseline",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, [shape[0], labels]),
            helper.make_tensor_value_info("preds", TensorProto.FLOAT, [shape[0], targets]),
        ],
        [numpy_helper.from_array(array, key) for key, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


def written(folder: Path, model: bytes) -> Path:
    path = folder / "tcn_baseline.onnx"
    path.write_bytes(model)
    return path


@pytest.mark.parametrize(
    "shape, lengths", [(FREE, (6, 120)), (("batch", 21, 33, 3), (21, 21)), (("batch", 60, "points", "axes"), (60, 60))]
)
def test_a_model_without_a_card_is_published_with_one(
    tmp_path: Path, shape: tuple[str | int, ...], lengths: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, shot_model(shape))
    main(["--model", str(file), "--repository", str(tmp_path / "models"), "--name", "shot"])
    assert capsys.readouterr().out.startswith("shot version 1 is in ")
    opened = ModelRepository(str(tmp_path / "models"), "shot").open(1)
    card = opened.session.card
    assert (card.class_labels, card.feature_dim) == (SHOT_LABELS, 99)
    assert (card.min_seq_len, card.seq_len) == lengths
    assert card.training.command == "published from tcn_baseline.onnx"
    found = opened.session.run({"x": np.zeros((2, lengths[0], 33, 3), np.float32)})
    assert found["logits"].shape == (2, 4) and found["preds"].shape == (2, 2)


@pytest.mark.parametrize(
    "model, reason",
    [
        (b"no model", "ONNX Runtime can't load the model"),
        (shot_model(name="sequence"), "expected input x float32 [B, T, 33, 3]"),
        (shot_model(("batch", "time", 17, 3)), "expected input x float32 [B, T, 33, 3]"),
        (shot_model((1, "time", 33, 3)), "takes batches of 1 only, expected any"),
        (shot_model(labels=3), "logits has shape [1, 3]"),
        (shot_model(targets=1), "preds has shape [1, 1]"),
        (shot_model(bias=np.inf), "preds has numbers that are not finite"),
    ],
)
def test_a_model_of_another_form_is_refused_with_what_it_has(tmp_path: Path, model: bytes, reason: str) -> None:
    file = written(tmp_path, model)
    with pytest.raises(ModelError, match=re.escape(reason)) as refused:
        publish(file, str(tmp_path / "models"))
    assert str(refused.value).startswith(f"{file}: ")
    assert not (tmp_path / "models").exists()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none.onnx"):
        publish(tmp_path / "none.onnx", str(tmp_path / "models"))
