"""Single model files named in ``HELEN_MODEL_PATHS``: an ``.onnx`` with its card, or the source system's ``.pt``.

A ``.pt`` is converted once, by the project's own exporter in a child process: only that process imports torch, it
reads the file with ``weights_only=True``, and what the service then loads is an ONNX file in a cache, named by the
checkpoint's hash.
"""

import importlib.util
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from landmarks.model_card import CARD_FILE, MODEL_FILE, ModelError, read_bounded, read_card, sha256_of
from landmarks.session import MAX_MODEL_BYTES, ModelSession
from serve_app.model_repository import OpenModel
from serve_app.settings import PROJECT_ROOT

logger = logging.getLogger(__name__)

CONVERSION_DEADLINE_S = 120


def open_onnx(path: Path, *, threads: int | None = None) -> OpenModel:
    """Load ``NAME.onnx`` with the card beside it, ``NAME.card.json`` or ``card.json``.

    Raises:
        ModelError: as ``ModelSession``, or when the file or its card is missing.
    """
    model = read_bounded(path, MAX_MODEL_BYTES)
    own_card = path.with_suffix(".card.json")
    card = read_card(own_card if own_card.exists() else path.with_name(CARD_FILE))
    return OpenModel(ModelSession(model, card, threads=threads), f"sha-{card.sha256[:12]}", str(path))


def open_checkpoint(path: Path, *, threads: int | None = None, cache: Path | None = None) -> OpenModel:
    """Load a ``.pt`` of the source system, converting it on first sight.

    Raises:
        ModelError: the file can't be read or converted; the message is the exporter's.
    """
    digest = sha256_of(read_bounded(path, MAX_MODEL_BYTES))
    folder = (cache or cache_folder()) / digest[:24]
    if not (folder / CARD_FILE).exists():
        convert(path, folder)
    session = ModelSession.open(folder, threads=threads)
    return OpenModel(session, f"sha-{digest[:12]}", str(path))


def cache_folder() -> Path:
    """Where converted checkpoints are kept: ``$XDG_CACHE_HOME/helen``, by default ``~/.cache/helen``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "helen"


def convert(checkpoint: Path, folder: Path) -> None:
    """Export a checkpoint to ``folder``, which appears whole or not at all, also when two replicas convert at once.

    Raises:
        ModelError: the exporter's own sentence.
    """
    missing = [name for name in ("torch", "onnx") if importlib.util.find_spec(name) is None]
    if missing:
        wanted = " and ".join(missing)
        raise ModelError(f"{checkpoint} needs {wanted} to be converted: pip install -r training/requirements.txt")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        made = Path(scratch) / "made"
        command = [sys.executable, "-m", "training.export_onnx", "--checkpoint", str(checkpoint.resolve())]
        command += ["--output", str(made / MODEL_FILE)]
        logger.info("converting %s to ONNX, once", checkpoint)
        try:
            child = subprocess.run(  # noqa: S603 - our own module, no shell
                command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=CONVERSION_DEADLINE_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ModelError(f"{checkpoint} was not converted within {CONVERSION_DEADLINE_S} s") from error
        if child.returncode != 0:
            lines = child.stderr.strip().splitlines() or [f"the exporter ended with code {child.returncode}"]
            raise ModelError(f"{checkpoint} can't be converted: {lines[-1]}")
        try:
            made.rename(folder)
        except OSError:
            if not (folder / CARD_FILE).exists():  # else another replica was first, with the same result
                raise
