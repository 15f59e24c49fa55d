"""What crosses the hops of the graph: one batch is one message, in one direction."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from landmarks.models.card import ModelCard
from landmarks.protocol.tensors import TensorSpec

Tensors = dict[str, npt.NDArray[np.float32]]


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
    """A batch's answers as tensors by name: float32 arrays and arrays of bytes (dtype ``S``), batch axis first.

    ``failed`` has, by row, why a row got no answer.
    """

    version: str
    tensors: dict[str, npt.NDArray[Any]]
    failed: dict[int, Exception]


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """What a model replica says of itself; ``card`` is None, and ``reason`` says why, while it can't answer.

    ``inputs`` and ``outputs`` are those of the model file. ``published`` is false only where the sources were listed
    and hold no version at all.
    """

    name: str
    version: str | None = None
    source: str | None = None
    card: ModelCard | None = None
    reason: str | None = None
    refused: dict[str, str] = field(default_factory=dict)
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    published: bool = True

    def metadata(self) -> dict[str, Any]:
        """The model's entry in ``GET /metadata``."""
        card = self.card
        if card is None:
            return {"name": self.name, "ready": False, "reason": self.reason, "refused": self.refused}
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
            "refused": self.refused,
        }
