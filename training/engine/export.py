"""A checkpoint becomes a model file that serves: ONNX, and its card with a golden input and output.

``export_onnx`` is the command. The service calls it as a child process, so this imports neither Lightning nor anything
of serving. What it writes is proved against torch.
"""

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor, nn

from landmarks.files.atomic import replace_file
from landmarks.hands import Array, compute_presence, drop_z, hand_box_normalise
from landmarks.models.card import CARD_FILE, Evaluation, Golden, ModelCard, ModelError, compute_sha256, encode_card
from landmarks.models.session import ModelSession
from landmarks.pose import POSE_POINTS
from landmarks.protocol.tensors import EMBEDDING, LOGITS, POSES, PREDS, PRESENCE, SEQUENCE
from training.engine.checkpoints import Checkpoint, CheckpointMetadata
from training.engine.shot_card import make_shot_card
from training.networks.architectures import Network
from training.networks.bigru import LegacyGRU, TrimmedLegacyGRU
from training.networks.shot_tcn import ShotTCN
from training.synthetic.hands import GESTURES, Signer, make_window

OPSET: Final = 17
PARITY_SHAPES: Final = ((1, 1), (1, 30), (2, 60), (7, 13), (64, 6))
GOLDEN_FRAMES: Final = 12


class ExportError(ModelError):
    """The exported file doesn't do what the checkpoint does; the message says by how much."""


@dataclass(frozen=True)
class Signature:
    """The tensors of a network's model file.

    ``sample(batch, time, rng)`` makes an array for each of ``inputs``; ``outputs`` are named with how far those of ONNX
    Runtime may be from torch's.
    """

    inputs: tuple[str, ...]
    outputs: Mapping[str, float]
    sample: Callable[[int, int, np.random.Generator], tuple[Array, ...]]

    def make_feed(self, batch: int, time: int, rng: np.random.Generator) -> dict[str, Array]:
        """Random arrays by input, for windows of ``(batch, time)``."""
        return dict(zip(self.inputs, self.sample(batch, time, rng), strict=False))  # LegacyGRU reads no presence


def get_signature(network: Network | ShotTCN) -> Signature:
    """``sequence`` and ``presence`` to ``logits`` and ``embedding``; of shots, ``x`` to ``logits`` and ``preds``."""
    if isinstance(network, ShotTCN):
        # delay_ms counts hundreds.
        return Signature((POSES,), {LOGITS: 1e-5, PREDS: 1e-3}, sample_poses)
    inputs = (SEQUENCE,) if isinstance(network, LegacyGRU) else (SEQUENCE, PRESENCE)
    return Signature(inputs, {LOGITS: 1e-5, EMBEDDING: 1e-5}, partial(sample_hands, width=network.config.input_dim))


def export(
    checkpoint: Checkpoint, output: Path, *, name: str, note: str = "", evaluation: Sequence[Evaluation] = ()
) -> ModelCard:
    """Write ``output`` and the ``card.json`` beside it, and return the card.

    Raises:
        ExportError: ONNX Runtime's outputs differ from torch's by more than rounding.
        ModelError: the card's fields don't fit together, or the file doesn't load as the service would load it.
        OSError: a file can't be written; then both are as they were.
    """
    model = to_onnx(checkpoint.network)
    check_parity(model, checkpoint.network)
    if isinstance(checkpoint.network, ShotTCN):
        what = "Labels, ite and delay_ms of a basketball shot, from poses at 30 frames a second."
        card = make_shot_card(
            model,
            name=name,
            description=f"{what} {note}".strip(),
            training=checkpoint.metadata.training,
            evaluation=evaluation,
        )
    else:
        card = make_gesture_card(model, checkpoint.network, checkpoint.metadata, name, note, evaluation)
    ModelSession(model, card)
    write_model(output, model, card)
    return card


