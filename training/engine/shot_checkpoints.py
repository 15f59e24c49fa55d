"""Checkpoints of the shot network, and the model file that they become: ONNX ``x → logits, preds`` and its card.

``train_tcn`` writes checkpoints, ``export_onnx`` calls ``export_shot`` for them. Nothing is unpickled.
"""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import fsspec
import msgspec
import numpy as np
import onnxruntime as ort
import torch

from landmarks.models.card import (
    Evaluation,
    ModelCard,
    ModelError,
    Training,
)
from landmarks.models.session import ModelSession
from landmarks.pose import POSE_POINTS
from landmarks.protocol.tensors import LOGITS, POSES, PREDS
from training.engine.shot_card import make_shot_card
from training.engine.whole_files import write_model
from training.networks.shot_tcn import ShotTCN, ShotTCNConfig

MARK: Final = "helen_shot"
PREFIX: Final = "network."
OPSET: Final = 17
PARITY: Final = 1e-3  # of delay_ms, whose size is hundreds; the logits' is held to a hundredth of it
PARITY_SHAPES: Final = ((1, 1), (1, 21), (3, 22), (2, 120))


class ShotCheckpointError(Exception):
    """A file isn't a checkpoint of the shot network; the message says what was found."""


def describe_shot_network(network: ShotTCN, training: Training) -> dict[str, Any]:
    """What a checkpoint holds beside its weights, which are ``state_dict`` with the prefix ``PREFIX``."""
    return {MARK: {"config": network.config.plain(), "training": msgspec.to_builtins(training)}}


def write_shot_checkpoint(network: ShotTCN, training: Training, path: Path) -> None:
    """Write a checkpoint: the config, the weights and where they come from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {f"{PREFIX}{name}": value for name, value in network.state_dict().items()}
    torch.save({**describe_shot_network(network, training), "state_dict": weights}, path)


def read_validation(checkpoint: str) -> tuple[int, dict[str, float]]:
    """The epoch, counted from 1, that ``train_tcn`` wrote at a path or URI, and its figures, ``val_loss`` among them.

    Raises:
        ShotCheckpointError: it isn't there, or isn't such a checkpoint.
    """
    try:
        with fsspec.open(checkpoint, "rb") as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
        return int(content["epoch"]) + 1, {"val_loss": float("nan"), **content["validation"]}
    except Exception as error:  # torch and each file system raise their own
        raise ShotCheckpointError(f"{checkpoint} has no figures of a validation: {error}") from error


def is_shot_checkpoint(path: Path) -> bool:
    """Whether a file is a checkpoint of the shot network, as far as can be told from its content."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # a damaged file raises whatever its damage makes it raise; whose checkpoint it is, is not known
        return False
    return isinstance(content, dict) and MARK in content


def read_shot_checkpoint(path: Path) -> tuple[ShotTCN, Training]:
    """The network, ready to answer, and where its weights come from.

    Raises:
        ShotCheckpointError: it isn't one, or its weights don't fit its config.
    """
    if not is_shot_checkpoint(path):
        raise ShotCheckpointError(f"{path} is not a checkpoint of train_tcn")
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    try:
        network = ShotTCN(ShotTCNConfig(**content[MARK]["config"]))
        # Earlier versions of train_tcn wrote the weights as ``state``, without a prefix.
        weights = content.get("state") or {
            name.removeprefix(PREFIX): value for name, value in content["state_dict"].items()
        }
        network.load_state_dict(weights)
        training = msgspec.convert(content[MARK]["training"], Training)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ShotCheckpointError(f"{path} is damaged: {error}") from error
    return network.eval(), training


def export_shot(
    checkpoint: Path, output: Path, *, name: str, note: str = "", evaluation: Sequence[Evaluation] = ()
) -> ModelCard:
    """Write ``output`` and the ``card.json`` beside it, and return the card.

    Raises:
        ShotCheckpointError: as ``read_shot_checkpoint``.
        ModelError: ONNX Runtime answers otherwise than torch, or the file doesn't load as the service would load it.
    """
    network, training = read_shot_checkpoint(checkpoint)
    model = to_onnx(network)
    check_parity(model, network)
    card = make_shot_card(
        model,
        name=name,
        description=f"Labels, ite and delay_ms of a basketball shot, from poses at 30 frames a second. {note}".strip(),
        training=training,
        evaluation=evaluation,
    )
    ModelSession(model, card)
    write_model(output, model, card)
    return card


def to_onnx(network: ShotTCN) -> bytes:
    """The ONNX file of a network in evaluation mode; batch and time are free."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says on every call that this is its older exporter
        torch.onnx.export(
            network.eval(),
            (torch.rand(2, 21, POSE_POINTS, 3),),
            file,  # type: ignore[arg-type] # the older exporter writes to open files too
            dynamo=False,
            input_names=[POSES],
            output_names=[LOGITS, PREDS],
            dynamic_axes={POSES: {0: "batch", 1: "time"}, LOGITS: {0: "batch"}, PREDS: {0: "batch"}},
            opset_version=OPSET,
        )
    return file.getvalue()


def check_parity(model: bytes, network: ShotTCN, shapes: Sequence[tuple[int, int]] = PARITY_SHAPES) -> None:
    """Compare ONNX Runtime with torch on random poses of ``(batch, time)`` shapes.

    Raises:
        ModelError: they differ by more than ``PARITY`` in ``preds``, or a hundredth of it in ``logits``.
    """
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    draw = np.random.default_rng(0)
    for batch, time in shapes:
        poses = draw.random((batch, time, POSE_POINTS, 3)).astype(np.float32)
        with torch.no_grad():
            expected = network(torch.from_numpy(poses))
        found = session.run([LOGITS, PREDS], {POSES: poses})
        for name, ours, theirs, limit in zip((LOGITS, PREDS), found, expected, (PARITY / 100, PARITY), strict=True):
            difference = float(np.abs(ours - theirs.numpy()).max())
            if not difference < limit:
                raise ModelError(f"ONNX Runtime's {name} differ from torch's by {difference:.3g}, expected < {limit}")
