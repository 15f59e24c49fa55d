"""What the training commands share: their flags, and the run of one task in this process or in workers of Ray Train.

``train_gru`` and ``train_tcn`` say what is trained on what; resuming, early stopping, checkpoints and logs are here and
in ``training.engine.trainer``.
"""

import argparse
import datetime
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import TensorDataset

from landmarks.models.card import Training
from training.command_line import number, whole_number
from training.engine.module import TrainingModule, fit
from training.engine.trainer import TrainingRun


@dataclass(frozen=True)
class TrainingTask:
    """What one command trains.

    ``build`` makes the module from where its weights come from; ``split`` says in words what is kept back;
    ``settings`` are those that a run is resumed with only, beside the seed, the batch size and the epochs.
    """

    build: Callable[[Training], TrainingModule]
    train: TensorDataset
    validation: TensorDataset | None
    split: str
    settings: Mapping[str, Any]
    gradient_clip: float


def add_training_flags(parser: argparse.ArgumentParser, *, storage_path: str, patience: int | None) -> None:
    """Add the flags of every training command."""
    parser.add_argument("--max_epochs", type=whole_number(1), default=20)
    parser.add_argument("--batch_size", type=whole_number(1), default=16, help="windows a step, over all workers")
    parser.add_argument("--seed", type=whole_number(0), default=0)
    parser.add_argument(
        "--storage_path", "--output_dir", default=storage_path, help="folder or fsspec URI of checkpoints and logs"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint there, if there is one")
    parser.add_argument(
        "--patience",
        type=whole_number(1),
        default=patience,
        help=f"stop after so many epochs that validate no better (default: {patience or 'never'})",
    )
    parser.add_argument(
        "--num_workers", type=whole_number(1), default=1, help="processes; more than 1 run on Ray Train"
    )
    parser.add_argument(
        "--cpus_per_worker", type=number(0.0001, 1000), default=1.0, help="Ray's CPU shares for each of several workers"
    )
    parser.add_argument("--threads", type=whole_number(1), default=1, help="CPU threads of torch")
    parser.add_argument("--data_name", help="what the card calls the data (default: the folder's name)")
    parser.add_argument("--licence", default="not stated", help="the data's licence, for the card")


def run_task(
    prepare: Callable[[argparse.Namespace], TrainingTask], options: argparse.Namespace, command: str
) -> TrainingRun:
    """Train what ``prepare`` makes of the command's options; returns the run, which is over.

    Raises:
        RunError: the run can't go on from its last checkpoint, or an earlier one can't be moved aside.
    """
    task = prepare(options)
    sys.stderr.write(f"split {task.split}\n")
    run = _open_run(task, options)
    if options.resume:
        run.last_checkpoint()  # refuses here what the workers would stumble over
    else:
        run.clear_checkpoints()
    if options.num_workers == 1:
        _train(task, options, command, {})
    else:
        from training.engine.distributed import run_distributed  # takes seconds to import; one worker needs none of it

        run_distributed(
            lambda trainer_kwargs: _train(prepare(options), options, command, trainer_kwargs),
            num_workers=options.num_workers,
            cpus_per_worker=options.cpus_per_worker,
            storage=run.storage,
        )
    return run


def _train(task: TrainingTask, options: argparse.Namespace, command: str, trainer_kwargs: Mapping[str, Any]) -> None:
    """Train in this process, from the run's last checkpoint where there is one."""
    torch.set_num_threads(options.threads)
    run, data_dir = _open_run(task, options), Path(options.data_dir)
    training = Training(
        data=options.data_name or data_dir.resolve().name,
        licence=options.licence,
        split=task.split,
        command=command,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )
    trainer = run.trainer(
        max_epochs=options.max_epochs,
        gradient_clip=task.gradient_clip,
        patience=options.patience,
        trainer_kwargs=trainer_kwargs,
    )
    fit(
        partial(task.build, training),
        task.train,
        task.validation,
        seed=options.seed,
        batch_size=options.batch_size,
        trainer=trainer,
        resume_from=run.last_checkpoint(),
    )


def _open_run(task: TrainingTask, options: argparse.Namespace) -> TrainingRun:
    settings = {name: getattr(options, name) for name in ("seed", "batch_size", "max_epochs")}
    return TrainingRun(options.storage_path, settings | dict(task.settings), validates=task.validation is not None)
