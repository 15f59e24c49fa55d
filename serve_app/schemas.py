"""What crosses the hops of the graph: one batch is one message, in one direction."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from landmarks.models.card import ModelCard
from landmarks.protocol.tensors import EMBEDDING, LOGITS, TensorSpec

Tensors = dict[str, npt.NDArray[np.float32]]


class VocabularyKey(NamedTuple):
    """A vocabulary as a request names it, and the SHA-256 of its file, which may be replaced meanwhile."""

    name: str
    sha256: str


class BatchItem(NamedTuple):
    """One window for a model, the vocabulary that names it, and the model's outputs that its caller reads."""

    tensors: Tensors
    vocabulary: VocabularyKey | None = None
    outputs: tuple[str, ...] = ()


def stack(items: Sequence[BatchItem]) -> Tensors:
    """Items of equal shapes as one batch: each array with a leading batch axis."""
    return {name: np.stack([item.tensors[name] for item in items]) for name in items[0].tensors}


def list_vocabularies(items: Sequence[BatchItem]) -> tuple[VocabularyKey | None, ...]:
    """The vocabulary of each item; empty where no item has one."""
    keys = tuple(item.vocabulary for item in items)
    return keys if any(keys) else ()


def list_read_outputs(items: Sequence[BatchItem]) -> tuple[str, ...]:
    """The outputs of the gesture model that predictions, a batch's vocabularies and its callers read."""
    read = {name for item in items for name in item.outputs} | {EMBEDDING for item in items if item.vocabulary}
    return (LOGITS, *sorted(read - {LOGITS}))


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """A model's raw outputs for a batch, with what reading them takes, so that labels and logits can't come apart.

    ``outputs`` are float32 arrays with a leading batch axis, by output name; ``base`` is the model's SHA-256.
    """

    version: str
    class_labels: tuple[str, ...]
    temperature: float
    outputs: Tensors
    base: str = ""

    def select(self, rows: Sequence[int]) -> "ModelOutput":
        """Some rows of the batch, in this order."""
        return replace(self, outputs={name: tensor[rows] for name, tensor in self.outputs.items()})


@dataclass(frozen=True, slots=True)
class TensorResponse:
    """A batch's responses as tensors by name: float32 arrays and arrays of bytes (dtype ``S``), batch axis first.

    ``failed`` has, by row, why a row got no response.
    """

    version: str
    tensors: dict[str, npt.NDArray[Any]]
    failed: dict[int, Exception]

    def split_rows(self) -> "list[ResponseRow | Exception]":
        """Each row by itself."""
        count = len(next(iter(self.tensors.values())))
        return [self.failed.get(row) or ResponseRow(self, row) for row in range(count)]


class TensorGroup(NamedTuple):
    """The response to some rows of a batch, or to all where ``rows`` is None; or why they got none."""

    response: TensorResponse | Exception
    rows: Sequence[int] | None = None


def place_rows(groups: Sequence[TensorGroup], count: int) -> "list[ResponseRow | Exception]":
    """Each row of a batch by itself, in the batch's order."""
    placed: dict[int, ResponseRow | Exception] = {}
    for response, rows in groups:
        places = range(count) if rows is None else rows
        each = [response] * len(places) if isinstance(response, Exception) else response.split_rows()
        placed.update(zip(places, each, strict=True))
    return [placed[row] for row in range(count)]


class ResponseRow(NamedTuple):
    """One item's row of a batch's tensors."""

    response: TensorResponse
    row: int


def join_rows(rows: Sequence[ResponseRow]) -> dict[str, npt.NDArray[Any]]:
    """Rows as tensors with a leading batch axis, in their order: those that every row has."""
    names = [name for name in rows[0].response.tensors if all(name in row.response.tensors for row in rows)]
    return {name: np.concatenate([row.response.tensors[name][row.row : row.row + 1] for row in rows]) for name in names}


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model replica's status; ``card`` is None, and ``reason`` says why, while it has no model.

    ``inputs`` and ``outputs`` are those of the model file. ``has_published_version`` is false only where the sources
    were listed and hold no version at all.
    """

    name: str
    version: str | None = None
    source: str | None = None
    card: ModelCard | None = None
    reason: str | None = None
    rejected_versions: dict[str, str] = field(default_factory=dict)
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    has_published_version: bool = True

    def metadata(self) -> dict[str, Any]:
        """The model's entry in ``GET /metadata``."""
        card = self.card
        if card is None:
            return {"name": self.name, "ready": False, "reason": self.reason, "refused": self.rejected_versions}
        return {
            "name": self.name,
            "ready": True,
            "version": self.version,
            "source": self.source,
            "description": card.description,
            "seq_len": card.seq_len,
            "min_seq_len": card.min_seq_len,
            "use_z": card.use_z,
            "feature_dim": card.feature_dim,
            "num_classes": card.num_classes,
            "class_labels": card.class_labels,
            "normalization": card.normalization,
            "sha256": card.sha256,
            "refused": self.rejected_versions,
        }
