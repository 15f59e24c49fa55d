"""Small models made on the spot, for tests that need a model file and don't care what it knows.

They are real ONNX files with real cards: logits are the window's mean over time, its presence and a bias, times
random weights, so that different windows get different labels.
"""

from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from landmarks.hands import Array, compute_presence, feature_dim
from landmarks.models.card import CARD_FILE, MODEL_FILE, Golden, ModelCard, Training, compute_sha256, write_card

EMBEDDING_DIM = 48
LABELS = ("none", "hello", "yes", "no", "thank-you")


def linear_model(
    labels: tuple[str, ...] = LABELS, *, use_z: bool = False, seed: int = 0, embedding_dim: int | None = None
) -> bytes:
    """The bytes of a linear model with the tensors of a gesture model; an embedding is a projection of the window."""
    generator = np.random.default_rng(seed)
    width = feature_dim(use_z)
    weights: dict[str, npt.NDArray[Any]] = {
        "w": generator.normal(size=(width, len(labels))).astype(np.float32),
        "v": generator.normal(size=(2, len(labels))).astype(np.float32),
        "axes": np.array([1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("ReduceMean", ["sequence", "axes"], ["points"], keepdims=0),
        helper.make_node("ReduceMean", ["presence", "axes"], ["hands"], keepdims=0),
        helper.make_node("MatMul", ["points", "w"], ["a"]),
        helper.make_node("MatMul", ["hands", "v"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["logits"]),
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(labels)])]
    if embedding_dim is not None:
        weights["p"] = generator.normal(size=(width, embedding_dim)).astype(np.float32)
        weights["shift"] = np.full(embedding_dim, 0.01, np.float32)  # for windows without hands
        nodes += [
            helper.make_node("MatMul", ["points", "p"], ["projected"]),
            helper.make_node("Add", ["projected", "shift"], ["shifted"]),
            helper.make_node("LpNormalization", ["shifted"], ["embedding"], axis=-1, p=2),
        ]
        outputs.append(helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", embedding_dim]))
    graph = helper.make_graph(
        nodes,
        "linear",
        [
            helper.make_tensor_value_info("sequence", TensorProto.FLOAT, ["batch", "time", width]),
            helper.make_tensor_value_info("presence", TensorProto.FLOAT, ["batch", "time", 2]),
        ],
        outputs,
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def build_card(
    model: bytes,
    labels: tuple[str, ...] = LABELS,
    *,
    name: str = "gesture",
    use_z: bool = False,
    embedding_dim: int | None = None,
) -> ModelCard:
    """A card that fits ``linear_model``, its golden output computed with ONNX's reference evaluator."""
    window = made_window(frames=8, use_z=use_z, seed=1)
    presence = compute_presence(window)
    evaluator = ReferenceEvaluator(onnx.load_model_from_string(model))
    answers = evaluator.run(["logits"], {"sequence": window[None], "presence": presence[None]})
    (logits,) = cast("list[npt.NDArray[np.float32]]", answers)
    return ModelCard(
        name=name,
        description="a linear model made by the tests",
        class_labels=labels,
        seq_len=30,
        min_seq_len=6,
        feature_dim=feature_dim(use_z),
        use_z=use_z,
        normalization="image",
        embedding_dim=embedding_dim,
        training=Training(data="made", licence="none", split="none", command="none", date="2026-01-01"),
        sha256=compute_sha256(model),
        golden=Golden(
            inputs={"sequence": window.tolist(), "presence": presence.tolist()}, outputs={"logits": logits[0].tolist()}
        ),
    )


def write_embedding_version(root: Path, version: int, *, seed: int = 0, labels: tuple[str, ...] = LABELS) -> Path:
    """As ``write_version``, of a model that gives an embedding and so carries vocabularies."""
    model = linear_model(labels, seed=seed, embedding_dim=EMBEDDING_DIM)
    return write_version(root, version, model, build_card(model, labels, embedding_dim=EMBEDDING_DIM))


def made_window(frames: int = 10, *, use_z: bool = False, seed: int = 0) -> Array:
    """A window ``(frames, F)`` of two hands with random points."""
    generator = np.random.default_rng(seed)
    return generator.uniform(0.1, 0.9, size=(frames, feature_dim(use_z))).astype(np.float32)


def write_version(root: Path, version: int, model: bytes | None = None, card: ModelCard | None = None) -> Path:
    """Write a version of ``card.name`` into the repository ``root`` and return its folder."""
    model = linear_model() if model is None else model
    card = build_card(model) if card is None else card
    folder = root / card.name / str(version)
    folder.mkdir(parents=True)
    (folder / MODEL_FILE).write_bytes(model)
    write_card(card, folder / CARD_FILE)
    return folder
