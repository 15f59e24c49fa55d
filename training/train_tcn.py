"""Train the network for shots on labelled windows.

    python -m training.train_tcn --data_dir made_shots --max_epochs 20 --batch_size 16

reads ``DIR/train/*.json`` and ``DIR/val/*.json``, writes checkpoints and logs (CSV, TensorBoard) under
``--storage_path`` and prints the checkpoint of the best epoch with its figures on ``val``. Binary cross-entropy for
labels, Smooth L1 for ite and delay_ms; what nobody labelled in a window is left out.
"""

import argparse
import datetime
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from landmarks.models.card import Training
from training.data.shot_windows import ShotDataError, read_split
from training.engine.reproducible_command import reproducible_command, whole_number
from training.engine.shot_checkpoints import ShotCheckpointError, read_validation
from training.engine.shot_module import CLIP, fit
from training.engine.trainer import RunError, TrainingRun


def main(arguments: Sequence[str] | None = None) -> str:
    """Command line; returns the checkpoint to export, a path or URI."""
    options = _parser().parse_args(arguments)
    command = reproducible_command("training.train_tcn", arguments)
    torch.set_num_threads(options.threads)
    try:
        train, val = read_split(options.data_dir)
        settings = {name: getattr(options, name) for name in ("seed", "batch_size", "max_epochs")}
        settings |= {"architecture": "shot", "data": f"{train.digest}, {val.digest}"}
        run = TrainingRun(options.storage_path, settings)
        last = run.last_checkpoint() if options.resume else None
        if not options.resume:
            run.clear_checkpoints()
        training = Training(
            data=options.data_name or options.data_dir.resolve().name,
            licence=options.licence,
            split=f"the data's own: {len(train)} windows to train, {len(val)} to choose the epoch",
            command=command,
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        )
        trainer = run.trainer(max_epochs=options.max_epochs, clip=CLIP, patience=None, validates=True, placement={})
        fit(
            train,
            val,
            seed=options.seed,
            batch_size=options.batch_size,
            trainer=trainer,
            training=training,
            resume_from=last,
        )
        best = run.best_checkpoint(validates=True)
        epoch, figures = read_validation(best)
    except (ShotDataError, ShotCheckpointError, RunError) as error:
        sys.exit(f"train_tcn: {error}")
    loss = figures.pop("val_loss")
    lines = [f"{best}: validation loss {loss:.4f} in epoch {epoch}"]
    lines += [f"  {name.removeprefix('val_')} {value:.3f}" for name, value in figures.items()]
    sys.stdout.write("\n".join([*lines, best, ""]))
    return best


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.train_tcn", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data_dir", type=Path, required=True, help="folder with train and val")
    parser.add_argument("--max_epochs", type=whole_number(1), default=20)
    parser.add_argument("--batch_size", type=whole_number(1), default=16)
    parser.add_argument("--seed", type=whole_number(0), default=0)
    parser.add_argument("--storage_path", default="runs/shot", help="folder or fsspec URI of checkpoints and logs")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint there, if there is one")
    parser.add_argument("--threads", type=whole_number(1), default=1, help="CPU threads of torch")
    parser.add_argument("--data_name", help="what the card calls the data (default: the folder's name)")
    parser.add_argument("--licence", default="not stated", help="the data's licence, for the card")
    return parser


if __name__ == "__main__":
    main()
