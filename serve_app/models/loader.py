"""ModelLoader: which model a replica serves, found at the start and replaced while it runs.

The sources are tried in order of preference; in a repository the newest version that proves itself wins. Whatever a
source or a version raises becomes the reason why it is rejected, and the next one is tried; the model before goes on,
and a rejected version is tried again later, since a slow copy may just not be complete yet. Knows nothing of Ray: the
model deployment calls ``refresh``.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from landmarks.models.card import ModelError, describe_error
from landmarks.models.checks import Kind
from serve_app.models.checkpoints import ModelFile
from serve_app.models.repository import LoadedModel, ModelRepository
from serve_app.settings import ModelSettings, resolve_path

logger = logging.getLogger(__name__)

FIRST_RETRY_S = 2.0
LAST_RETRY_S = 60.0

Key = tuple[str, int]  # a source's uri and a version


class ModelSource(Protocol):
    """Somewhere models come from; a version is an integer in a repository and 0 for a single file."""

    uri: str

    def versions(self) -> list[int]:
        """What is there, oldest first; empty when nothing is."""

    def explain_absence(self) -> str:
        """Why ``versions`` is empty: what is missing where."""

    def fingerprint(self, version: int) -> str:
        """What changes when a version's files are replaced."""

    def open(self, version: int, *, threads: int | None = None) -> LoadedModel:
        """Load and verify one version, or raise ``ModelError``."""


@dataclass
class RejectedVersion:
    """Why a version isn't served, and when it is tried again (``time.monotonic`` seconds)."""

    reason: str
    tries: int
    retry_at: float


@dataclass(frozen=True)
class ServedModel:
    """The model that answers, where it comes from, and what its files were like when they were read."""

    model: LoadedModel
    key: Key
    fingerprint: str


@dataclass
class RefreshResult:
    """What one refresh found. It is published whole when the refresh ends; until then the one before stands."""

    served: ServedModel | None = None
    previous: LoadedModel | None = None  # whose outputs may still be on their way
    rejected: dict[Key, RejectedVersion] = field(default_factory=dict)
    source_errors: dict[str, str] = field(default_factory=dict)  # can't be listed, or lack the pinned version
    empty_sources: dict[str, str] = field(default_factory=dict)

    @property
    def model(self) -> LoadedModel | None:
        """The model that answers."""
        return self.served.model if self.served else None

    @property
    def rejected_versions(self) -> dict[str, str]:
        """What is not served, though it is there or is pinned, with the reason."""
        rejected = {f"{uri}:{version}" if version else uri: r.reason for (uri, version), r in self.rejected.items()}
        return self.source_errors | rejected


