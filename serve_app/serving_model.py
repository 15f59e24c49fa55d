"""ServingModel: which model a replica serves, found at the start and replaced while it runs.

The sources are tried in order of preference; in a repository the newest version that proves itself wins. A version
that doesn't is refused with its reason, the one before it goes on, and the refused one is tried again later, since
a slow copy may just not be complete yet. Knows nothing of Ray: ``look`` is called by ``inference.py``.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from landmarks.model_card import ModelError
from serve_app.checkpoints import open_checkpoint, open_onnx
from serve_app.model_repository import ModelRepository, OpenModel
from serve_app.settings import ModelSettings, resolve_path

logger = logging.getLogger(__name__)

FIRST_RETRY_S = 2.0
LAST_RETRY_S = 60.0


class ModelSource(Protocol):
    """Somewhere models come from; a version is an integer in a repository and 0 for a single file."""

    root: str

    def versions(self) -> list[int]:
        """What is there, oldest first; empty when nothing is."""

    def open(self, version: int, *, threads: int | None = None) -> OpenModel:
        """Load and verify one version, or raise ``ModelError``."""


class ModelFile:
    """A single ``.onnx`` or ``.pt`` file as a source with one version."""

    def __init__(self, path: str) -> None:
        self.root = path
        self._path = Path(path)

    def versions(self) -> list[int]:
        return [0] if self._path.exists() else []

    def open(self, version: int, *, threads: int | None = None) -> OpenModel:
        opener = open_checkpoint if self._path.suffix == ".pt" else open_onnx
        return opener(self._path, threads=threads)


@dataclass
class Refusal:
    """Why a version isn't served, and when it is tried again (``time.monotonic`` seconds)."""

    reason: str
    tries: int
    retry_at: float


class ServingModel:
    """The model of one replica.

    Args:
        name: the model's name in a repository, such as ``gesture``.
        paths: repositories, ``.onnx`` and ``.pt`` files, best first; relative ones count from the project's root.
        threads: ONNX Runtime threads, by default what the card says.
    """

    def __init__(self, name: str, paths: Sequence[str], *, threads: int | None = None) -> None:
        self.name = name
        self.settings = ModelSettings()
        self.load_seconds = 0.0
        self._sources = [source_of(resolve_path(path), name) for path in paths]
        self._threads = threads
        self._open: OpenModel | None = None
        self._opened_from: tuple[str, int] | None = None
        self._refusals: dict[tuple[str, int], Refusal] = {}
        self._troubles: dict[str, str] = {}

    @property
    def current(self) -> OpenModel | None:
        """The model that answers now, or None while nothing could be loaded."""
        return self._open

    @property
    def refused(self) -> dict[str, str]:
        """What is not served, though it is there or was asked for, with the reason."""
        refusals = {f"{root}:{version}" if version else root: r.reason for (root, version), r in self._refusals.items()}
        return self._troubles | refusals

    @property
    def reason(self) -> str:
        """Why there is no model, in one sentence."""
        tried = "; ".join(f"{source}: {reason}" for source, reason in self.refused.items())
        places = ", ".join(source.root for source in self._sources)
        return f"no {self.name} model could be loaded from {places}" + (f" ({tried})" if tried else "")

    def look(self) -> None:
        """Look for the best model once, and serve it from now on. Blocks; never raises for a bad model."""
        present: set[tuple[str, int]] = set()
        self._troubles = {}
        found = False
        for source in self._sources:
            for version in self._wanted(source):
                key = (source.root, version)
                present.add(key)
                found = found or key == self._opened_from or self._try(source, version)
                if found:
                    break
            if found:
                break
        for key in [key for key in self._refusals if key not in present]:
            del self._refusals[key]

    def retry_refused(self) -> None:
        """Make the next look try again what was refused, however long its wait."""
        for refusal in self._refusals.values():
            refusal.retry_at = 0.0

    def _wanted(self, source: ModelSource) -> list[int]:
        try:
            versions = source.versions()
        except ModelError as error:
            if self._troubles.get(source.root) != str(error):
                logger.warning("%s", error)
            self._troubles[source.root] = str(error)
            return []
        pin = self.settings.version
        if pin == "latest" or isinstance(source, ModelFile):
            return versions[::-1]
        if pin not in versions:
            self._troubles[source.root] = f"version {pin} is pinned, but the repository has {versions}"
        return [version for version in versions if version == pin]

    def _try(self, source: ModelSource, version: int) -> bool:
        key = (source.root, version)
        before = self._refusals.get(key)
        if before and time.monotonic() < before.retry_at:
            return False
        started = time.monotonic()
        try:
            opened = source.open(version, threads=self._threads)
        except ModelError as error:
            tries = before.tries + 1 if before else 1
            wait = min(FIRST_RETRY_S * 2 ** (tries - 1), LAST_RETRY_S)
            self._refusals[key] = Refusal(str(error), tries, time.monotonic() + wait)
            if not before or before.reason != str(error):
                logger.warning("model %s version %s of %s is refused: %s", self.name, version, source.root, error)
            return False
        self._refusals.pop(key, None)
        self._open, self._opened_from = opened, key
        self.load_seconds = time.monotonic() - started
        logger.info("model %s version %s is served from %s", self.name, opened.version, opened.source)
        return True


def source_of(path: str, name: str) -> ModelSource:
    """A path's source: a single file by its ending, else a repository."""
    return ModelFile(path) if path.endswith((".pt", ".onnx")) else ModelRepository(path, name)
