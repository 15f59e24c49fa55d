"""A checkpoint becomes a model file that serves: ONNX, and its card with a golden input and output.

    python -m training.export_onnx --checkpoint runs/gesture/best.ckpt --output models/gesture/1/model.onnx

Takes checkpoints of ``train_gru`` and ``train_tcn`` and the source system's ``.pt``. The service calls it as a child
process for the latter, so it imports neither Lightning nor anything of serving. It proves what it writes against torch.
"""

import argparse
import io
import logging
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import torch
from torch import nn

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from landmarks.hands import Array, compute_presence, drop_z, hand_box_normalise
from landmarks.models.card import Evaluation, Golden, ModelCard, ModelError, compute_sha256
from landmarks.models.session import ModelSession
from landmarks.protocol.tensors import LOGITS, PRESENCE, SEQUENCE
from training.engine.checkpoints import Checkpoint, CheckpointError, read_checkpoint
from training.engine.shot_checkpoints import ShotCheckpointError, export_shot, is_shot_checkpoint
from training.engine.whole_files import write_model
from training.networks.bigru import LegacyGRU, TrimmedLegacyGRU
from training.simulate import GESTURES, Signer, make_window

OPSET: Final = 17
PARITY: Final = 1e-5
PARITY_SHAPES: Final = ((1, 1), (1, 30), (2, 60), (7, 13), (64, 6))
GOLDEN_FRAMES: Final = 12


class ExportError(Exception):
    """The exported file doesn't do what the checkpoint does; the message says by how much."""


def export(
    checkpoint: Checkpoint, output: Path, *, name: str, note: str = "", evaluation: Sequence[Evaluation] = ()
) -> ModelCard:
    """Write ``output`` and the ``card.json`` beside it, and return the card.

    Raises:
        ExportError: ONNX Runtime's logits differ from torch's by more than rounding.
        ModelError: the card's fields don't fit together, or the file doesn't load as the service would load it.
    """
    about, network = checkpoint.about, checkpoint.network
    width = 126 if about.use_z else 84
    model = to_onnx(TrimmedLegacyGRU(network) if isinstance(network, LegacyGRU) else network, width)
    check_parity(model, network, width)
    window = made_input(about.use_z, about.normalization == "hand_box", min(GOLDEN_FRAMES, about.seq_len))
    presence = compute_presence(window)
    with torch.no_grad():
        logits = network(torch.from_numpy(window)[None], torch.from_numpy(presence)[None])[0]
    try:
        card = ModelCard(
            name=name,
            description=f"{len(about.class_labels)} hand gestures, from windows of two tracked hands. {note}".strip(),
            class_labels=about.class_labels,
            seq_len=about.seq_len,
            min_seq_len=about.min_seq_len,
            feature_dim=width,
            use_z=about.use_z,
            normalization=about.normalization,
            training=about.training,
            evaluation=tuple(evaluation),
            sha256=compute_sha256(model),
            golden=Golden(
                inputs={SEQUENCE: short(window), PRESENCE: presence.tolist()},
                outputs={LOGITS: short(logits.numpy())},
            ),
        )
        # The card as it will be read back: this is where its bounds are checked.
        card = msgspec.json.decode(msgspec.json.encode(card), type=ModelCard)
    except (ValueError, msgspec.MsgspecError) as error:
        raise ModelError(f"the checkpoint doesn't make a valid card: {error}") from error
    ModelSession(model, card)
    write_model(output, model, card)
    return card


def to_onnx(network: nn.Module, width: int) -> bytes:
    """The ONNX file of a network in evaluation mode, batch and time free.

    Its inputs are ``sequence (batch, time, width)`` and, where the network reads it, ``presence (batch, time, 2)``.
    """
    file = io.BytesIO()
    reads_presence = not isinstance(network, TrimmedLegacyGRU)
    names = [SEQUENCE, PRESENCE] if reads_presence else [SEQUENCE]
    # Two windows of three frames: a batch of one would let the exporter take 1 for a constant.
    example = (torch.zeros(2, 3, width), torch.ones(2, 3, 2))[: len(names)]
    with warnings.catch_warnings():
        # torch's newer exporter unrolls or refuses a GRU of free length; its forerunner, which keeps it as one ONNX
        # GRU node, says on every call that it is the older one, and that it can't follow the shape checks of nn.GRU.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(),
            example,
            file,  # type: ignore[arg-type] # the older exporter writes to open files too
            dynamo=False,
            input_names=names,
            output_names=[LOGITS],
            dynamic_axes={**{name: {0: "batch", 1: "time"} for name in names}, LOGITS: {0: "batch"}},
            opset_version=OPSET,
        )
    return file.getvalue()


