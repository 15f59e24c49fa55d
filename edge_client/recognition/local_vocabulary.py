"""A person's own gestures on this machine: a file that is kept as the service has it, for the local model.

It decides nothing about when to ask the service: ``recogniser.py`` and ``teaching/`` do.
"""

import logging
import re
from pathlib import Path
from typing import Final, Literal

from edge_client.service.http_client import ServiceClient
from edge_client.service.replies import ServiceError
from edge_client.service.vocabulary_client import (
    NOT_FOUND,
    delete_vocabulary,
    fetch_vocabulary,
    open_root_client,
    parse_address,
    send_vocabulary,
)
from edge_client.settings import Settings
from landmarks.files.atomic import replace_file
from landmarks.models.card import compute_sha256
from landmarks.models.vocabulary import Vocabulary, VocabularyError
from landmarks.models.vocabulary_files import SUFFIX, decode_vocabulary, encode_vocabulary, read_vocabulary

log = logging.getLogger(__name__)

# How the service's vocabulary stands to this machine's: not asked yet, or no answer; the same; it has none any more; it
# has another one, and this machine's was taught without knowing it.
Standing = Literal["unknown", "same", "gone", "conflict"]

DIGEST: Final = re.compile("[0-9a-f]{64}")
CONFLICT: Final = (
    "the service has another vocabulary {name} than this machine, where it was taught without knowing that one:"
    " python -m edge_client gestures --merge joins both, gestures --fetch keeps the service's alone,"
    " and --vocabulary NAME teaches another one"
)
GONE: Final = "the service no longer has the vocabulary {name}, which is still here: teach sends it again"


