"""From a model's raw outputs to the answer a client reads. Its replicas know no model and hold no state."""

from functools import lru_cache

import msgspec
import numpy as np
import numpy.typing as npt

from landmarks.session import LOGITS
from landmarks.tensors import TensorSpec
from serve_app.errors import RequestError
from serve_app.messages import Outputs, Scored, Tensors
from serve_app.shot_answer import judge

PROBABILITY_DIGITS = 6


PROBABILITIES = "probabilities"
LABEL = "label"


class Postprocess:
    """The last stage of the graph: a scored batch in, each item's encoded answer out.

    What takes microseconds is ``async``: Serve starts a thread for a method that isn't, which costs more than the
    softmax. The rules of a shot take milliseconds and have one.
    """

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode

    async def predict(self, scored: Scored) -> list[bytes | Exception]:
        """Answer a gesture batch: ``logits`` ``(B, C)`` become B JSON objects, one a window.

        Each has ``prediction``, ``probabilities``, ``top_index``, ``top_probability`` and ``model_version``; the
        ingress adds ``elapsed_ms``. A row that isn't finite becomes an exception for its own caller.
        """
        probabilities = softmax(scored.outputs[LOGITS] / scored.temperature)
        top = probabilities.argmax(axis=-1)
        rows = np.round(probabilities.astype(np.float64), PROBABILITY_DIGITS).tolist()
        return [
            self._answer(scored, row, int(index)) if np.isfinite(row[index]) else not_finite(scored)
            for row, index in zip(rows, top, strict=True)
        ]

    async def outputs(self, scored: Scored) -> Outputs:
        """A gesture batch as tensors: the model's own outputs and those of ``output_specs``.

        A row that isn't finite fails for its own caller.
        """
        probabilities = softmax(scored.outputs[LOGITS] / scored.temperature)
        labels = np.array([label.encode() for label in scored.class_labels])[probabilities.argmax(axis=-1)]
        finite = np.isfinite(probabilities).all(axis=-1)
        return Outputs(
            scored.version,
            scored.outputs | {PROBABILITIES: probabilities, LABEL: labels},
            {int(row): not_finite(scored) for row in np.flatnonzero(~finite)},
        )

    def judge(self, batch: Tensors) -> list[bytes | Exception]:
        """Answer a batch of shots by the rules: items of ``shot_frames.shot_tensors`` with a leading batch axis.

        An item without a shot becomes an exception for its own caller.
        """
        count = len(batch["points"])
        return [self._judge({name: array[index] for name, array in batch.items()}) for index in range(count)]

    def _judge(self, item: Tensors) -> bytes | Exception:
        try:
            return self._encode(judge(item))
        except RequestError as error:
            return error

    def _answer(self, scored: Scored, probabilities: list[float], top_index: int) -> bytes:
        return self._encode(
            {
                "prediction": scored.class_labels[top_index],
                "probabilities": probabilities,
                "top_index": top_index,
                "top_probability": probabilities[top_index],
                "model_version": scored.version,
            }
        )


@lru_cache(8)
def output_specs(outputs: tuple[TensorSpec, ...], num_classes: int) -> tuple[TensorSpec, ...]:
    """The tensors of ``Postprocess.outputs`` for a gesture model with these outputs of its own."""
    return (
        *outputs,
        TensorSpec(PROBABILITIES, "FP32", (-1, num_classes)),
        TensorSpec(LABEL, "BYTES", (-1,)),
    )


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Softmax over the last axis, shifted by its maximum so that it can't overflow."""
    with np.errstate(invalid="ignore"):  # rows that aren't finite are answered by not_finite
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        shares: npt.NDArray[np.float32] = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def not_finite(scored: Scored) -> RequestError:
    """The error of a window for which the model gave no finite numbers."""
    return RequestError(f"model version {scored.version} gave an answer that is not finite for this window")
