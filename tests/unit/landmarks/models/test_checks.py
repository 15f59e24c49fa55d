"""A card promises frames, batches and tensors; a model file that doesn't keep the promise is refused when loaded."""

import os
import socket
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from landmarks.models.card import CARD_FILE, MODEL_FILE, Golden, ModelCard, ModelError, compute_sha256, read_card
from landmarks.models.session import ModelSession
from landmarks.shots.keypoints import SHOT_LABELS
from testkit.model_files import LABELS, build_card, linear_model, write_version


def with_nodes(nodes: list[onnx.NodeProto], constants: dict[str, Any], labels: tuple[str, ...] = LABELS) -> bytes:
    """``linear_model`` with more behind it: its logits are renamed ``raw``, ``nodes`` make ``logits`` of them."""
    model = onnx.load_model_from_string(linear_model(labels))
    model.graph.node[-1].output[0] = "raw"
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    )
    return bytes(model.SerializeToString())


def with_fixed_axis(axis: int, length: int) -> bytes:
    """``linear_model`` exported without one of its dynamic axes."""
    model = onnx.load_model_from_string(linear_model())
    for tensor in model.graph.input:
        dimension = tensor.type.tensor_type.shape.dim[axis]
        dimension.ClearField("dim_param")
        dimension.dim_value = length
    return bytes(model.SerializeToString())


def with_unsaid_axis(length: int) -> bytes:
    """Frames are free as the file says, and fixed by a Reshape that the file doesn't mention among its inputs."""
    model = onnx.load_model_from_string(linear_model())
    model.graph.node[0].input[0] = "shaped"
    model.graph.node.insert(0, helper.make_node("Reshape", ["sequence", "shape"], ["shaped"]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1, length, 84]), "shape"))
    return bytes(model.SerializeToString())


def with_name(old: str, new: str) -> bytes:
    """``linear_model`` with a tensor called otherwise."""
    model = onnx.load_model_from_string(linear_model())
    for values in (model.graph.input, model.graph.output):
        for value in values:
            value.name = new if value.name == old else value.name
    for node in model.graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                names[index] = new if name == old else name
    return bytes(model.SerializeToString())


def not_finite_without_hands() -> bytes:
    """Divided by how much is seen, which is nothing where nobody is."""
    return with_nodes(
        [
            helper.make_node("ReduceSum", ["hands", "one"], ["seen"], keepdims=1),
            helper.make_node("Div", ["raw", "seen"], ["logits"]),
        ],
        {"one": np.array([1])},
    )


def card_for(model: bytes, **changes: Any) -> ModelCard:
    """The card of ``linear_model`` with the hash of another file, whose golden window has 12 frames."""
    card = build_card(linear_model())
    window = np.asarray(card.golden.inputs["sequence"])
    inputs = {"sequence": np.resize(window, (12, 84)).tolist(), "presence": [[1, 1]] * 12}
    return msgspec.structs.replace(
        card, **{"sha256": compute_sha256(model), "golden": Golden(inputs=inputs, outputs={})} | changes
    )


@pytest.mark.parametrize(
    ("model", "changes", "reason"),
    [
        (
            with_fixed_axis(1, 12),
            {},
            r"takes sequence of shape \[-1, 12, 84\], its card says \[-1, -1, 84\] with 6 to 30",
        ),
        (with_fixed_axis(0, 1), {}, r"takes sequence of shape \[1, -1, 84\]"),
        (with_unsaid_axis(12), {}, "can't answer 1 window of 6 frames, its card promises 6 to 30"),
        (
            linear_model(),
            {"feature_dim": 126, "use_z": True},
            r"takes sequence of shape \[-1, -1, 84\].* \[-1, -1, 126\]",
        ),
        (linear_model(), {"feature_dim": 126}, "feature_dim is 126, expected 84 with use_z false"),
        (linear_model(), {"temperature": 1e-300}, "divided by the card's temperature 1e-300 are not finite"),
        (with_name("sequence", "window"), {}, r"takes the tensors \['window', 'presence'\], expected sequence"),
        (with_name("logits", "scores"), {}, r"gives the tensors \['scores'\], expected logits"),
        (not_finite_without_hands(), {}, "gives logits that are not finite for 32 windows of 6 frames"),
    ],
    ids=[
        *("frames fixed", "batch fixed", "frames fixed inside", "card of another width", "width without z"),
        *("temperature", "another input", "another output", "nobody seen"),
    ],
)
def test_a_card_that_promises_more_than_the_model_does_is_refused(
    model: bytes, changes: dict[str, Any], reason: str
) -> None:
    card = card_for(model, **changes)
    if "sequence" in [value.name for value in onnx.load_model_from_string(model).graph.input]:
        card = msgspec.structs.replace(card, golden=with_own_answer(model, card))
    with pytest.raises(ModelError, match=reason):
        ModelSession(model, card)


