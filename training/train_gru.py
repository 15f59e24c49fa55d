"""Train a recurrent gesture network.

    python -m training.train_gru --data_dir "$HELEN_DATA_DIR/asl_coffee_hands" --max_epochs 15 --batch_size 64

is the recipe that was measured. Writes checkpoints and logs (CSV, TensorBoard) under ``--output_dir`` and prints the
checkpoint to export. By default a person or session is kept back for validation; ``evaluate`` is what measures.
"""

import argparse
import datetime
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from training.command import shown_command
from training.datasets import SPLITS, DataError, Windows, read_windows, split_windows
from training.recipe import RECIPES, fit

SEQ_LEN = 30
MIN_SEQ_LEN = 6


def main(arguments: Sequence[str] | None = None) -> Path:
    """Command line; returns the checkpoint to export."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    # One process reads a data set that fits in memory: more workers would only copy it.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    try:
        windows = read_windows(options.data_dir)
        split = options.split or (windows.grouped_by if windows.grouped_by in SPLITS else None)
        if split is None:
            raise DataError("the data names no signer or session, so --split must say random or none")
        train, validation = split_windows(windows, split, options.seed)
    except DataError as error:
        sys.exit(str(error))
    recipe = RECIPES[options.architecture]
    about = {
        "class_labels": list(windows.class_labels),
        "seq_len": SEQ_LEN,
        "min_seq_len": MIN_SEQ_LEN,
        "use_z": False,
        "training": {
            "data": options.data_name or options.data_dir.resolve().name,
            "licence": options.licence,
            "split": _split_in_words(split, train, validation),
            "command": shown_command("training.train_gru", arguments),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        },
    }
    best = ModelCheckpoint(
        dirpath=options.output_dir,
        filename="best",
        monitor="val_accuracy" if validation is not None else None,
        mode="max",
        save_last=True,
        enable_version_counter=False,
    )
    trainer = L.Trainer(
        max_epochs=options.max_epochs,
        accelerator="cpu",
        gradient_clip_val=recipe.clip,
        callbacks=[best],
        logger=[CSVLogger(options.output_dir, name="csv"), TensorBoardLogger(options.output_dir, name="tensorboard")],
        log_every_n_steps=10,
        enable_model_summary=False,
    )
    fit(recipe, train, validation, seed=options.seed, batch_size=options.batch_size, trainer=trainer, about=about)
    print(best.best_model_path)  # noqa: T201 - the command's answer
    return Path(best.best_model_path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.train_gru", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data_dir", type=Path, required=True, help="folder of .npz windows")
    parser.add_argument("--max_epochs", type=int, default=20)
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--architecture", choices=tuple(RECIPES), default="recipe")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--split",
        choices=SPLITS,
        help="what is kept back for validation (default: signer or session, as the data has it; none trains on all)",
    )
    parser.add_argument("--output_dir", type=Path, default=Path("runs/gesture"), help="checkpoints and logs")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch")
    parser.add_argument("--data_name", help="what the card calls the data (default: the folder's name)")
    parser.add_argument("--licence", default="not stated", help="the data's licence, for the card")
    return parser


def _split_in_words(split: str, train: Windows, validation: Windows | None) -> str:
    if validation is None:
        return f"none: trained on all {len(train)} windows of {', '.join(train.groups)}"
    if split == "random":
        return f"random: {len(train)} windows to train, {len(validation)} to validate, people not kept apart"
    return f"by {split}: trained on {', '.join(train.groups)}; validated on {', '.join(validation.groups)}"


if __name__ == "__main__":
    main()
