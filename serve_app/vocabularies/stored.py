"""StoredVocabulary: one vocabulary file of the repository and what it says; knows no file system and no model."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from landmarks.models.card import compute_sha256
from landmarks.models.vocabulary import Vocabulary, VocabularyError, compute_digest
from landmarks.models.vocabulary_files import NAME, NAME_RULE, decode_vocabulary
from landmarks.recording import NONE
from serve_app.errors import InvalidInput
from serve_app.schemas import VocabularyKey


@dataclass(frozen=True, slots=True, eq=False)
class StoredVocabulary:
    """A file that was read and checked: its bytes, their SHA-256, and what lists and clients are told of it.

    ``recordings`` counts them by label, ``none`` included; ``embedding_dim`` is the width of its prototypes.
    """

    name: str
    data: bytes
    sha256: str
    digest: str
    base: str
    embedding_dim: int
    gestures: tuple[str, ...]
    keep: tuple[str, ...]
    recordings: dict[str, int]

    @property
    def key(self) -> VocabularyKey:
        """How a request names it."""
        return VocabularyKey(self.name, self.sha256)

    def list_labels(self, base_labels: Sequence[str]) -> tuple[str, ...]:
        """The labels of its predictions over a base model with these; words to keep that it lacks are left out."""
        return (*self.gestures, *(label for label in self.keep if label in base_labels), NONE)

    def describe(self) -> dict[str, Any]:
        """Its entry in ``GET /vocabularies``."""
        return {
            "name": self.name,
            "labels": (*self.gestures, *self.keep, NONE),
            "recordings": self.recordings,
            "keep": self.keep,
            "bytes": len(self.data),
            "base": self.base,
            "digest": self.digest,
        }


def read_stored(name: str, data: bytes) -> StoredVocabulary:
    """Check the bytes of a vocabulary file.

    Raises:
        VocabularyError: they aren't one.
    """
    vocabulary = decode(data)
    return StoredVocabulary(
        name,
        data,
        compute_sha256(data),
        compute_digest(vocabulary),
        vocabulary.base,
        vocabulary.head.prototypes.shape[1],
        vocabulary.gestures,
        vocabulary.keep,
        dict(sorted(Counter(vocabulary.recording.label.tolist()).items())),
    )


def decode(data: bytes) -> Vocabulary:
    """As ``decode_vocabulary``; whatever else NumPy makes of damaged bytes is a ``VocabularyError`` too."""
    try:
        with np.errstate(all="ignore"):
            return decode_vocabulary(data)
    except VocabularyError:
        raise
    except Exception as error:
        raise VocabularyError("the vocabulary is damaged: copy or teach it again") from error


def check_name(name: str) -> str:
    """A name under which a vocabulary may be stored.

    Raises:
        InvalidInput: it isn't one.
    """
    if not NAME.fullmatch(name):
        raise InvalidInput(f"the vocabulary's name is {name[:100]!r}, expected {NAME_RULE}")
    return name


def to_utf8(name: str) -> str:
    """A file's name as UTF-8 can write it."""
    return name.encode(errors="replace").decode()
