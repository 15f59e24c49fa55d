"""ModelCard: everything a server or a client must know about one model file, kept beside it as ``card.json``.

Data only: ``session.py`` loads the model. A card is written once, by the export.
"""

import hashlib
import stat
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

CARD_FILE = "card.json"
MODEL_FILE = "model.onnx"
MAX_CARD_BYTES = 4 * 1024 * 1024

FILE_TYPES = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

Normalization = Literal["image", "hand_box"]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class ModelError(Exception):
    """A model file or its card can't be used; the message says what was found and what was expected."""


class Golden(msgspec.Struct, frozen=True, kw_only=True):
    """One input of the model and the output it must give, by tensor name, as nested lists without a batch axis."""

    inputs: dict[str, list[Any]]
    outputs: dict[str, list[Any]]
    tolerance: Annotated[float, msgspec.Meta(gt=0, le=0.1)] = 1e-4


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """One held-out figure: which data, which split, what was measured, and the command that prints it."""

    data: str
    protocol: str
    metric: str
    value: float
    command: str


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """Where the weights come from: data, its licence, how it was split, and the command that made the file."""

    data: str
    licence: str
    split: str
    command: str
    date: str


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """One model file, described.

    ``feature_dim`` numbers a frame and ``min_seq_len..seq_len`` frames a window are what clients may send, prepared
    as ``normalization`` says: ``image`` is raw MediaPipe landmarks (the model normalises them itself), ``hand_box``
    is ``landmarks.hands.hand_box_normalise``. ``temperature`` divides the logits before the softmax; its bounds leave
    the quotient of any float32 logit that a network gives finite. ``embedding_dim`` is the width of the output
    ``embedding``, unit vectors in which alike windows lie close together; a model without one carries no vocabulary.
    """

    card_version: Literal[1] = 1
    name: Name
    description: str
    class_labels: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=10_000)]
    seq_len: Count
    min_seq_len: Count
    feature_dim: Count
    use_z: bool
    normalization: Normalization
    temperature: Annotated[float, msgspec.Meta(ge=0.01, le=100)] = 1.0
    threads: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    embedding_dim: Annotated[int, msgspec.Meta(ge=1, le=4096)] | None = None
    training: Training
    evaluation: tuple[Evaluation, ...] = ()
    sha256: Sha256
    golden: Golden

    def __post_init__(self) -> None:
        if self.min_seq_len > self.seq_len:
            raise ValueError(f"min_seq_len is {self.min_seq_len}, expected at most seq_len = {self.seq_len}")
        if len(set(self.class_labels)) != len(self.class_labels):
            raise ValueError("class_labels has a label twice, expected each label once")

    @property
    def num_classes(self) -> int:
        return len(self.class_labels)


def compute_sha256(data: bytes) -> str:
    """The SHA-256 of a model file's bytes, in hexadecimal, as a card holds it."""
    return hashlib.sha256(data).hexdigest()


def decode_golden(tensors: dict[str, list[Any]]) -> dict[str, npt.NDArray[np.float32]]:
    """A golden sample's tensors as float32 arrays with a batch axis of 1.

    Raises:
        ModelError: lists of different length, anything but numbers, or a number that float32 can't hold.
    """
    arrays = {}
    for name, values in tensors.items():
        try:
            numbers = np.asarray(values)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"the card's golden {name} has lists of different length, expected a table") from error
        if numbers.dtype.kind not in "iuf":
            raise ModelError(f"the card's golden {name} has something other than numbers, expected only numbers")
        with np.errstate(over="ignore"):
            arrays[name] = numbers.astype(np.float32)[None]
        if not np.isfinite(arrays[name]).all():
            raise ModelError(f"the card's golden {name} has a number that float32 can't hold, expected finite ones")
    return arrays


def read_card(path: Path) -> ModelCard:
    """Read and check a ``card.json``.

    Raises:
        ModelError: when the file can't be read, is larger than 4 MiB, or isn't a card.
    """
    return decode_card(read_bounded(path, MAX_CARD_BYTES), str(path))


def decode_card(data: bytes, source: str) -> ModelCard:
    """Decode and check a card's bytes; ``source`` names them in errors."""
    try:
        return msgspec.json.decode(data, type=ModelCard)
    except RecursionError as error:
        raise ModelError(f"{source} is not a model card: its lists are nested too deeply") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise ModelError(f"{source} is not a model card: {error}") from error


def write_card(card: ModelCard, path: Path) -> None:
    """Write a card as indented JSON, keys in the order of the class."""
    path.write_bytes(encode_card(card))


def encode_card(card: ModelCard) -> bytes:
    """A card's bytes as its file holds them."""
    return msgspec.json.format(msgspec.json.encode(card), indent=1) + b"\n"


def read_bounded(path: Path, limit: int) -> bytes:
    """A file's bytes, rejected above ``limit`` bytes. What isn't a file, such as a FIFO, is not opened.

    Raises:
        ModelError: when the file is missing, unreadable, too large or no file.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ModelError(f"{path} is {FILE_TYPES.get(stat.S_IFMT(found.st_mode))}, expected a file")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:  # a ValueError is a path that can't be one
        raise ModelError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > limit:
        raise ModelError(f"{path} has {max(len(data), found.st_size)} bytes, expected at most {limit}")
    return data


def describe_error(error: BaseException) -> str:
    """An error's message on one line of at most 500 characters, with its type unless it is a ``ModelError``."""
    message = " ".join(str(error).split()) or type(error).__name__
    return (message if isinstance(error, ModelError) else f"{type(error).__name__}: {message}")[:500]
