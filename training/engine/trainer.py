"""A training run on disk: its checkpoints and logs, when it stops, and how it goes on after a kill.

``training.engine.task`` makes one, or one in each worker of Ray Train. Knows nothing of data.
Checkpoints are read with ``weights_only``: a run never unpickles what lies in its folder.
"""

import logging
import math
import sys
import warnings
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

import fsspec
import lightning as L
import torch
from fsspec.implementations.local import LocalFileSystem
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from training.networks.architectures import resolve_architecture

BEST: Final = "best.ckpt"
LAST: Final = "last.ckpt"
# Few people are kept back, and several epochs get the same windows right: the loss still tells them apart.
MONITOR: Final = "val_loss"


class RunError(Exception):
    """A run can't go on from its last checkpoint; the message says what differs."""


class TrainingRun:
    """One run, in a folder or at an fsspec URI: ``best.ckpt``, ``last.ckpt``, ``csv/`` and ``tensorboard/``.

    Args:
        storage_path: the folder or URI; a relative folder counts from the working directory.
        settings: plain values that make the run what it is; it resumes with the same ones only.
        validates: whether people are kept back, so that there is a best epoch.
    """

    def __init__(self, storage_path: str, settings: Mapping[str, Any], *, validates: bool = True) -> None:
        files, path = fsspec.url_to_fs(storage_path)  # a relative folder and file:// come back as an absolute folder
        self.storage: str = path if isinstance(files, LocalFileSystem) else storage_path.rstrip("/")
        self.settings, self.validates = dict(settings), validates

    @property
    def best_checkpoint(self) -> str:
        """The best epoch on the people kept back, or the last epoch where nobody is."""
        return f"{self.storage}/{BEST if self.validates else LAST}"

    def read_validation(self) -> tuple[int, dict[str, float]]:
        """The epoch of the best checkpoint, counted from 1, and what its module put there as ``validation``.

        Raises:
            RunError: it isn't there, or holds no metrics.
        """
        try:
            content = _read(self.best_checkpoint)
            return int(content["epoch"]) + 1, {"val_loss": math.nan, **content["validation"]}
        except Exception as error:  # torch and each file system raise their own
            raise RunError(f"{self.best_checkpoint} has no metrics of a validation: {error}") from error

    def clear_checkpoints(self) -> None:
        """Make room for a new run: an earlier one's checkpoints get the next free number, and a line says so.

        Nothing resumes from them then, and nothing is lost: ``best.ckpt`` becomes ``best-1.ckpt``.

        Raises:
            RunError: they can't be moved.
        """
        files, folder = fsspec.url_to_fs(self.storage)
        try:
            there = [name for name in (BEST, LAST) if files.exists(f"{folder}/{name}")]
            if not there:
                return
            number = next(
                n for n in count(1) if not any(files.exists(f"{folder}/{_numbered(x, n)}") for x in (BEST, LAST))
            )
            for name in there:
                files.mv(f"{folder}/{name}", f"{folder}/{_numbered(name, number)}")
        except Exception as error:  # each file system raises its own
            raise RunError(f"the earlier run in {self.storage} can't be moved aside: {error}") from error
        moved_to = " and ".join(f"{self.storage}/{_numbered(name, number)}" for name in there)
        sys.stderr.write(f"{self.storage} holds an earlier run, which is kept as {moved_to}\n")

    def last_checkpoint(self) -> str | None:
        """Where to go on from, or None at the start.

        Raises:
            RunError: the checkpoint can't be read, or belongs to a run with other settings.
        """
        last = f"{self.storage}/{LAST}"
        files, path = fsspec.url_to_fs(last)
        if not files.exists(path):
            return None
        try:
            found = dict(_read(last)["run"])
        except KeyError as error:
            raise RunError(
                f"{last} can't be resumed from: it states no run's settings; start without --resume"
            ) from error
        except Exception as error:  # torch and each file system raise their own
            raise RunError(f"{last} can't be resumed from: {error}") from error
        if "architecture" in found:
            found["architecture"] = resolve_architecture(found["architecture"])
        for key, value in self.settings.items():
            if found.get(key) != value:
                raise RunError(f"{last} was trained with {key} = {found.get(key)}, expected {value}, as asked for now")
        return last

    def trainer(
        self, *, max_epochs: int, gradient_clip: float, patience: int | None, trainer_kwargs: Mapping[str, Any]
    ) -> L.Trainer:
        """The Lightning trainer of this run.

        Args:
            max_epochs: epochs, at most.
            gradient_clip: largest norm of the gradient.
            patience: epochs without a lower ``val_loss`` after which it stops; None goes to the end.
            trainer_kwargs: keyword arguments of ``L.Trainer`` that say where it runs; none for this process.
        """
        silence_lightning_warnings()
        callbacks: list[L.Callback] = [RunSettings(self.settings)]
        # Best before last: a run that is killed between the two does that epoch again, and loses no best.
        callbacks += [self._checkpoint(BEST, MONITOR)] if self.validates else []
        callbacks.append(self._checkpoint(LAST, None))
        if self.validates and patience is not None:
            callbacks.append(EarlyStopping(MONITOR, patience=patience, check_on_train_epoch_end=True))
        is_terminal = sys.stdout.isatty()
        return L.Trainer(
            max_epochs=max_epochs,
            accelerator="cpu",
            gradient_clip_val=gradient_clip,
            callbacks=callbacks if is_terminal else [*callbacks, EpochLogger()],
            logger=[CSVLogger(self.storage, name="csv"), TensorBoardLogger(self.storage, name="tensorboard")],
            log_every_n_steps=10,
            enable_model_summary=False,
            enable_progress_bar=is_terminal,
            **trainer_kwargs,
        )

    def _checkpoint(self, name: str, monitor: str | None) -> ModelCheckpoint:
        return ModelCheckpoint(
            dirpath=self.storage,
            filename=name.removesuffix(".ckpt"),
            monitor=monitor,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )


class RunSettings(L.Callback):
    """Puts a run's settings into its checkpoints, as ``run``."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = dict(settings)

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["run"] = self.settings


class EpochLogger(L.Callback):
    """A line an epoch on standard error, where a progress bar would fill a job's log with its redrawings."""

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.is_global_zero:
            metrics = " ".join(f"{name} {float(value):.4f}" for name, value in sorted(trainer.logged_metrics.items()))
            # Not print: Ray Train shows what a worker prints twice.
            sys.stderr.write(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs} {metrics}\n")


def _read(checkpoint: str) -> dict[str, Any]:
    with fsspec.open(checkpoint, "rb") as file:
        content: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    return content


def _numbered(name: str, number: int) -> str:
    return name.replace(".", f"-{number}.")


def silence_lightning_warnings() -> None:
    """Keep Lightning's advertisements and its advice for larger data sets out of the log."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    # One process reads a data set that fits in memory: more workers would only copy it.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # The folder is the run's own: `clear_checkpoints` has moved an earlier one aside, or the run goes on.
    warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")  # Lightning's own code
