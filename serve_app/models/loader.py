"""ModelLoader: which model a replica serves, found at the start and replaced while it runs.

The sources are tried in order of preference; in a repository the newest version that proves itself wins. Whatever a
source or a version raises becomes the reason why it isn't served, and the next one is tried; the model before goes
on, and what was refused is tried again later, since a slow copy may just not be complete yet. Knows nothing of Ray:
``look`` is called by ``inference.py``.
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

Key = tuple[str, int]  # a source's root and a version


class ModelSource(Protocol):
    """Somewhere models come from; a version is an integer in a repository and 0 for a single file."""

    root: str

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
class Served:
    """The model that answers, where it comes from, and what its files were like when they were read."""

    model: LoadedModel
    key: Key
    fingerprint: str


@dataclass
class RefreshResult:
    """What one look found. It is published whole when the look ends; until then the one before stands."""

    served: Served | None = None
    refusals: dict[Key, RejectedVersion] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)  # sources that can't be listed, or lack the pinned version
    absences: dict[str, str] = field(default_factory=dict)  # sources where nothing is

    @property
    def model(self) -> LoadedModel | None:
        """The model that answers."""
        return self.served.model if self.served else None

    @property
    def refused(self) -> dict[str, str]:
        """What is not served, though it is there or was asked for, with the reason."""
        refusals = {f"{root}:{version}" if version else root: r.reason for (root, version), r in self.refusals.items()}
        return self.troubles | refusals


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
        self._findings = RefreshResult()

    @property
    def findings(self) -> RefreshResult:
        """What the last look found."""
        return self._findings

    @property
    def current(self) -> LoadedModel | None:
        """The model that answers now, or None while nothing could be loaded."""
        return self._findings.model

    @property
    def refused(self) -> dict[str, str]:
        """What is not served, though it is there or was asked for, with the reason."""
        return self._findings.refused

    @property
    def reason(self) -> str:
        """Why there is no model, in one sentence."""
        findings = self._findings
        reasons = findings.absences | findings.refused
        tried = "; ".join(
            reason if reason.startswith(source) else f"{source}: {reason}" for source, reason in reasons.items()
        )
        return f"no {self.name} model could be loaded" + (f" ({tried})" if tried else ", no source is set")

    @property
    def waiting_may_help(self) -> bool:
        """Whether nothing was found so far: false when a model is served, or was refused and the reason can be told."""
        return self._findings.served is None and not self._findings.refusals

    def look(self) -> None:
        """Look for the best model once, and serve it from now on. Blocks; never raises for a bad model or source."""
        findings = RefreshResult(served=self._findings.served)
        for source in self._sources:
            if self._take_from(source, findings):
                break
        self._findings = findings

    def retry_refused(self) -> None:
        """Make the next look try again what was refused, however long its wait."""
        for refusal in self._findings.refusals.values():
            refusal.retry_at = 0.0

    def _take_from(self, source: ModelSource, findings: RefreshResult) -> bool:
        """Whether the model to serve comes from this source."""
        served = findings.served
        try:
            versions = self._list(source, findings)
        except Exception as error:  # each file system behind fsspec raises its own
            self._note(findings.troubles, self._findings.troubles, source, describe_error(error), error)
            return served is not None and served.key[0] == source.root  # what can't be seen isn't gone
        for version in versions:
            if self._try(source, version, findings) or (served and served.key == (source.root, version)):
                return True
        return False

    def _list(self, source: ModelSource, findings: RefreshResult) -> list[int]:
        """The versions to try, newest first."""
        versions = source.versions()
        if not versions:
            self._note(findings.absences, self._findings.absences, source, source.explain_absence())
        pin = self.settings.version
        if pin == "latest" or isinstance(source, ModelFile):
            return versions[::-1]
        if pin not in versions:
            reason = f"version {pin} is pinned, but the repository has {versions}"
            self._note(findings.troubles, self._findings.troubles, source, reason)
        return [version for version in versions if version == pin]

    def _note(
        self,
        notes: dict[str, str],
        before: Mapping[str, str],
        source: ModelSource,
        reason: str,
        error: Exception | None = None,
    ) -> None:
        notes[source.root] = reason
        if before.get(source.root) != reason:
            logger.warning("no %s model from %s: %s", self.name, source.root, reason, exc_info=unexpected(error))

    def _try(self, source: ModelSource, version: int, findings: RefreshResult) -> bool:
        """Whether a version is served, since it was or since it proved itself now."""
        key, served = (source.root, version), findings.served
        before = self._findings.refusals.get(key)
        if before and time.monotonic() < before.retry_at:
            findings.refusals[key] = before
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
            self._refuse(key, before, error, findings)
            return False
        findings.served = Served(opened, key, fingerprint)
        self.load_seconds = time.monotonic() - started
        how = "replaced in place, and is served from now on" if replaced else "served"
        logger.info("%s model version %s is %s from %s", self.name, opened.version, how, opened.source)
        return True

    def _refuse(self, key: Key, before: RejectedVersion | None, error: Exception, findings: RefreshResult) -> None:
        reason, tries = describe_error(error), before.tries + 1 if before else 1
        wait_s = min(FIRST_RETRY_S * 2 ** (tries - 1), LAST_RETRY_S)
        findings.refusals[key] = RejectedVersion(reason, tries, time.monotonic() + wait_s)
        if not before or before.reason != reason:
            root, version = key
            place = f"version {version} of {root}" if version else root
            logger.warning("%s model %s is refused: %s", self.name, place, reason, exc_info=unexpected(error))


def unexpected(error: Exception | None) -> Exception | None:
    """The error, for a traceback in the log, where it isn't one that says what is wrong by itself."""
    return None if isinstance(error, ModelError) else error


def model_source(path: str, name: str) -> ModelSource:
    """A path's source: a single file by its ending, else a repository."""
    return ModelFile(path) if path.endswith((".pt", ".onnx")) else ModelRepository(path, name)
