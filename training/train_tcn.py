"""Train the network for shots on labelled windows.

    python -m training.train_tcn --data_dir made_shots --max_epochs 20 --batch_size 16

reads ``DIR/train/*.json`` and ``DIR/val/*.json``, writes checkpoints and logs (CSV, TensorBoard) under
``--storage_path`` and prints the checkpoint of the best epoch with its metrics on ``val``. Binary cross-entropy for
labels, Smooth L1 for ite and delay_ms; what nobody labelled in a window is left out.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from training.command_line import make_parser, reproducible_command
from training.data.shot_windows import ShotDataError, read_split
from training.engine.shot_module import GRADIENT_CLIP, ShotModule, to_dataset
from training.engine.task import TrainingTask, add_training_flags, run_task
from training.engine.trainer import RunError
from training.networks.architectures import SHOT
from training.networks.shot_tcn import ShotTCN


def main(arguments: Sequence[str] | None = None) -> str:
    """Command line; returns the checkpoint to export, a path or URI."""
    parser = make_parser("train_tcn", __doc__)
    parser.add_argument("--data_dir", type=Path, required=True, help="folder with train and val")
    add_training_flags(parser, storage_path="runs/shot", patience=None)
    options = parser.parse_args(arguments)
    try:
        run = run_task(prepare, options, reproducible_command("training.train_tcn", arguments))
        epoch, metrics = run.read_validation()
    except (ShotDataError, RunError) as error:
        sys.exit(f"train_tcn: {error}")
    best, loss = run.best_checkpoint, metrics.pop("val_loss")
    lines = [f"{best}: validation loss {loss:.4f} in epoch {epoch}"]
    lines += [f"  {name.removeprefix('val_')} {value:.3f}" for name, value in metrics.items()]
    sys.stdout.write("\n".join([*lines, best, ""]))
    return best


def prepare(options: argparse.Namespace) -> TrainingTask:
    """What the command trains.

    Raises:
        ShotDataError: the data can't be used.
    """
    train, validation = read_split(options.data_dir)
    return TrainingTask(
        build=lambda training: ShotModule(ShotTCN(), training, options.seed),
        train=to_dataset(train),
        validation=to_dataset(validation),
        split=f"the data's own: {len(train)} windows to train, {len(validation)} to choose the epoch",
        settings={"architecture": SHOT, "data": f"{train.digest}, {validation.digest}"},
        gradient_clip=GRADIENT_CLIP,
    )


if __name__ == "__main__":
    main()
