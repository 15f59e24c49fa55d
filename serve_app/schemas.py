"""What crosses the hops of the graph: one batch is one message, in one direction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from landmarks.models.card import ModelCard
from landmarks.protocol.tensors import TensorSpec

Tensors = dict[str, npt.NDArray[np.float32]]


def stack(items: Sequence[Tensors]) -> Tensors:
    """Items of equal shapes as one batch: each array with a leading batch axis."""
    return {name: np.stack([item[name] for item in items]) for name in items[0]}


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """A model's raw outputs for a batch, with what reading them takes, so that labels and logits can't come apart.

    ``outputs`` are float32 arrays with a leading batch axis, by output name.
    """

    version: str
    class_labels: tuple[str, ...]
    temperature: float
    outputs: Tensors


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


class ResponseRow(NamedTuple):
    """One item's row of a batch's tensors."""

    response: TensorResponse
    row: int


def join_rows(rows: Sequence[ResponseRow]) -> dict[str, npt.NDArray[Any]]:
    """Rows as tensors with a leading batch axis, in their order."""
    names = rows[0].response.tensors
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
