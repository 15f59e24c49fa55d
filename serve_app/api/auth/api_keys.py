"""ApiKeyStore: the API keys that are good now, from ``HELEN_API_KEYS`` and from a file that may change while it runs.

Holds digests only. Knows nothing of HTTP: ``middleware.py`` asks it.
"""

import hashlib
import hmac
import logging
import time
from collections.abc import Iterable
from pathlib import Path

logger = logging.getLogger(__name__)

POLL_INTERVAL_S = 1.0
NAME_DIGITS = 8


class ApiKeyStore:
    """Several keys, each with a name for the metrics and the log.

    A file has a key a line, optionally after its name and a space (``pi-kitchen 5f1c...``); ``#`` starts a comment.
    Who has the file but no key in it shuts everyone out. It is read again within a second of a change; when it
    can't be read any more, the keys that it had go on, and the log says so.

    Args:
        keys: keys from the environment; a key's name is then the first 8 hexadecimal digits of its SHA-256.
        file: the file, if there is one.

    Raises:
        ValueError: the file can't be read.
    """

    def __init__(self, keys: Iterable[str] = (), file: Path | None = None) -> None:
        self._fixed = {digest(key.encode()): parse_name(key) for key in keys}
        self._file = file
        self._names = dict(self._fixed)
        self._seen: tuple[int, int, int] | None = None
        self._poll_at = time.monotonic() + POLL_INTERVAL_S
        if file is not None:
            try:
                self._read(file)
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"HELEN_API_KEYS_FILE is {file}, which can't be read: {error}") from error

    def __bool__(self) -> bool:
        """Whether a key is wanted at all."""
        return self._file is not None or bool(self._fixed)

    def find_owner(self, key: bytes) -> str | None:
        """The name of a key, or None when it isn't in the store.

        Digests are compared, in constant time and all of them each time, so that an answer's delay says nothing of
        how near a guess was.
        """
        if self._file is not None and time.monotonic() >= self._poll_at:
            self._poll(self._file)
        found = digest(key)
        owner = None
        for known, name in self._names.items():
            if hmac.compare_digest(found, known):
                owner = name
        return owner

    def _poll(self, file: Path) -> None:
        self._poll_at = time.monotonic() + POLL_INTERVAL_S
        try:
            if self._state(file) != self._seen:
                self._read(file)
                logger.info("%d API keys from %s", len(self._names) - len(self._fixed), file)
        except (OSError, UnicodeDecodeError) as error:
            if self._seen is not None:
                logger.warning("%s can't be read, the keys that it had go on: %s", file, error)
            self._seen = None

    def _read(self, file: Path) -> None:
        state = self._state(file)  # before the read, so that what is written meanwhile is a change
        self._names = self._fixed | parse_keys(file.read_text(encoding="utf-8"))
        self._seen = state

    @staticmethod
    def _state(file: Path) -> tuple[int, int, int]:
        status = file.stat()
        return status.st_ino, status.st_mtime_ns, status.st_size


def parse_keys(text: str) -> dict[bytes, str]:
    """Each key's digest in a key file's text, with its name."""
    found = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words:
            found[digest(words[-1].encode())] = words[0] if len(words) > 1 else parse_name(words[-1])
    return found


def parse_name(key: str) -> str:
    """The name of a key that has none: enough of its digest to tell keys apart, too little to be of use."""
    return digest(key.encode()).hex()[:NAME_DIGITS]


def digest(key: bytes) -> bytes:
    """A key's SHA-256."""
    return hashlib.sha256(key).digest()