class ModelLoader:
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
        self._kind: Kind = "shot" if name == "shot" else "gesture"
        self._sources = [model_source(resolve_path(path), name) for path in paths]
        self._threads = threads
        self._result = RefreshResult()

    @property
    def result(self) -> RefreshResult:
        """What the last refresh found."""
        return self._result

    @property
    def current(self) -> LoadedModel | None:
        """The model that answers now, or None while nothing could be loaded."""
        return self._result.model

    @property
    def previous(self) -> LoadedModel | None:
        """The model that answered before, if there was one."""
        return self._result.previous

    @property
    def rejected_versions(self) -> dict[str, str]:
        """What is not served, though it is there or is pinned, with the reason."""
        return self._result.rejected_versions

    @property
    def reason(self) -> str:
        """Why there is no model."""
        result = self._result
        reasons = result.empty_sources | result.rejected_versions
        tried = "; ".join(
            reason if reason.startswith(source) else f"{source}: {reason}" for source, reason in reasons.items()
        )
        return f"no {self.name} model could be loaded" + (f" ({tried})" if tried else ", no source is set")

    @property
    def waiting_may_help(self) -> bool:
        """Whether nothing was found so far: neither a model to serve nor a rejected one."""
        return self._result.served is None and not self._result.rejected

    def refresh(self) -> None:
        """Look for the best model once, and serve it from now on. Blocks; never raises for a bad model or source."""
        result = RefreshResult(self._result.served, self._result.previous)
        for source in self._sources:
            if self._take_from(source, result):
                break
        self._result = result

    def retry_rejected(self) -> None:
        """Make the next refresh try again what was rejected, however long its wait."""
        for rejected in self._result.rejected.values():
            rejected.retry_at = 0.0

    def _take_from(self, source: ModelSource, result: RefreshResult) -> bool:
        """Whether the model to serve comes from this source."""
        served = result.served
        try:
            versions = self._list(source, result)
        except Exception as error:  # each file system behind fsspec raises its own
            self._note(result.source_errors, self._result.source_errors, source, describe_error(error), error)
            return served is not None and served.key[0] == source.uri  # what can't be seen isn't gone
        for version in versions:
            if self._try(source, version, result) or (served and served.key == (source.uri, version)):
                return True
        return False

    def _list(self, source: ModelSource, result: RefreshResult) -> list[int]:
        """The versions to try, newest first."""
        versions = source.versions()
        if not versions:
            self._note(result.empty_sources, self._result.empty_sources, source, source.explain_absence())
        pin = self.settings.version
        if pin == "latest" or isinstance(source, ModelFile):
            return versions[::-1]
        if pin not in versions:
            reason = f"version {pin} is pinned, but the repository has {versions}"
            self._note(result.source_errors, self._result.source_errors, source, reason)
        return [version for version in versions if version == pin]

    def _note(
        self,
        notes: dict[str, str],
        before: Mapping[str, str],
        source: ModelSource,
        reason: str,
        error: Exception | None = None,
    ) -> None:
        notes[source.uri] = reason
        if before.get(source.uri) != reason:
            logger.warning("no %s model from %s: %s", self.name, source.uri, reason, exc_info=unexpected(error))

    def _try(self, source: ModelSource, version: int, result: RefreshResult) -> bool:
        """Whether a version is served, since it was or since it proved itself now."""
        key, served = (source.uri, version), result.served
        before = self._result.rejected.get(key)
        if before and time.monotonic() < before.retry_at:
            result.rejected[key] = before
            return False
        started = time.monotonic()
        try:
            fingerprint = source.fingerprint(version)
            replaced = served is not None and served.key == key
            if served is not None and replaced and served.fingerprint == fingerprint:
                return True
            opened = source.open(version, threads=self._threads)
            if opened.session.kind != self._kind:
                raise ModelError(f"it is a {opened.session.kind} model, expected a {self._kind} model")
        except Exception as error:  # whatever others wrote makes ONNX Runtime, NumPy or a file system raise
            self._reject(key, before, error, result)
            return False
        result.previous = served.model if served else None
        result.served = ServedModel(opened, key, fingerprint)
        self.load_seconds = time.monotonic() - started
        how = "replaced in place, and is served from now on" if replaced else "served"
        logger.info("%s model version %s is %s from %s", self.name, opened.version, how, opened.source)
        return True

    def _reject(self, key: Key, before: RejectedVersion | None, error: Exception, result: RefreshResult) -> None:
        reason, tries = describe_error(error), before.tries + 1 if before else 1
        wait_s = min(FIRST_RETRY_S * 2 ** (tries - 1), LAST_RETRY_S)
        result.rejected[key] = RejectedVersion(reason, tries, time.monotonic() + wait_s)
        if not before or before.reason != reason:
            uri, version = key
            place = f"version {version} of {uri}" if version else uri
            logger.warning("%s model %s is rejected: %s", self.name, place, reason, exc_info=unexpected(error))


def unexpected(error: Exception | None) -> Exception | None:
    """The error, for a traceback in the log, where it isn't one that says what is wrong by itself."""
    return None if isinstance(error, ModelError) else error


def model_source(path: str, name: str) -> ModelSource:
    """A path's source: a single file by its ending, else a repository."""
    return ModelFile(path) if path.endswith((".pt", ".onnx")) else ModelRepository(path, name)
