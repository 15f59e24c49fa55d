"""VocabularyStore: the vocabularies of a model repository, ``<uri>/vocabularies/<name>.vocabulary``, polled.

Only files that changed are read. One that is damaged is rejected with its reason, and the one before goes on, like a
model's version. Every replica that needs them has a store of its own. Knows nothing of HTTP or models.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import fsspec
from fsspec.implementations.local import LocalFileSystem

from landmarks.files.atomic import replace_file
from landmarks.models.card import describe_error
from landmarks.models.vocabulary import VocabularyError
from landmarks.models.vocabulary_files import MAX_BYTES, SUFFIX
from serve_app.errors import Conflict, InvalidInput, NotFound, StorageUnavailable
from serve_app.models.repository import read_file
from serve_app.settings import resolve_path
from serve_app.vocabularies.stored import StoredVocabulary, check_name, read_stored, to_utf8

logger = logging.getLogger(__name__)

FOLDER: Final = "vocabularies"
POLL_INTERVAL_S: Final = 1.0
RETRY_S: Final = 10.0  # a file that couldn't be read may be readable again, though it looks the same
MAX_VOCABULARIES: Final = 64
MAX_TOTAL_BYTES: Final = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RejectedFile:
    """Why a file isn't served, what it looked like, and when it is read again (``time.monotonic`` seconds)."""

    reason: str
    fingerprint: str
    retry_at: float


