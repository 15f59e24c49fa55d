"""Single model files named in ``HELEN_MODEL_PATHS``: an ``.onnx`` with its card, or the source system's ``.pt``.

A ``.pt`` is converted once, by the project's own exporter in a child process: only that process imports torch, it
reads the file with ``weights_only=True``, and what the service then loads is an ONNX file in a cache, named by the
checkpoint's hash. Where the cache can't be written the file is converted at each start.
"""

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from landmarks.models.card import (
    CARD_FILE,
    MODEL_FILE,
    ModelError,
    compute_sha256,
    describe_error,
    read_bounded,
    read_card,
)
from landmarks.models.session import MAX_MODEL_BYTES, ModelSession
from serve_app.models.repository import LoadedModel
from serve_app.settings import PROJECT_ROOT

logger = logging.getLogger(__name__)

CONVERSION_DEADLINE_S = 120


class ModelFile:
    """A single ``.onnx`` or ``.pt`` file as a source with one version."""

    def __init__(self, path: str) -> None:
        self.uri = path
        self._path = Path(path)

    def versions(self) -> list[int]:
        """``[0]`` where something has this name, whether it can be read or not, else nothing.

        Raises:
            ModelError: the path is a URI.
        """
        if "://" in self.uri:
            raise ModelError(f"{self.uri} is a URI, expected a local file: a bucket holds a model repository")
        try:
            self._path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, ValueError):
            pass  # opening it says what is wrong
        return [0]

    def explain_absence(self) -> str:
        """Why there is no version."""
        return "there is no such file"

    def fingerprint(self, version: int) -> str:
        """What changes when the file or its card is replaced."""
        return " ".join(fingerprint_file(path) for path in (self._path, *card_paths(self._path)))

    def open(self, version: int, *, threads: int | None = None) -> LoadedModel:
        """Load and verify the file.

        Raises:
            ModelError: as ``open_onnx`` or ``open_checkpoint``.
        """
        opener = open_checkpoint if self._path.suffix == ".pt" else open_onnx
        return opener(self._path, threads=threads)


def fingerprint_file(path: Path) -> str:
    """A file's identity, size and time of change, or nothing where it can't be asked."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return "-"
    return f"{found.st_ino}:{found.st_size}:{found.st_mtime_ns}"


def card_paths(path: Path) -> tuple[Path, ...]:
    """Where the card of ``NAME.onnx`` may lie, best first; a ``.pt`` has none."""
    return () if path.suffix == ".pt" else (path.with_suffix(".card.json"), path.with_name(CARD_FILE))


def open_onnx(path: Path, *, threads: int | None = None) -> LoadedModel:
    """Load ``NAME.onnx`` with the card beside it, ``NAME.card.json`` or ``card.json``.

    Raises:
        ModelError: as ``ModelSession``, or when the file or its card is missing.
    """
    model = read_bounded(path, MAX_MODEL_BYTES)
    own_card, shared_card = card_paths(path)
    card = read_card(own_card if own_card.exists() else shared_card)
    return LoadedModel(ModelSession(model, card, threads=threads), f"sha-{card.sha256[:12]}", str(path))


def open_checkpoint(path: Path, *, threads: int | None = None, cache: Path | None = None) -> LoadedModel:
    """Load a ``.pt`` of the source system, converting it on first sight, or when what the cache holds doesn't load.

    Raises:
        ModelError: the file can't be read or converted; the message is the exporter's.
    """
    digest = compute_sha256(read_bounded(path, MAX_MODEL_BYTES))
    kept = (cache or cache_folder()) / digest[:24]
    try:
        session = ModelSession.open(kept, threads=threads)
    except ModelError:
        with tempfile.TemporaryDirectory(prefix="helen-", ignore_cleanup_errors=True) as scratch:
            made = Path(scratch) / "made"
            convert(path, made)
            session = ModelSession.open(made, threads=threads)
            logger.info("%s was converted to ONNX", path)
            try:
                keep(made, kept)
            except OSError as error:
                logger.warning("%s is converted at each start: %s", path, describe_error(error))
    return LoadedModel(session, f"sha-{digest[:12]}", str(path))


def cache_folder() -> Path:
    """Where converted checkpoints are kept: ``$XDG_CACHE_HOME/helen``, by default ``~/.cache/helen``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "helen"


def keep(made: Path, folder: Path) -> None:
    """Copy a converted model to ``folder``, which appears whole or not at all, also when two replicas do it at once.

    Raises:
        OSError: it can't be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as scratch:
        shutil.copytree(made, Path(scratch) / "made")
        if folder.exists():  # it didn't load
            folder.rename(Path(scratch) / "damaged")
        (Path(scratch) / "made").rename(folder)


def convert(checkpoint: Path, folder: Path) -> None:
    """Export a checkpoint to ``folder``.

    Raises:
        ModelError: the exporter's own message, or what has to be installed first.
    """
    missing = [name for name in ("torch", "onnx") if importlib.util.find_spec(name) is None]
    if missing:
        wanted = " and ".join(missing)
        raise ModelError(
            f"{checkpoint} needs {wanted} to be converted: {sys.executable} -m pip install -r training/requirements.txt"
        )
    command = [sys.executable, "-m", "training.export_onnx", "--checkpoint", str(checkpoint.absolute())]
    command += ["--output", str(folder / MODEL_FILE)]
    logger.debug("converting %s to ONNX", checkpoint)  # again and again while it is rejected
    try:
        child = subprocess.run(  # noqa: S603 - our own module, no shell
            command,
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=CONVERSION_DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{checkpoint} was not converted within {CONVERSION_DEADLINE_S} s") from error
    except OSError as error:
        raise ModelError(f"{checkpoint} can't be converted: {describe_error(error)}") from error
    if child.returncode < 0:
        raise ModelError(f"{checkpoint} can't be converted: the exporter was ended by signal {-child.returncode}")
    if child.returncode > 0:
        lines = child.stderr.strip().splitlines() or [f"the exporter ended with code {child.returncode}"]
        raise ModelError(f"{checkpoint} can't be converted: {lines[-1]}")
