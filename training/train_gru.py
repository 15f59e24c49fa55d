"""Train a recurrent gesture network.

    python -m training.train_gru --data_dir "$HELEN_DATA_DIR/asl_coffee_hands" --max_epochs 15 --batch_size 64

is the training that was measured. Writes checkpoints and logs (CSV, TensorBoard) under ``--storage_path`` and prints
the checkpoint to export. By default a person or session is kept back for validation; ``evaluate`` is what measures.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import fsspec

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from training.command_line import reproducible_command
from training.data.background import mix_in_background
from training.data.frame_rates import MIN_SEQ_LEN, SEQ_LEN
from training.data.recordings import (
    add_other_signs,
    parse_other_signs,
    read_grouped,
    read_split,
    read_windows,
)
from training.data.windows import GROUPS, SPLITS, DataError, Split, Windows, split_windows
from training.engine.checkpoints import CheckpointMetadata, read_checkpoint
from training.engine.config import CONFIGS
from training.engine.gesture_module import GestureModule, build_network, to_dataset, to_training_dataset
from training.engine.static_negatives import explain_no_static_negatives
from training.engine.task import TrainingTask, add_training_flags, run_task
from training.engine.trainer import RunError
from training.evaluation.summary import summarise
from training.networks.architectures import resolve_architecture


@dataclass(frozen=True)
class Data:
    """What to train on, what to validate on, and the split in words, for the card."""

    train: Windows
    validation: Windows | None
    split: str


def main(arguments: Sequence[str] | None = None) -> str:
    """Command line; returns the checkpoint to export, a path or URI."""
    options = _parser().parse_args(arguments)
    try:
        run = run_task(prepare, options, reproducible_command("training.train_gru", arguments))
        describe_result(run.best_checkpoint, options)
    except (DataError, RunError) as error:
        sys.exit(str(error))
    print(run.best_checkpoint)  # noqa: T201 - the command's answer
    return run.best_checkpoint


def describe_result(checkpoint: str, options: argparse.Namespace) -> None:
    """Write what the trained network does with what it wasn't trained on."""
    config, data = CONFIGS[options.architecture], choose_data(options)
    with tempfile.TemporaryDirectory() as folder, fsspec.open(checkpoint, "rb") as stored:
        copy = Path(folder) / "best.ckpt"
        copy.write_bytes(stored.read())
        network = read_checkpoint(copy).network
    for line in summarise(network, config, data.train, data.validation):
        sys.stderr.write(f"{line}\n")


def prepare(options: argparse.Namespace) -> TrainingTask:
    """What the command trains.

    Raises:
        DataError: as ``choose_data``.
    """
    config = CONFIGS[options.architecture]
    data = choose_data(options)
    reason = explain_no_static_negatives(data.train)
    sys.stderr.write(f"hands held still are {'not ' * bool(reason)}taught as none{': ' * bool(reason)}{reason}\n")
    train, labels = data.train, data.train.class_labels
    return TrainingTask(
        build=lambda training: GestureModule(
            build_network(config, train),
            config,
            train,
            options.seed,
            CheckpointMetadata(
                class_labels=labels,
                seq_len=SEQ_LEN,
                min_seq_len=MIN_SEQ_LEN,
                use_z=False,
                normalization=config.normalization,
                training=training,
            ),
        ),
        train=to_training_dataset(train, config),
        validation=None if data.validation is None else to_dataset(data.validation, config, for_augmentation=False),
        split=data.split,
        settings={
            "architecture": config.architecture,
            "split": data.split,
            "windows": len(train),
            "class_labels": list(labels),
            "other_labels": list(train.other_labels),
            "data": train.digest,
        },
        gradient_clip=config.gradient_clip,
    )


def choose_data(options: argparse.Namespace) -> Data:
    """What a command line trains on: the folder's windows, other signs told from them, and else the background.

    Raises:
        DataError: as ``read_data`` and ``add_other_signs``.
    """
    data = read_data(options.data_dir, options.split, options.seed)
    train, validation, split = data.train, data.validation, data.split
    if options.labels or options.others:
        train = add_other_signs(train, options.labels, options.others)
        folders = ", ".join(other.folder.name for other in options.others)
        split += f"; {len(train)} windows with those of {folders}" if folders else ""
    elif options.background:
        train = mix_in_background(train)
    if validation is not None:
        validation = validation.relabel(train.class_labels)
    return Data(train, validation, split)


def read_data(data_dir: Path, split: Split | None, seed: int) -> Data:
    """Read a folder and keep people back: as its folders ``train`` and ``val`` say, else as ``split`` does.

    Without a split the first of signer and session is taken that has at least two groups.

    Raises:
        DataError: unreadable data, or data that can't be split as asked.
    """
    if (data_dir / "train").is_dir():
        if split is not None:
            raise DataError(f"{data_dir} has the folder train, so its own split counts: leave --split out")
        train, validation = read_split(data_dir)
        return Data(train, validation, _describe_split("its folders", train, validation))
    if split in GROUPS:
        windows = read_windows(data_dir, split, fit_model=True)
    else:
        windows = read_grouped(data_dir)
        split = split or next((each for each in SPLITS if each == windows.grouped_by), None)
        if split is None:
            raise DataError("the data names no signer or session, so --split must say random or none")
    train, kept_back = split_windows(windows, split, seed)
    return Data(train, kept_back, _describe_split(split, train, kept_back))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.train_gru", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--data_dir", type=Path, required=True, help="folder of .npz windows, or of folders train and val with such"
    )
    parser.add_argument(
        "--labels", type=lambda text: text.split(","), help="what to recognise, as a,b,none (default: every label)"
    )
    parser.add_argument(
        "--others",
        type=parse_other_signs,
        nargs="+",
        default=(),
        metavar="FOLDER[:LABEL,...]",
        help="recordings of other signs, which are told from the labels and answered with none;"
        " behind the colon those that are the same signs, as LABEL or LABEL=NAME",
    )
    parser.add_argument("--architecture", type=resolve_architecture, choices=tuple(CONFIGS), default="ensemble")
    parser.add_argument(
        "--split",
        choices=SPLITS,
        help="what is kept back for validation (default: signer or session, as the data has it; none trains on all)",
    )
    parser.add_argument(
        "--no_background",
        dest="background",
        action="store_false",
        help="don't mix in the movements that ship with Helen as none",
    )
    add_training_flags(parser, storage_path="runs/gesture", patience=10)
    return parser


def _describe_split(split: str, train: Windows, validation: Windows | None) -> str:
    if validation is None:
        return f"none: trained on all {len(train)} windows of {', '.join(train.groups)}"
    if split == "random":
        counts = f"{len(train)} windows to train, {len(validation)} to validate"
        return f"random: {counts}, people not kept apart: its figures say nothing about people never seen"
    return f"by {split}: trained on {', '.join(train.groups)}; validated on {', '.join(validation.groups)}"


if __name__ == "__main__":
    main()
