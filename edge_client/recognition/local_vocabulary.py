"""A person's own gestures on this machine: a file that is kept as the service has it, for the local model.

It decides nothing about when to ask the service: ``recogniser.py`` and ``teaching/`` do.
"""

import logging
from pathlib import Path

from edge_client.service.http_client import ServiceClient
from edge_client.service.replies import ServiceError
from edge_client.service.vocabulary_client import (
    NOT_FOUND,
    fetch_vocabulary,
    open_root_client,
    parse_address,
    send_vocabulary,
)
from edge_client.settings import Settings
from landmarks.files.atomic import replace_file
from landmarks.models.vocabulary import Vocabulary, VocabularyError
from landmarks.models.vocabulary_files import SUFFIX, decode_vocabulary, encode_vocabulary, read_vocabulary

log = logging.getLogger(__name__)


class LocalVocabulary:
    """The file ``NAME.vocabulary`` of a folder, and the service that has the vocabulary of this name."""

    def __init__(self, folder: Path, name: str, client: ServiceClient) -> None:
        """``client`` asks the service at its root, without a vocabulary's path."""
        self.name = name
        self.path = folder / f"{name}{SUFFIX}"
        self._client = client
        self._unsent = folder / f".{name}.unsent"
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
            VocabularyError: the file on this machine is damaged.
        """
        self.refresh(timeout_s)
        return read_vocabulary(self.path) if self.path.exists() else None

    def save(self, vocabulary: Vocabulary) -> str:
        """Write the file and send it to the service; gives why the service hasn't got it, empty where it has.

        What could not be sent is sent by a later ``refresh``.

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
            self._send(data)
        except ServiceError as error:
            return str(error)
        return ""

    def refresh(self, timeout_s: float) -> Vocabulary | None:
        """The service's vocabulary where it isn't the one that was read or fetched last; it is written to the file.

        ``None`` where nothing changed, or none could be had: the log then says once why. What was taught here while the
        service was away is sent to it instead.
        """
        try:
            if self._unsent.exists() and self.path.exists():
                self._send(self.path.read_bytes())
                return None
            data = fetch_vocabulary(self._client, self.name, self._known, timeout=timeout_s)
            if data is None:
                return None
            vocabulary = decode_vocabulary(data)
        except ServiceError as error:
            if error.status != NOT_FOUND:
                self._warn(f"the vocabulary {self.name} can't be exchanged with the service: {error}")
            return None
        except (VocabularyError, OSError) as error:
            self._warn(f"the service's vocabulary {self.name} is left out: {error}")
            return None
        self._known, self._fault = data, ""
        self._write(data)
        return vocabulary

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _send(self, data: bytes) -> None:
        send_vocabulary(self._client, self.name, data)
        self._unsent.unlink(missing_ok=True)

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