def write_model(output: Path, model: bytes, card: ModelCard) -> None:
    """Write a model file, and its ``card.json`` beside it: both or neither.

    Raises:
        OSError: one can't be written; then both are as they were.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(output) as model_file, replace_file(output.parent / CARD_FILE) as card_file:
        model_file.write(model)
        card_file.write(encode_card(card))


def make_gesture_card(
    model: bytes,
    network: Network,
    metadata: CheckpointMetadata,
    name: str,
    note: str,
    evaluation: Sequence[Evaluation],
) -> ModelCard:
    """The card of a gesture model, its golden output as torch computes it.

    Raises:
        ModelError: the checkpoint's fields don't make a valid card.
    """
    what = "hand gestures, from windows of two tracked hands."
    window = make_golden_input(metadata.use_z, metadata.normalization == "hand_box", metadata.seq_len)
    presence = compute_presence(window)
    with torch.no_grad():
        logits, embedding = network.predict(torch.from_numpy(window)[None], torch.from_numpy(presence)[None])
    try:
        card = ModelCard(
            name=name,
            description=f"{len(metadata.class_labels)} {what} {note}".strip(),
            class_labels=metadata.class_labels,
            seq_len=metadata.seq_len,
            min_seq_len=metadata.min_seq_len,
            feature_dim=window.shape[-1],
            use_z=metadata.use_z,
            normalization=metadata.normalization,
            embedding_dim=embedding.shape[-1],
            training=metadata.training,
            evaluation=tuple(evaluation),
            sha256=compute_sha256(model),
            golden=Golden(
                inputs={SEQUENCE: round_values(window), PRESENCE: presence.tolist()},
                outputs={LOGITS: round_values(logits[0].numpy()), EMBEDDING: round_values(embedding[0].numpy())},
            ),
        )
        # The card as it will be read back: this is where its bounds are checked.
        return msgspec.json.decode(msgspec.json.encode(card), type=ModelCard)
    except (ValueError, msgspec.MsgspecError) as error:
        raise ModelError(f"the checkpoint doesn't make a valid card: {error}") from error


class ServedNetwork(nn.Module):
    """A network with all outputs of its model file, in the order of its signature."""

    def __init__(self, network: Network | ShotTCN) -> None:
        super().__init__()
        self.network = TrimmedLegacyGRU(network) if isinstance(network, LegacyGRU) else network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        network = self.network
        outputs: tuple[Tensor, ...] = network(*inputs) if isinstance(network, ShotTCN) else network.predict(*inputs)
        return outputs


def to_onnx(network: Network | ShotTCN) -> bytes:
    """The ONNX file of a network in evaluation mode, with the tensors of its signature; batch and time are free."""
    file, signature = io.BytesIO(), get_signature(network)
    # Two windows of three frames: a batch of one would let the exporter take 1 for a constant.
    feed = signature.make_feed(2, 3, np.random.default_rng(0))
    axes = {name: {0: "batch", 1: "time"} for name in signature.inputs}
    with warnings.catch_warnings():
        # torch's newer exporter unrolls or refuses a GRU of free length; its forerunner, which keeps it as one ONNX
        # GRU node, says on every call that it is the older one, and that it can't follow the shape checks of nn.GRU.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            ServedNetwork(network).eval(),
            tuple(torch.from_numpy(array) for array in feed.values()),
            file,  # type: ignore[arg-type] # the older exporter writes to open files too
            dynamo=False,
            input_names=list(signature.inputs),
            output_names=list(signature.outputs),
            dynamic_axes={**axes, **{name: {0: "batch"} for name in signature.outputs}},
            opset_version=OPSET,
        )
    return file.getvalue()


def check_parity(
    model: bytes, network: Network | ShotTCN, shapes: Sequence[tuple[int, int]] = PARITY_SHAPES
) -> dict[str, float]:
    """Largest difference of ONNX Runtime's outputs from torch's, by name, over random windows of ``(batch, time)``.

    Raises:
        ExportError: one is as large as its signature allows, or larger.
    """
    served = network if isinstance(network, ShotTCN) else network.predict
    signature, rng = get_signature(network), np.random.default_rng(0)
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    worst = dict.fromkeys(signature.outputs, 0.0)
    for batch, time in shapes:
        feed = signature.make_feed(batch, time, rng)
        with torch.no_grad():
            expected = served(*(torch.from_numpy(array) for array in feed.values()))
        found = session.run(list(worst), feed)
        for name, ours, theirs in zip(worst, found, expected, strict=True):
            worst[name] = float(np.maximum(worst[name], np.abs(ours - theirs.numpy()).max()))
    for name, limit in signature.outputs.items():
        if not worst[name] < limit:
            raise ExportError(
                f"ONNX Runtime's {name} differ from torch's by {worst[name]:.3g}, expected less than {limit}"
            )
    return worst


def sample_hands(batch: int, time: int, rng: np.random.Generator, width: int) -> tuple[Array, Array]:
    """Wandering hands ``(batch, time, width)`` and their presence; about one hand in four is absent."""
    centre = rng.uniform(0.2, 0.8, (batch, 1, 2, 1, 1)) + rng.normal(0, 0.02, (batch, time, 2, 1, 1)).cumsum(1)
    shape = rng.normal(0, 0.05, (batch, 1, 2, 21, width // 42)) + rng.normal(
        0, 0.005, (batch, time, 2, 21, width // 42)
    )
    presence = (rng.random((batch, time, 2)) < 0.75).astype(np.float32)
    hands = ((centre + shape) * presence[..., None, None]).astype(np.float32)
    return hands.reshape(batch, time, width), presence


def sample_poses(batch: int, time: int, rng: np.random.Generator) -> tuple[Array, ...]:
    """Random poses ``(batch, time, 33, 3)``."""
    return (rng.random((batch, time, POSE_POINTS, 3)).astype(np.float32),)


def make_golden_input(use_z: bool, hand_box: bool, seq_len: int) -> Array:
    """A made window (no person was recorded), prepared as the card asks of clients."""
    rng = np.random.default_rng(0)
    window = make_window(GESTURES["made-clap"], Signer.sample(rng), min(GOLDEN_FRAMES, seq_len), rng)
    window = window if use_z else drop_z(window)
    return (hand_box_normalise(window) if hand_box else window).round(5)


def round_values(values: Array) -> list[object]:
    """Nested lists of numbers rounded to 5 decimals, which a card's tolerance doesn't see."""
    rounded: list[object] = values.astype(np.float64).round(5).tolist()
    return rounded
