"""A checkpoint becomes a model file that serves: ONNX, and its card with a golden input and output.

    python -m training.export_onnx --checkpoint runs/gesture/best.ckpt --output models/gesture/1/model.onnx

Takes checkpoints of ``train_gru`` and ``train_tcn`` and the source system's ``.pt``, which the service has converted in
a child process. ``training.engine.export`` proves what it writes against torch.
"""

import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import torch

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from landmarks.models.card import Evaluation, ModelError
from training.command_line import make_parser
from training.engine.checkpoints import CheckpointError, read_checkpoint
from training.engine.export import ExportError, export
from training.networks.architectures import SHOT, resolve_architecture


def card_name(path: Path) -> str:
    """A card's name from a file's: lower case letters, digits, ``-`` and ``_``."""
    return re.sub(r"[^a-z0-9_-]+", "-", path.stem.lower()).strip("-_")[:64] or "gesture"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: exits with 1 and one sentence when it can't."""
    parser = make_parser("export_onnx", __doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help=".ckpt of train_gru, or the source system's .pt")
    parser.add_argument("--output", type=Path, required=True, help="the .onnx file; card.json goes beside it")
    parser.add_argument("--name", help="the model's name in its card (default: the checkpoint's file name)")
    parser.add_argument("--evaluation", type=Path, help="JSON file of training.evaluate --output, for the card")
    parser.add_argument("--note", default="", help="what else the card's description should say")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    logging.getLogger("torch").setLevel(logging.ERROR)
    try:
        checkpoint = read_checkpoint(options.checkpoint)
        architecture = checkpoint.architecture
        card = export(
            checkpoint,
            options.output,
            name=options.name or ("shot" if architecture == SHOT else card_name(options.checkpoint)),
            note=options.note,
            evaluation=read_evaluation(options.evaluation, architecture) if options.evaluation else (),
        )
    except (CheckpointError, ModelError, OSError) as error:
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
    figures = {resolve_architecture(name): entries for name, entries in figures.items()}
    if architecture not in figures:
        raise ExportError(f"{path} has figures of {sorted(figures)}, expected some of {architecture}")
    return figures[architecture]


if __name__ == "__main__":
    main()
