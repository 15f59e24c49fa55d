"""Train a recurrent gesture network.

    python -m training.train_gru --data_dir "$HELEN_DATA_DIR/asl_coffee_hands" --max_epochs 15 --batch_size 64

is the recipe that was measured. Writes checkpoints and logs (CSV, TensorBoard) under ``--storage_path`` and prints the
checkpoint to export. By default a person or session is kept back for validation; ``evaluate`` is what measures.
"""

import argparse
import datetime
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from training.data.frame_rates import MIN_SEQ_LEN, SEQ_LEN
from training.data.recordings import (
    GROUPS,
    SPLITS,
    DataError,
    Split,
    Windows,
    read_grouped,
    read_split,
    read_windows,
    split_windows,
)
from training.engine.lightning_module import RECIPES, fit
from training.engine.reproducible_command import positive_number, reproducible_command, whole_number
from training.engine.trainer import RunError, TrainingRun


@dataclass(frozen=True)
class Data:
    """What to train on, what to validate on, and the split in words, for the card."""

    train: Windows
    validation: Windows | None
    split: str


def main(arguments: Sequence[str] | None = None) -> str:
    """Command line; returns the checkpoint to export, a path or URI."""
    options = _parser().parse_args(arguments)
    command = reproducible_command("training.train_gru", arguments)
    try:
        data = read_data(options.data_dir, options.split, options.seed)
        sys.stderr.write(f"split {data.split}\n")
        run = _run(options, data)
        if options.resume:
            run.last_checkpoint()  # refuses here what the workers would stumble over
        else:
            run.clear_checkpoints()
        if options.num_workers == 1:
            train(options, command, {})
        else:
            from training.engine.distributed import (
                run_distributed,  # Ray Train takes seconds to import, and one worker needs none of it
            )

            run_distributed(
                partial(train, options, command),
                num_workers=options.num_workers,
                cpus_per_worker=options.cpus_per_worker,
                storage=run.storage,
            )
    except (DataError, RunError) as error:
        sys.exit(str(error))
    checkpoint = run.best_checkpoint(data.validation is not None)
    print(checkpoint)  # noqa: T201 - the command's answer
    return checkpoint


def train(options: argparse.Namespace, command: str, placement: dict[str, Any]) -> None:
    """Train in this process, from the run's last checkpoint where there is one.

    ``placement`` says which worker this is, as keyword arguments of ``L.Trainer``; it is empty for the only one.
    """
    torch.set_num_threads(options.threads)
    recipe = RECIPES[options.architecture]
    data = read_data(options.data_dir, options.split, options.seed)
    run = _run(options, data)
    about = {
        "class_labels": list(data.train.class_labels),
        "seq_len": SEQ_LEN,
        "min_seq_len": MIN_SEQ_LEN,
        "use_z": False,
        "training": {
            "data": options.data_name or options.data_dir.resolve().name,
            "licence": options.licence,
            "split": data.split,
            "command": command,
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        },
    }
    trainer = run.trainer(
        max_epochs=options.max_epochs,
        clip=recipe.clip,
        patience=options.patience,
        validates=data.validation is not None,
        placement=placement,
    )
    fit(
        recipe,
        data.train,
        data.validation,
        seed=options.seed,
        batch_size=options.batch_size,
        trainer=trainer,
        about=about,
        resume_from=run.last_checkpoint(),
    )


def read_data(data_dir: Path, split: Split | None, seed: int) -> Data:
    """Read a folder and keep people back: as its folders ``train`` and ``val`` say, else as ``split`` does.

    Without a split the first of signer and session is taken that has at least two groups.

    Raises:
        DataError: unreadable data, or data that can't be split as asked.
    """
    if (data_dir / "train").is_dir():
        if split is not None:
            raise DataError(f"{data_dir} has the folder train, so its own split counts: leave --split out")
        train_windows, validation = read_split(data_dir)
        return Data(train_windows, validation, _split_in_words("its folders", train_windows, validation))
    if split in GROUPS:
        windows = read_windows(data_dir, split, fit_model=True)
    else:
        windows = read_grouped(data_dir)
        split = split or next((each for each in SPLITS if each == windows.grouped_by), None)
        if split is None:
            raise DataError("the data names no signer or session, so --split must say random or none")
    train_windows, kept_back = split_windows(windows, split, seed)
    return Data(train_windows, kept_back, _split_in_words(split, train_windows, kept_back))


def _run(options: argparse.Namespace, data: Data) -> TrainingRun:
    settings = {name: getattr(options, name) for name in ("architecture", "seed", "batch_size", "max_epochs")}
    settings |= {"split": data.split, "windows": len(data.train), "class_labels": list(data.train.class_labels)}
    settings["data"] = data.train.digest
    return TrainingRun(options.storage_path, settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.train_gru", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--data_dir", type=Path, required=True, help="folder of .npz windows, or of folders train and val with such"
    )
    parser.add_argument("--max_epochs", type=whole_number(1), default=20)
    parser.add_argument("--batch_size", type=whole_number(1), default=16, help="windows a step, over all workers")
    parser.add_argument("--architecture", choices=tuple(RECIPES), default="ensemble")
    parser.add_argument("--seed", type=whole_number(0), default=0)
    parser.add_argument(
        "--split",
        choices=SPLITS,
        help="what is kept back for validation (default: signer or session, as the data has it; none trains on all)",
    )
    parser.add_argument(
        "--storage_path", "--output_dir", default="runs/gesture", help="folder or fsspec URI of checkpoints and logs"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint there, if there is one")
    parser.add_argument(
        "--patience",
        type=whole_number(1),
        default=10,
        help="stop after so many epochs that validate no better (default: 10)",
    )
    parser.add_argument(
        "--num_workers", type=whole_number(1), default=1, help="processes; more than 1 run on Ray Train"
    )
    parser.add_argument(
        "--cpus_per_worker", type=positive_number, default=1.0, help="Ray's CPU shares for each of several workers"
    )
    parser.add_argument("--threads", type=whole_number(1), default=1, help="CPU threads of torch")
    parser.add_argument("--data_name", help="what the card calls the data (default: the folder's name)")
    parser.add_argument("--licence", default="not stated", help="the data's licence, for the card")
    return parser


def _split_in_words(split: str, train: Windows, validation: Windows | None) -> str:
    if validation is None:
        return f"none: trained on all {len(train)} windows of {', '.join(train.groups)}"
    if split == "random":
        counts = f"{len(train)} windows to train, {len(validation)} to validate"
        return f"random: {counts}, people not kept apart: its figures say nothing about people never seen"
    return f"by {split}: trained on {', '.join(train.groups)}; validated on {', '.join(validation.groups)}"


if __name__ == "__main__":
    main()