def with_own_answer(model: bytes, card: ModelCard) -> Golden:
    """The card's golden window, 12 frames, with what the model itself answers, as a real card has it."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    inputs = {name: np.asarray(values, np.float32)[None] for name, values in card.golden.inputs.items()}
    answers: Any = session.run(None, inputs)
    names = [node.name for node in session.get_outputs()]
    outputs = {name: answer[0].tolist() for name, answer in zip(names, answers, strict=True)}
    return Golden(inputs=card.golden.inputs, outputs=outputs)


def test_a_model_for_one_length_serves_under_a_card_that_says_so() -> None:
    model = with_fixed_axis(1, 12)
    card = card_for(model, seq_len=12, min_seq_len=12)
    card = msgspec.structs.replace(card, golden=with_own_answer(model, card))
    assert ModelSession(model, card).kind == "gesture"


def shot_model(preds: int = 2) -> bytes:
    """A model of the mean pose: ``x [B, T, 33, 3]`` to ``logits [B, 4]`` and ``preds [B, preds]``."""
    draw = np.random.default_rng(0)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["x", "axes"], ["pose"], keepdims=0),
            helper.make_node("MatMul", ["pose", "w"], ["logits"]),
            helper.make_node("MatMul", ["pose", "v"], ["preds"]),
        ],
        "shot",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "time", 33, 3])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 4]),
            helper.make_tensor_value_info("preds", TensorProto.FLOAT, ["batch", preds]),
        ],
        [
            numpy_helper.from_array(np.array([1, 2]), "axes"),
            numpy_helper.from_array(draw.random((3, 4), np.float32), "w"),
            numpy_helper.from_array(draw.random((3, preds), np.float32), "v"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


def shot_card(model: bytes, **changes: Any) -> ModelCard:
    """A card that fits ``shot_model``."""
    base = {"name": "shot", "feature_dim": 99, "class_labels": SHOT_LABELS, "seq_len": 60}
    card = card_for(model, **base, golden=Golden(inputs={"x": np.full((9, 33, 3), 0.5).tolist()}, outputs={}))
    return msgspec.structs.replace(card, **{"golden": with_own_answer(model, card)} | changes)


def test_a_shot_model_is_told_by_its_tensors() -> None:
    model = shot_model()
    assert ModelSession(model, shot_card(model), kind="shot").kind == "shot"
    with pytest.raises(ModelError, match="is a shot model, expected a gesture model"):
        ModelSession(model, shot_card(model), kind="gesture")


@pytest.mark.parametrize(
    ("model", "changes", "reason"),
    [
        (shot_model(preds=3), {}, r"gives preds of shape \[1, 3\] for 1 window of 6 frames, expected \[1, 2\]"),
        (shot_model(), {"feature_dim": 84}, "feature_dim is 84, expected 99 with a shot model"),
        (shot_model(), {"class_labels": SHOT_LABELS[::-1]}, "class_labels are .* expected .'baja_transferencia'"),
    ],
    ids=["targets", "width", "labels in another order"],
)
def test_a_shot_card_that_is_not_true_is_refused(model: bytes, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        ModelSession(model, shot_card(model, **changes))


@pytest.mark.parametrize(
    ("golden", "reason"),
    [
        ([[0.5] * 84] * 3 + [[0.5] * 83], "golden sequence has lists of different length"),
        ([["x"] * 84] * 8, "golden sequence has something other than numbers"),
        ([[None] * 84] * 8, "golden sequence has something other than numbers"),
        ([[10**400] * 84] * 8, "golden sequence has something other than numbers"),
        ([[1e300] * 84] * 8, "golden sequence has a number that float32 can't hold"),
        ([], "could not run"),
    ],
    ids=["ragged", "words", "nothing", "huge", "beyond float32", "empty"],
)
def test_a_golden_sample_that_is_no_table_of_numbers_is_refused(golden: list[Any], reason: str) -> None:
    model = linear_model()
    card = build_card(model)
    inputs = {"sequence": golden, "presence": card.golden.inputs["presence"]}
    with pytest.raises(ModelError, match=reason):
        ModelSession(model, msgspec.structs.replace(card, golden=Golden(inputs=inputs, outputs=card.golden.outputs)))


def test_a_card_nested_without_end_is_refused(tmp_path: Path) -> None:
    deep = '{"golden": {"inputs": {"a": ' + "[" * 200_000 + "]" * 200_000 + "}}}"
    (tmp_path / CARD_FILE).write_text(deep)
    with pytest.raises(ModelError, match="nested too deeply"):
        read_card(tmp_path / CARD_FILE)


@pytest.mark.parametrize("file", [MODEL_FILE, CARD_FILE])
@pytest.mark.parametrize(
    ("put", "reason"),
    [
        (os.mkfifo, "is a FIFO, expected a file"),
        (os.mkdir, "is a folder, expected a file"),
        (lambda path: path.symlink_to("/dev/zero"), "is a device, expected a file"),
        (lambda path: path.symlink_to(path), "can't be read: Too many levels of symbolic links"),
    ],
    ids=["fifo", "folder", "device", "loop"],
)
def test_what_is_no_file_is_refused_without_opening_it(tmp_path: Path, file: str, put: Any, reason: str) -> None:
    folder = write_version(tmp_path, 1)
    (folder / file).unlink()
    put(folder / file)
    with pytest.raises(ModelError, match=reason):
        ModelSession.open(folder)


def test_a_socket_is_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_version(tmp_path, 1)
    (folder / MODEL_FILE).unlink()
    monkeypatch.chdir(folder)  # a socket's path may have no more than 107 characters
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(MODEL_FILE)
        with pytest.raises(ModelError, match="is a socket, expected a file"):
            ModelSession.open(folder)
