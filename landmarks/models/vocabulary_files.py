"""The file of a vocabulary: a recording (``landmarks/recording.py``) with its head; what reads recordings reads it too.

| array          | shape and type      | what                                                      |
|----------------|---------------------|-----------------------------------------------------------|
| ``head``       | ``()`` text         | JSON of ``HeadDescription``                               |
| ``prototypes`` | ``(P, E)`` float16  | views of the recordings, and a background, as embedded    |
| ``owner``      | ``(P,)`` int64      | which gesture, in alphabetical order; one beyond: nobody's |

Windows labelled ``none`` show no gesture.
"""

import io
import re
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import numpy as np

from landmarks.files.arrays import ArrayFileError, read_arrays
from landmarks.files.atomic import replace_file
from landmarks.models.card import ModelError, Sha256, read_bounded
from landmarks.models.prototypes import PrototypeHead
from landmarks.models.vocabulary import Vocabulary, VocabularyError, check_recording, list_gestures
from landmarks.recording import NONE, TEXTS, Arrays, RecordingError, make_recording, recording_arrays

SUFFIX: Final = ".vocabulary"
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", flags=re.ASCII)  # under which a service has it
NAME_RULE: Final = "1 to 64 of a-z, 0-9, _ and -, a letter or digit first"
MAX_BYTES: Final = 8 * 1024 * 1024
MAX_UNPACKED_BYTES: Final = 32 * 1024 * 1024
MAX_PROTOTYPES: Final = 8192
MAX_EMBEDDING: Final = 4096
UNIT_TOLERANCE: Final = 0.01


class HeadDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What a vocabulary's head needs besides its prototypes.

    ``base`` is the SHA-256 of the model that embedded them, ``keep`` the base's labels that go on, ``limits`` one a
    gesture in alphabetical order.
    """

    version: Literal[1] = 1
    base: Sha256
    keep: tuple[str, ...] = ()
    limits: tuple[Annotated[float, msgspec.Meta(ge=-1, le=1)], ...]
    scale: Annotated[float, msgspec.Meta(ge=0.001, le=1)]


def encode_vocabulary(vocabulary: Vocabulary) -> bytes:
    """A vocabulary as the bytes of its file."""
    head = vocabulary.head
    description = HeadDescription(
        base=vocabulary.base, keep=vocabulary.keep, limits=tuple(head.limits.tolist()), scale=head.scale
    )
    file = io.BytesIO()
    np.savez_compressed(
        file,
        allow_pickle=False,
        **recording_arrays(vocabulary.recording),
        head=np.array(msgspec.json.encode(description).decode()),
        prototypes=head.prototypes.astype(np.float16),
        owner=head.owner,
    )
    return file.getvalue()


def decode_vocabulary(data: bytes) -> Vocabulary:
    """Read and check the bytes of a vocabulary.

    Raises:
        VocabularyError: it isn't one, or its arrays don't fit together.
    """
    if len(data) > MAX_BYTES:
        raise VocabularyError(f"the vocabulary has {len(data)} bytes, expected at most {MAX_BYTES}")
    names = ("hands", *TEXTS, "fps", "head", "prototypes", "owner")
    try:
        arrays = read_arrays(data, names, max_bytes=MAX_UNPACKED_BYTES)
        recording = make_recording(arrays)
        check_recording(recording)
        description = msgspec.json.decode(str(arrays["head"]), type=HeadDescription)
    except ArrayFileError as error:
        raise VocabularyError(f"the vocabulary can't be read: {error}") from error
    except RecordingError as error:
        raise VocabularyError(f"the vocabulary's {error}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise VocabularyError(f"the vocabulary's head is not one: {error}") from error
    except ValueError as error:  # NumPy's texts may hold what is no character
        raise VocabularyError(f"the vocabulary's texts can't be read: {error}") from error
    gestures = list_gestures(recording)
    labels = (*gestures, *description.keep, NONE)
    if len(set(labels)) != len(labels):
        found = list(description.keep)[:8]
        raise VocabularyError(f"the vocabulary keeps {found}, expected each once, none of them taught, and not {NONE}")
    return Vocabulary(recording, description.base, read_head(arrays, description, len(gestures)), description.keep)


def read_head(arrays: Arrays, description: HeadDescription, gestures: int) -> PrototypeHead:
    """The head of a file's arrays.

    Raises:
        VocabularyError: they don't fit together, or aren't unit vectors.
    """
    prototypes, owner = arrays["prototypes"], arrays["owner"]
    if prototypes.dtype.kind != "f" or prototypes.ndim != 2 or owner.shape != prototypes.shape[:1]:
        found = f"{prototypes.dtype} {prototypes.shape} with owner {owner.dtype} {owner.shape}"
        raise VocabularyError(f"the vocabulary's prototypes are {found}, expected (P, E) numbers with owner (P,)")
    if len(prototypes) > MAX_PROTOTYPES or prototypes.shape[1] > MAX_EMBEDDING:
        most = (MAX_PROTOTYPES, MAX_EMBEDDING)
        raise VocabularyError(f"the vocabulary's prototypes are {prototypes.shape}, expected at most {most}")
    if owner.dtype.kind not in "iu" or set(owner.tolist()) | {gestures} != set(range(gestures + 1)):
        raise VocabularyError(f"the vocabulary's owner names other gestures than its {gestures}, expected each of them")
    if len(description.limits) != gestures:
        raise VocabularyError(f"the vocabulary's head has {len(description.limits)} limits, expected {gestures}")
    with np.errstate(over="ignore", invalid="ignore"):
        vectors = prototypes.astype(np.float32)
        lengths = np.linalg.norm(vectors, axis=1)
    if not (np.abs(lengths - 1) <= UNIT_TOLERANCE).all():  # not for what isn't finite either
        raise VocabularyError("the vocabulary's prototypes are not unit vectors")
    return PrototypeHead(vectors, owner.astype(np.int64), np.array(description.limits, np.float32), description.scale)


def read_vocabulary(path: Path) -> Vocabulary:
    """Read and check a file.

    Raises:
        VocabularyError: it can't be read or isn't a vocabulary.
    """
    try:
        return decode_vocabulary(read_bounded(path, MAX_BYTES))
    except ModelError as error:
        raise VocabularyError(str(error)) from error
    except VocabularyError as error:
        raise VocabularyError(f"{path}: {error}") from error


def write_vocabulary(vocabulary: Vocabulary, path: Path) -> None:
    """Write a file atomically.

    Raises:
        OSError: it can't be written; a file that had the name is unchanged.
    """
    data = encode_vocabulary(vocabulary)
    with replace_file(path) as file:
        file.write(data)
