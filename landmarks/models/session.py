"""A model file that can be called: an ONNX Runtime session and its card, checked against each other.

The same class runs in the service and on the Raspberry Pi. It knows nothing of batching, requests or Ray.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from landmarks.models.card import (
    CARD_FILE,
    MODEL_FILE,
    ModelCard,
    ModelError,
    compute_sha256,
    decode_golden,
    read_bounded,
    read_card,
)
from landmarks.models.checks import Kind, check_range, check_tensors
from landmarks.protocol.tensors import LOGITS, TensorSpec

Tensors = Mapping[str, npt.NDArray[np.float32]]

MAX_MODEL_BYTES = 256 * 1024 * 1024


class ModelSession:
    """A loaded model: ``run`` maps named float32 arrays to named float32 arrays.

    Loading verifies the file: its SHA-256 is the card's, the golden input gives the golden output, and it runs what
    the card allows (``checks.py``). ``model`` keeps the file's bytes; ONNX Runtime gets them directly, so that a model
    file can't make it read other files as external weights.
    """

    def __init__(self, model: bytes, card: ModelCard, *, threads: int | None = None, kind: Kind | None = None) -> None:
        """Load ``model``, the bytes of an ONNX file.

        Args:
            model: the file.
            card: its card.
            threads: ONNX Runtime threads, by default the card's.
            kind: reject a model of the other kind.

        Raises:
            ModelError: wrong hash, not an ONNX model, a golden output that differs, or tensors, frames or batches for
                which the card isn't true.
        """
        found = compute_sha256(model)
        if found != card.sha256:
            raise ModelError(f"{MODEL_FILE} has SHA-256 {found[:12]}…, its card expects {card.sha256[:12]}…")
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or card.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A spinning pool would take the core from the replicas beside it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises classes of its own that share no public base
            raise ModelError(f"ONNX Runtime can't load {MODEL_FILE}: {error}") from error
        self.card = card
        self.model = model
        self.inputs = tuple(read_tensor_spec(node) for node in self._session.get_inputs())
        self.outputs = tuple(read_tensor_spec(node) for node in self._session.get_outputs())
        self.input_names = tuple(spec.name for spec in self.inputs)
        self.output_names = tuple(spec.name for spec in self.outputs)
        self.kind = check_tensors(card, self.inputs, self.outputs)
        if kind not in (None, self.kind):
            raise ModelError(f"{MODEL_FILE} is a {self.kind} model, expected a {kind} model")
        self._check_golden()
        check_range(card, self.kind, self.run)

    @classmethod
    def open(cls, folder: Path, *, threads: int | None = None, kind: Kind | None = None) -> "ModelSession":
        """Load ``model.onnx`` and ``card.json`` of a folder.

        Raises:
            ModelError: as the constructor, or when one of the two files can't be read.
        """
        card = read_card(folder / CARD_FILE)
        return cls(read_bounded(folder / MODEL_FILE, MAX_MODEL_BYTES), card, threads=threads, kind=kind)

    def run(self, tensors: Tensors, outputs: Sequence[str] | None = None) -> dict[str, npt.NDArray[np.float32]]:
        """Run one batch: float32 arrays with a leading batch axis, by input name.

        Args:
            tensors: the inputs.
            outputs: names of those to compute, by default every one.

        Raises:
            ModelError: when a tensor is missing, an output is unknown, or ONNX Runtime rejects a shape.
        """
        names = self.output_names if outputs is None else tuple(outputs)
        missing = [name for name in self.input_names if name not in tensors]
        if missing:
            raise ModelError(f"model {self.card.name} wants the tensors {list(self.input_names)}, missing {missing}")
        try:
            computed: Any = self._session.run(names, {name: tensors[name] for name in self.input_names})
        except Exception as error:
            raise ModelError(f"model {self.card.name} could not run: {error}") from error
        return dict(zip(names, computed, strict=True))

    def _check_golden(self) -> None:
        golden = self.card.golden
        outputs = self.run(decode_golden(golden.inputs))
        if not golden.outputs:
            raise ModelError("the card's golden sample has no outputs, expected at least one")
        for name, expected in decode_golden(golden.outputs).items():
            if name not in outputs:
                raise ModelError(f"golden output {name} is not among the model's outputs {list(self.output_names)}")
            found = outputs[name]
            if found.shape != expected.shape:
                raise ModelError(f"golden output {name} has shape {found.shape}, its card expects {expected.shape}")
            difference = float(np.abs(found - expected).max(initial=0))
            if name == LOGITS and found.shape[-1] != self.card.num_classes:
                labels = self.card.num_classes
                raise ModelError(f"{MODEL_FILE} names {found.shape[-1]} classes, its card has {labels} labels")
            if not difference <= golden.tolerance:
                raise ModelError(
                    f"golden output {name} differs by {difference:.3g}, its card allows {golden.tolerance:.3g}"
                )


def read_tensor_spec(node: ort.NodeArg) -> TensorSpec:
    """The spec of one of the graph's inputs or outputs; a free axis is -1.

    Raises:
        ModelError: it isn't float32.
    """
    if node.type != "tensor(float)":
        raise ModelError(f"{MODEL_FILE} has the tensor {node.name} of type {node.type}, expected tensor(float)")
    return TensorSpec(node.name, "FP32", tuple(axis if isinstance(axis, int) else -1 for axis in node.shape))