@dataclass(frozen=True)
class Found:
    """What one refresh found. It is published whole when the refresh ends; until then the one before stands."""

    served: Mapping[str, StoredVocabulary] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    rejected: Mapping[str, RejectedFile] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Bytes of what is served."""
        return sum(len(stored.data) for stored in self.served.values())


class VocabularyStore:
    """The vocabularies of one repository. Its methods block, but for ``get``, and may be called from any thread.

    Args:
        uri: a local folder or an fsspec URI, the repository of the models; None: there is none.
    """

    def __init__(self, uri: str | None) -> None:
        self.uri = None if uri is None else resolve_path(uri).rstrip("/")
        self.found = Found()
        self._lock = threading.Lock()
        self._trouble = ""

    def get(self, name: str) -> StoredVocabulary:
        """A vocabulary as it was when the store was last refreshed.

        Raises:
            NotFound: there is none of this name.
            Conflict: there is, and it is rejected.
        """
        stored = self.found.served.get(name)
        if stored is None:
            rejected = self.found.rejected.get(name)
            if rejected is not None:
                raise Conflict(f"the vocabulary {name} is rejected: {rejected.reason}")
            raise NotFound(f"there is no vocabulary {name[:100]!r} here; GET /vocabularies lists them")
        return stored

    def refresh(self) -> None:
        """Look for changed files once. Never raises for what others wrote, nor where nothing can be listed."""
        with self._lock:
            self._refresh()

    def put(self, name: str, data: bytes) -> tuple[StoredVocabulary, bool]:
        """Store a vocabulary; what was stored, and whether the name is new.

        Raises:
            InvalidInput: the name can't be one.
            VocabularyError: the bytes aren't a vocabulary.
            Conflict: there is no room for one more, or a folder has its place.
            StorageUnavailable: the repository can't be written.
        """
        stored = read_stored(check_name(name), data)
        with self._lock:
            self._refresh()
            before = self.found.served.get(name)
            self._check_room(stored, before)
            self._write(name, data)
            self._refresh()
            if name not in self.found.served:  # the repository can't be listed now; a later refresh reads it again
                self.found = Found({**self.found.served, name: stored}, self.found.fingerprints, self.found.rejected)
        return stored, before is None

    def delete(self, name: str) -> None:
        """Remove a vocabulary, or a rejected file of this name.

        Raises:
            NotFound: there is none.
            Conflict: a folder has its name.
            StorageUnavailable: the repository can't be written.
        """
        with self._lock:
            self._refresh()
            if name not in self.found.served and name not in self.found.rejected:
                raise NotFound(f"there is no vocabulary {name[:100]!r} here; GET /vocabularies lists them")
            try:
                files, folder = self._connect()
                path = f"{folder}/{name}{SUFFIX}"
                check_no_folder(files, path)
                files.rm_file(path)
            except FileNotFoundError:
                pass
            except Conflict:
                raise
            except Exception as error:  # each file system behind fsspec raises its own
                raise self._describe_failure(error) from error
            self._refresh()

    def watch(self, record_failure: Callable[[str], None]) -> None:
        """Refresh every second, in a thread of its own, for as long as the process lives.

        ``record_failure`` counts what a refresh didn't foresee, under ``"vocabularies"``; it goes on.
        """
        if self.uri is None:
            return

        def refresh_forever() -> None:
            while True:
                time.sleep(POLL_INTERVAL_S)
                try:
                    self.refresh()
                except Exception:  # the last resort
                    logger.exception("the refresh of the vocabularies failed; those before go on")
                    record_failure("vocabularies")

        threading.Thread(target=refresh_forever, name="vocabulary-watch", daemon=True).start()

    def _check_room(self, stored: StoredVocabulary, before: StoredVocabulary | None) -> None:
        if before is None and len(self.found.served) >= MAX_VOCABULARIES:
            count = len(self.found.served)
            raise Conflict(f"there are {count} vocabularies already, the limit: delete one of them first")
        size_bytes = self.found.size_bytes + len(stored.data) - (len(before.data) if before else 0)
        if size_bytes > MAX_TOTAL_BYTES:
            raise Conflict(
                f"the vocabularies would have {size_bytes} bytes, expected at most {MAX_TOTAL_BYTES}: delete one first"
            )

    def _refresh(self) -> None:
        if self.uri is None:
            return
        try:
            files, folder = self._connect()
            listed = list_files(files, folder)
        except Exception as error:  # each file system behind fsspec raises its own; what can't be seen isn't gone
            if self._trouble != (trouble := describe_error(error)):
                logger.warning("the vocabularies of %s can't be listed, those before go on: %s", self.uri, trouble)
            self._trouble = trouble
            return
        self._trouble = ""
        self._read_changed(files, folder, listed)

    def _read_changed(self, files: fsspec.AbstractFileSystem, folder: str, listed: Mapping[str, str]) -> None:
        before, now_s = self.found, time.monotonic()
        served = {name: stored for name, stored in before.served.items() if name in listed}
        fingerprints = {name: before.fingerprints[name] for name in served if name in before.fingerprints}
        rejected: dict[str, RejectedFile] = {}
        left_bytes = MAX_TOTAL_BYTES - sum(len(stored.data) for stored in served.values())
        for name, fingerprint in listed.items():
            known = before.rejected.get(name)
            if known and known.fingerprint == fingerprint and now_s < known.retry_at:
                rejected[name] = known
                continue
            if fingerprints.get(name) == fingerprint:
                continue
            try:
                if name not in served and len(served) >= MAX_VOCABULARIES:
                    raise VocabularyError(f"there are {len(served)} vocabularies already, the limit")
                stored = read_stored(check_name(name), read_file(files, f"{folder}/{name}{SUFFIX}", MAX_BYTES))
                if len(stored.data) > left_bytes + (len(served[name].data) if name in served else 0):
                    raise VocabularyError(f"the vocabularies would have more than {MAX_TOTAL_BYTES} bytes, the limit")
            except Exception as error:  # whatever others wrote makes NumPy or a file system raise
                reason = str(error) if isinstance(error, VocabularyError | InvalidInput) else describe_error(error)
                rejected[name] = RejectedFile(reason, fingerprint, now_s + RETRY_S)
                if known is None or known.reason != reason:
                    goes_on = ", the one before goes on" if name in served else ""
                    logger.warning("the vocabulary %s is rejected%s: %s", to_utf8(name), goes_on, reason)
                continue
            left_bytes += (len(served[name].data) if name in served else 0) - len(stored.data)
            if name not in served or served[name].sha256 != stored.sha256:
                served[name] = stored
                logger.info("the vocabulary %s is served, %s", name, stored.digest)
            fingerprints[name] = fingerprint
        self.found = Found(served, fingerprints, rejected)

    def _write(self, name: str, data: bytes) -> None:
        try:
            files, folder = self._connect()
            path = f"{folder}/{name}{SUFFIX}"
            check_no_folder(files, path)
            if isinstance(files, LocalFileSystem):
                Path(folder).mkdir(parents=True, exist_ok=True)
                with replace_file(Path(path)) as file:
                    file.write(data)
            else:
                files.pipe_file(path, data)
        except Conflict:
            raise
        except Exception as error:  # each file system behind fsspec raises its own
            raise self._describe_failure(error) from error

    def _describe_failure(self, error: Exception) -> StorageUnavailable:
        reason = getattr(error, "strerror", None) or describe_error(error)
        return StorageUnavailable(f"the model repository, which keeps the vocabularies, can't be written: {reason}")

    def _connect(self) -> tuple[Any, str]:
        if self.uri is None:
            raise FileNotFoundError(2, "there is none")
        files, path = fsspec.url_to_fs(self.uri)
        return files, f"{path.rstrip('/')}/{FOLDER}"


def check_no_folder(files: fsspec.AbstractFileSystem, path: str) -> None:
    """Reject a vocabulary's place where somebody made a folder.

    Raises:
        Conflict: there is one.
    """
    if files.isdir(path):
        name = path.rsplit("/", 1)[-1]
        raise Conflict(f"{name} of the model repository is a folder, expected a file: remove or rename it there")


def list_files(files: fsspec.AbstractFileSystem, folder: str) -> dict[str, str]:
    """The names of a folder's vocabularies in alphabetical order, each with what changes when its file is replaced."""
    try:
        files.invalidate_cache(folder)  # else a bucket's listing would never show a change
        entries = files.ls(folder, detail=True)
    except FileNotFoundError:
        return {}
    found = {}
    for entry in entries:
        name = str(entry["name"]).rstrip("/").rsplit("/", 1)[-1]
        if name.endswith(SUFFIX) and not name.startswith("."):
            found[name.removesuffix(SUFFIX)] = repr(sorted((key, str(value)) for key, value in entry.items()))
    return dict(sorted(found.items()))
