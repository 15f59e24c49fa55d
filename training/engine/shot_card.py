"""Cards of shot models: for what ``train_tcn`` trained, and for an ONNX file of the contract's form from elsewhere.

The form is input ``x`` float32 ``[B, T, 33, 3]`` (x, y, visibility, 30 frames a second), outputs ``logits`` ``[B, 4]``
and ``preds`` ``[B, 2]`` (ite, delay_ms). Knows nothing of torch.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import onnxruntime as ort

from landmarks.models.card import MODEL_FILE, Evaluation, Golden, ModelCard, ModelError, Training, compute_sha256
from landmarks.pose import POSE_POINTS, Array
from landmarks.protocol.tensors import LOGITS, POSES, PREDS
from landmarks.shots.keypoints import SHOT_LABELS, SHOT_TARGETS, ShotWindow, resample_to_30_fps
from training.data.shot_windows import MIN_SEQ_LEN, SEQ_LEN
from training.synthetic.shots import make_shot_window

BATCHES: Final = (1, 3)
FORM: Final = "expected input x float32 [B, T, 33, 3] and outputs logits [B, 4] and preds [B, 2]"
OUTPUTS: Final = {LOGITS: len(SHOT_LABELS), PREDS: len(SHOT_TARGETS)}


def make_shot_card(
    model: bytes,
    *,
    name: str,
    description: str,
    training: Training,
    evaluation: Sequence[Evaluation] = (),
) -> ModelCard:
    """The card of a shot model's file, its golden output as the file itself answers.

    Raises:
        ModelError: the file isn't an ONNX model of the form, or doesn't keep to it for some batch or length.
    """
    try:
        session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises classes of its own that share no public base
        raise ModelError(f"ONNX Runtime can't load the model: {error}") from error
    shortest, longest = _find_lengths(session)
    golden = make_golden_poses()
    if not shortest <= len(golden) <= longest:
        golden = np.ascontiguousarray(np.resize(golden, (shortest, *golden.shape[1:])))
    rng = np.random.default_rng(0)
    for batch in BATCHES:
        for length in sorted({shortest, max(shortest, min(longest, 22)), longest}):
            run_model(session, rng.random((batch, length, POSE_POINTS, 3)).astype(np.float32))
    golden_outputs = run_model(session, golden[None])
    return ModelCard(
        name=name,
        description=description,
        class_labels=SHOT_LABELS,
        seq_len=longest,
        min_seq_len=shortest,
        feature_dim=POSE_POINTS * 3,
        use_z=False,
        normalization="image",
        training=training,
        evaluation=tuple(evaluation),
        sha256=compute_sha256(model),
        golden=Golden(
            inputs={POSES: golden.tolist()},
            outputs={name: values[0].tolist() for name, values in golden_outputs.items()},
            tolerance=1e-2,
        ),
    )


def run_model(session: ort.InferenceSession, poses: Array) -> dict[str, Array]:
    """``logits`` and ``preds`` of poses ``(B, T, 33, 3)``.

    Raises:
        ModelError: the model can't take them, or answers in another shape or with numbers that aren't finite.
    """
    shape = f"x of shape {list(poses.shape)}"
    try:
        arrays: Any = session.run(list(OUTPUTS), {POSES: poses})
    except Exception as error:  # as above
        raise ModelError(f"{MODEL_FILE} can't take {shape}: {' '.join(str(error).split())}") from error
    outputs: dict[str, Array] = dict(zip(OUTPUTS, arrays, strict=True))
    for name, width in OUTPUTS.items():
        if outputs[name].shape != (len(poses), width):
            raise ModelError(
                f"{name} has shape {list(outputs[name].shape)} for {shape}, expected [{len(poses)}, {width}]"
            )
        if not np.isfinite(outputs[name]).all():
            raise ModelError(f"{name} has numbers that are not finite for {shape}, expected finite ones")
    return outputs


def _find_lengths(session: ort.InferenceSession) -> tuple[int, int]:
    """The fewest and most frames, one number where the file fixes it; refuses another form than the contract's."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    tensors = ", ".join(f"{node.name} {node.type} {node.shape}" for node in (*inputs, *outputs))
    shape = inputs[0].shape if [node.name for node in inputs] == [POSES] else []
    if (
        len(shape) != 4
        or any(
            isinstance(axis, int) and axis != wanted for axis, wanted in zip(shape[2:], (POSE_POINTS, 3), strict=True)
        )
        or not set(OUTPUTS) <= {node.name for node in outputs}
        or any(node.type != "tensor(float)" for node in (*inputs, *outputs))
    ):
        raise ModelError(f"the model has {tensors}; {FORM}, or a folder with a card.json, as export_onnx writes it")
    if isinstance(shape[0], int):
        raise ModelError(
            f"x of the model takes batches of {shape[0]} only, expected any: export it with a free batch axis"
        )
    if isinstance(shape[1], int):
        return shape[1], shape[1]
    return MIN_SEQ_LEN, SEQ_LEN


def make_golden_poses() -> Array:
    """The golden input: a made shot's window; no person was recorded."""
    made = make_shot_window(np.random.default_rng(0))
    window = made.window or ShotWindow(0.0)
    return np.round(resample_to_30_fps(made.track.cut(window)), 5)
