"""Checks that a model file takes and gives what its card says. Opens no file: ``session.py`` calls them.

The golden sample covers one window. These cover the rest of the card: tensors, the shortest and longest windows,
batches, and windows without hands. They run the model a few times, in batches of at most ``MAX_FRAMES`` frames.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

import numpy as np

from landmarks.hands import Array, feature_dim
from landmarks.models.card import MODEL_FILE, ModelCard, ModelError
from landmarks.pose import POSE_POINTS
from landmarks.protocol.tensors import EMBEDDING, LOGITS, POSES, PREDS, PRESENCE, SEQUENCE, TensorSpec
from landmarks.shots.keypoints import SHOT_LABELS, SHOT_TARGETS

Kind = Literal["gesture", "shot"]

MAX_BATCH: Final = 32
MAX_FRAMES: Final = 8192
UNIT_TOLERANCE: Final = 0.01

# The axes of each input after batch and frames, and of each output after the batch; 0 is the card's own number.
INPUTS: Final[dict[Kind, dict[str, tuple[int, ...]]]] = {
    "gesture": {SEQUENCE: (0,), PRESENCE: (2,)},
    "shot": {POSES: (POSE_POINTS, 3)},
}
OUTPUTS: Final[dict[Kind, dict[str, tuple[int, ...]]]] = {
    "gesture": {LOGITS: (0,)},
    "shot": {LOGITS: (len(SHOT_LABELS),), PREDS: (len(SHOT_TARGETS),)},
}


def check_tensors(card: ModelCard, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Kind:
    """Compare the tensors that a model file names with its card; returns which kind of model it is.

    Raises:
        ModelError: no kind of model has such inputs, an output is missing, an axis is fixed to another length than
            the card says, or the card's ``feature_dim`` or ``class_labels`` are not those of its kind.
    """
    kind = _get_kind([spec.name for spec in inputs])
    missing = [name for name in list_output_axes(card, kind) if name not in {spec.name for spec in outputs}]
    if missing:
        found = [spec.name for spec in outputs]
        raise ModelError(f"{MODEL_FILE} gives the tensors {found}, expected {missing[0]} among those of a {kind} model")
    width = feature_dim(card.use_z) if kind == "gesture" else POSE_POINTS * 3
    if card.feature_dim != width:
        of = f"use_z {str(card.use_z).lower()}" if kind == "gesture" else "a shot model"
        raise ModelError(f"the card's feature_dim is {card.feature_dim}, expected {width} with {of}")
    if kind == "shot" and card.class_labels != SHOT_LABELS:
        raise ModelError(f"the card's class_labels are {list(card.class_labels)[:8]}, expected {list(SHOT_LABELS)}")
    for spec in inputs:
        expected = (-1, -1, *(axis or card.feature_dim for axis in INPUTS[kind][spec.name]))
        lengths = [{-1}, {-1}, *({-1, axis} for axis in expected[2:])]
        if card.min_seq_len == card.seq_len:
            lengths[1].add(card.seq_len)
        if len(spec.shape) != len(expected) or any(
            axis not in allowed for axis, allowed in zip(spec.shape, lengths, strict=True)
        ):
            frames = f"{card.min_seq_len} to {card.seq_len} frames"
            raise ModelError(
                f"{MODEL_FILE} takes {spec.name} of shape {list(spec.shape)}, its card says {list(expected)} "
                f"with {frames}, -1 being any length"
            )
    return kind


def list_output_axes(card: ModelCard, kind: Kind) -> dict[str, tuple[int, ...]]:
    """The outputs that a model must have by its card, and their axes after the batch."""
    axes = {name: tuple(axis or card.num_classes for axis in tail) for name, tail in OUTPUTS[kind].items()}
    return axes if card.embedding_dim is None else axes | {EMBEDDING: (card.embedding_dim,)}


def check_range(card: ModelCard, kind: Kind, run: Callable[[Mapping[str, Array]], Mapping[str, Array]]) -> None:
    """Run a model over what its card allows: few and many frames, one window and a batch, with hands and without.

    Args:
        run: runs a batch: float32 arrays with a leading batch axis, by name.

    Raises:
        ModelError: it fails, or its outputs have another shape than the card says or aren't finite.
    """
    for batch, frames in _get_shapes(card):
        windows = f"{batch} window{'s' * (batch > 1)} of {frames} frames"
        try:
            outputs = run(_make_windows(card, kind, batch, frames))
        except ModelError as error:
            promised = f"{card.min_seq_len} to {card.seq_len}"
            raise ModelError(f"{MODEL_FILE} can't answer {windows}, its card promises {promised}: {error}") from error
        for name, axes in list_output_axes(card, kind).items():
            expected = (batch, *axes)
            if outputs[name].shape != expected:
                shape = list(outputs[name].shape)
                raise ModelError(f"{MODEL_FILE} gives {name} of shape {shape} for {windows}, expected {list(expected)}")
        for name, output in outputs.items():
            if output.dtype != np.float32 or output.ndim < 2 or len(output) != batch:
                found = f"{output.dtype} {list(output.shape)}"
                raise ModelError(f"{MODEL_FILE} gives {name} {found} for {windows}, expected float32 [{batch}, …]")
            if not np.isfinite(output).all():
                raise ModelError(f"{MODEL_FILE} gives {name} that are not finite for {windows}")
        if card.embedding_dim is not None:
            lengths = np.linalg.norm(outputs[EMBEDDING], axis=-1)
            if np.abs(lengths - 1).max() > UNIT_TOLERANCE:
                raise ModelError(f"{MODEL_FILE} gives {EMBEDDING} of length {lengths.max():.3g}, expected unit vectors")
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            if not np.isfinite(outputs[LOGITS] / np.float32(card.temperature)).all():
                raise ModelError(f"the logits divided by the card's temperature {card.temperature:g} are not finite")


def _get_kind(names: Sequence[str]) -> Kind:
    given = set(names)
    if given == set(INPUTS["shot"]):
        return "shot"
    if SEQUENCE in given and given <= set(INPUTS["gesture"]):
        return "gesture"
    raise ModelError(f"{MODEL_FILE} takes the tensors {list(names)}, expected sequence and presence, or x")


def _get_shapes(card: ModelCard) -> list[tuple[int, int]]:
    """Batch sizes and frames to try: odd and even lengths by themselves, both ends of the range in a batch."""
    least, most = card.min_seq_len, card.seq_len
    alone = {(1, frames) for frames in (least, min(least + 1, most), (least + most) // 2, most)}
    batches = {(max(1, min(MAX_BATCH, MAX_FRAMES // frames)), frames) for frames in (least, most)}
    return sorted(alone | batches)


def _make_windows(card: ModelCard, kind: Kind, batch: int, frames: int) -> dict[str, Array]:
    """Random points in the image; the second window has no hands, every third one only the left hand."""
    draw = np.random.default_rng(frames)
    tensors = {
        name: draw.random((batch, frames, *(axis or card.feature_dim for axis in tail)), dtype=np.float32)
        for name, tail in INPUTS[kind].items()
    }
    for tensor in tensors.values():
        tensor[1:2] = 0
    if kind == "gesture":
        tensors[PRESENCE][:] = tensors[PRESENCE].any(axis=(1, 2), keepdims=True)
        tensors[PRESENCE][2::3, :, 1] = 0
        tensors[SEQUENCE][2::3, :, card.feature_dim // 2 :] = 0
    return tensors