def check_parity(
    model: bytes,
    network: nn.Module,
    width: int,
    shapes: Sequence[tuple[int, int]] = PARITY_SHAPES,
) -> float:
    """Largest difference of ONNX Runtime's logits from torch's, over random hands of ``(batch, time)`` shapes.

    Raises:
        ExportError: it is 1e-5 or more.
    """
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    draw = np.random.default_rng(0)
    differences = []
    for batch, time in shapes:
        window, presence = random_hands(batch, time, width, draw)
        with torch.no_grad():
            expected = network(torch.from_numpy(window), torch.from_numpy(presence)).numpy()
        feed = {SEQUENCE: window, PRESENCE: presence}
        (found,) = session.run(None, {name: feed[name] for name in names})
        differences.append(np.abs(found - expected).max())
    worst = float(np.max(differences))
    if not worst < PARITY:
        raise ExportError(f"ONNX Runtime's logits differ from torch's by {worst:.3g}, expected less than {PARITY}")
    return worst


def random_hands(
    batch: int, time: int, width: int, draw: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Wandering hands ``(batch, time, width)`` and their presence; about one hand in four is absent."""
    centre = draw.uniform(0.2, 0.8, (batch, 1, 2, 1, 1)) + draw.normal(0, 0.02, (batch, time, 2, 1, 1)).cumsum(1)
    shape = draw.normal(0, 0.05, (batch, 1, 2, 21, width // 42)) + draw.normal(
        0, 0.005, (batch, time, 2, 21, width // 42)
    )
    presence = (draw.random((batch, time, 2)) < 0.75).astype(np.float32)
    hands = ((centre + shape) * presence[..., None, None]).astype(np.float32)
    return hands.reshape(batch, time, width), presence


def made_input(use_z: bool, hand_box: bool, frames: int) -> Array:
    """The golden input: a made window (no person was recorded), prepared as the card asks of clients."""
    draw = np.random.default_rng(0)
    window = make_window(GESTURES["made-clap"], Signer.drawn(draw), frames, draw)
    window = window if use_z else drop_z(window)
    return (hand_box_normalise(window) if hand_box else window).round(5)


def short(values: Array) -> list[object]:
    """Nested lists of numbers rounded to 5 decimals, which a card's tolerance doesn't see."""
    rounded: list[object] = values.astype(np.float64).round(5).tolist()
    return rounded


def card_name(path: Path) -> str:
    """A card's name from a file's: lower case letters, digits, ``-`` and ``_``."""
    return re.sub(r"[^a-z0-9_-]+", "-", path.stem.lower()).strip("-_")[:64] or "gesture"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: exits with 1 and one sentence when it can't."""
    parser = argparse.ArgumentParser(prog="python -m training.export_onnx", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--checkpoint", type=Path, required=True, help=".ckpt of train_gru, or the source system's .pt")
    parser.add_argument("--output", type=Path, required=True, help="the .onnx file; card.json goes beside it")
    parser.add_argument("--name", help="the model's name in its card (default: the checkpoint's file name)")
    parser.add_argument("--evaluation", type=Path, help="JSON file of training.evaluate --output, for the card")
    parser.add_argument("--note", default="", help="what else the card's description should say")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    logging.getLogger("torch").setLevel(logging.ERROR)
    try:
        if is_shot_checkpoint(options.checkpoint):
            figures = read_evaluation(options.evaluation, "shot") if options.evaluation else ()
            name = options.name or "shot"
            card = export_shot(options.checkpoint, options.output, name=name, note=options.note, evaluation=figures)
            print(f"{options.output}: {card.num_classes} labels, SHA-256 {card.sha256}")  # noqa: T201 - as below
            return
        checkpoint = read_checkpoint(options.checkpoint)
        card = export(
            checkpoint,
            options.output,
            name=options.name or card_name(options.checkpoint),
            note=options.note,
            evaluation=read_evaluation(options.evaluation, checkpoint.architecture) if options.evaluation else (),
        )
    except (CheckpointError, ShotCheckpointError, ExportError, ModelError, OSError) as error:
        sys.exit(" ".join(str(error).split()))
    print(f"{options.output}: {card.num_classes} labels, SHA-256 {card.sha256}")  # noqa: T201 - the command's answer


def read_evaluation(path: Path, architecture: str) -> tuple[Evaluation, ...]:
    """The figures of one architecture that ``training.evaluate --output`` wrote.

    Raises:
        ExportError: the file isn't such a file, or has no figures of that architecture.
    """
    try:
        figures = msgspec.json.decode(path.read_bytes(), type=dict[str, tuple[Evaluation, ...]])
    except msgspec.MsgspecError as error:
        raise ExportError(f"{path} is no file of training.evaluate --output: {error}") from error
    if architecture not in figures:
        raise ExportError(f"{path} has figures of {sorted(figures)}, expected some of {architecture}")
    return figures[architecture]


if __name__ == "__main__":
    main()
