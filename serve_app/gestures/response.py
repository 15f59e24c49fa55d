"""From a gesture model's raw outputs to what a client reads: JSON objects, or tensors."""

import math
from functools import lru_cache

import numpy as np

from landmarks.protocol.predictions import PROBABILITY_DIGITS, ModelPrediction, softmax
from landmarks.protocol.tensors import LABEL, LOGITS, PROBABILITIES, TensorSpec
from serve_app.errors import RequestError
from serve_app.schemas import ModelOutput, TensorResponse


def build_predictions(output: ModelOutput) -> list[ModelPrediction | RequestError]:
    """One prediction a window from ``logits`` ``(B, C)``; an exception for a row that isn't finite."""
    probabilities = softmax(output.outputs[LOGITS] / output.temperature)
    top = probabilities.argmax(axis=-1).tolist()
    rows = np.round(probabilities.astype(np.float64), PROBABILITY_DIGITS).tolist()
    return [
        ModelPrediction(output.class_labels[index], tuple(row), index, row[index], output.version)
        if math.isfinite(row[index])
        else build_not_finite_error(output)
        for row, index in zip(rows, top, strict=True)
    ]


def build_tensors(output: ModelOutput) -> TensorResponse:
    """The model's own outputs and those that ``list_outputs`` adds; a row that isn't finite fails for its caller."""
    probabilities = softmax(output.outputs[LOGITS] / output.temperature)
    labels = np.array([label.encode() for label in output.class_labels])[probabilities.argmax(axis=-1)]
    finite = np.isfinite(probabilities).all(axis=-1)
    return TensorResponse(
        output.version,
        output.outputs | {PROBABILITIES: probabilities, LABEL: labels},
        {int(row): build_not_finite_error(output) for row in np.flatnonzero(~finite)},
    )


@lru_cache(8)
def list_outputs(outputs: tuple[TensorSpec, ...], num_classes: int) -> tuple[TensorSpec, ...]:
    """The tensors of ``build_tensors`` for a model with these outputs, which names ``num_classes`` labels."""
    return (
        *(TensorSpec(LOGITS, "FP32", (-1, num_classes)) if spec.name == LOGITS else spec for spec in outputs),
        TensorSpec(PROBABILITIES, "FP32", (-1, num_classes)),
        TensorSpec(LABEL, "BYTES", (-1,)),
    )


def build_not_finite_error(output: ModelOutput) -> RequestError:
    """The error of a window for which the model gave no finite numbers."""
    return RequestError(f"model version {output.version} gave an answer that is not finite for this window")