class LocalVocabulary:
    """The file ``NAME.vocabulary`` of a folder, and the service that has the vocabulary of this name.

    Beside the file are the SHA-256 of what the service had last (``.NAME.shared``), as fetched or sent, and a mark
    where the file was taught and not sent (``.NAME.unsent``). What the service has meanwhile is never sent over unseen.
    """

    def __init__(self, folder: Path, name: str, client: ServiceClient) -> None:
        """``client`` asks the service at its root, without a vocabulary's path."""
        self.name = name
        self.path = folder / f"{name}{SUFFIX}"
        self.standing: Standing = "unknown"
        self._client = client
        self._unsent = folder / f".{name}.unsent"
        self._shared = folder / f".{name}.shared"
        self._known: bytes | None = None  # what was read or fetched last
        self._fault = ""

    def read(self) -> Vocabulary | None:
        """What is on this machine; ``None`` without one, and where it is damaged the log says so."""
        if not self.path.exists():
            return None
        try:
            vocabulary = read_vocabulary(self.path)
            self._known = self.path.read_bytes()
            return vocabulary
        except (VocabularyError, OSError) as error:
            self._warn(f"the vocabulary on this machine is left out: {error}")
            return None

    def load(self, timeout_s: float) -> Vocabulary | None:
        """The vocabulary to change: the service's where it can be had, else this machine's; ``None`` without one.

        Raises:
            VocabularyError: the file on this machine is damaged, or the service has another one.
        """
        self.refresh(timeout_s)
        if self.standing == "conflict":
            raise VocabularyError(CONFLICT.format(name=self.name))
        return read_vocabulary(self.path) if self.path.exists() else None

    def save(self, vocabulary: Vocabulary, *, renew: bool = True) -> str:
        """Write the file and send it to the service; gives why the service hasn't got it, empty where it has.

        What could not be sent is sent by a later ``refresh``. ``renew`` sends one that the service no longer has.

        Raises:
            VocabularyError: the file can't be written.
        """
        data = encode_vocabulary(vocabulary)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._unsent.touch()
            with replace_file(self.path) as file:
                file.write(data)
        except OSError as error:
            raise VocabularyError(f"{self.path} can't be written: {error.strerror or error}") from error
        try:
            self._send(data, renew=renew)
        except ServiceError as error:
            return str(error)
        sentence = {"conflict": CONFLICT, "gone": GONE}.get(self.standing, "")
        return sentence.format(name=self.name)

    def refresh(self, timeout_s: float) -> Vocabulary | None:
        """The service's vocabulary where it isn't the one that was read or fetched last; it is written to the file.

        ``None`` where nothing changed, or none could be had: the log then says once why. What was taught here while the
        service was away is sent to it instead, unless it no longer has what was known of it.
        """
        try:
            if self._unsent.exists() and self.path.exists():
                self._send(self.path.read_bytes(), renew=False)
                if self.standing in ("conflict", "gone"):
                    self._warn((CONFLICT if self.standing == "conflict" else GONE).format(name=self.name))
                return None
            return self._fetch(timeout_s)
        except ServiceError as error:
            if error.status != NOT_FOUND:
                self._warn(f"the vocabulary {self.name} can't be exchanged with the service: {error}")
            elif self.path.exists():
                self.standing = "gone"
        except (VocabularyError, OSError) as error:
            self._warn(f"the service's vocabulary {self.name} is left out: {error}")
        return None

    def fetch(self, timeout_s: float) -> Vocabulary:
        """Keep the service's vocabulary in place of this machine's.

        Raises:
            ServiceError, VocabularyError: it can't be had, or isn't one; what is here is unchanged.
        """
        vocabulary, data = self.peek(timeout_s)
        self._write(data)
        self._note_shared(data)
        return vocabulary

    def peek(self, timeout_s: float) -> tuple[Vocabulary, bytes]:
        """The service's vocabulary and its file; what is here is unchanged.

        Raises:
            ServiceError, VocabularyError: it can't be had, or isn't one.
        """
        data = fetch_vocabulary(self._client, self.name, timeout=timeout_s) or b""
        return decode_vocabulary(data), data

    def delete(self) -> None:
        """Remove the vocabulary from the service, and then here.

        Raises:
            ServiceError: the service doesn't remove it; what is here is unchanged.
            VocabularyError: the file can't be removed.
        """
        delete_vocabulary(self._client, self.name)
        try:
            for path in (self.path, self._unsent, self._shared):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise VocabularyError(f"{self.path} can't be removed: {error.strerror or error}") from error

    def acknowledge(self, data: bytes) -> None:
        """Know the service's file: what is saved next is meant to take its place."""
        self._shared.write_text(compute_sha256(data))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _fetch(self, timeout_s: float) -> Vocabulary | None:
        known = compute_sha256(self._known) if self._known else None
        data = fetch_vocabulary(self._client, self.name, known, timeout=timeout_s)
        if data is None:
            self._note_shared(self._known or b"")
            return None
        vocabulary = decode_vocabulary(data)
        self._known, self._fault = data, ""
        self._write(data)
        self._note_shared(data)
        return vocabulary

    def _send(self, data: bytes, *, renew: bool) -> None:
        """Send the file, if the service still has what was known of it; else ``standing`` says why it is not sent."""
        shared = self._read_shared()
        try:
            changed = fetch_vocabulary(self._client, self.name, shared)
            if changed == data:
                self._note_shared(data)
                return
            if changed is not None:
                self.standing = "conflict"
                return
        except ServiceError as error:
            if error.status != NOT_FOUND:
                raise
            if shared is not None and not renew:
                self.standing = "gone"
                return
        send_vocabulary(self._client, self.name, data)
        self._note_shared(data)

    def _read_shared(self) -> str | None:
        try:
            with self._shared.open(encoding="ascii", errors="replace") as file:
                found = DIGEST.match(file.read(64))
        except OSError:
            return None
        return found[0] if found else None

    def _note_shared(self, data: bytes) -> None:
        """Note that the service has these bytes, as this machine does."""
        self.standing = "same"
        digest = compute_sha256(data)
        try:
            if self._read_shared() != digest:
                self._shared.write_text(digest)
            self._unsent.unlink(missing_ok=True)
        except OSError as error:
            self._warn(f"{self._shared} can't be written: {error.strerror or error}")

    def _write(self, data: bytes) -> None:
        try:
            if self.path.exists() and self.path.read_bytes() == data:
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replace_file(self.path) as file:
                file.write(data)
        except OSError as error:
            self._warn(f"{self.path} can't be written: {error.strerror or error}")

    def _warn(self, fault: str) -> None:
        if fault != self._fault:
            log.warning("%s", fault)
        self._fault = fault


def open_local_vocabulary(settings: Settings) -> LocalVocabulary | None:
    """The vocabulary that the service's URL names; ``None`` where it names none."""
    name = parse_address(settings.cloud.url).vocabulary
    if name is None:
        return None
    return LocalVocabulary(Path(settings.device.vocabularies), name, open_root_client(settings.cloud))
