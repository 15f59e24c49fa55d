"""From a model's raw outputs to the answer a client reads. Its replicas know no model and hold no state."""

import msgspec
import numpy as np
import numpy.typing as npt

from serve_app.errors import RequestError
from serve_app.messages import Scored, Tensors
from serve_app.shot_answer import judge, judge_scored

PROBABILITY_DIGITS = 6


class Postprocess:
    """The last stage of the graph: a scored batch in, each item's encoded answer out."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode

    def predict(self, scored: Scored) -> list[bytes | Exception]:
        """Answer a gesture batch: ``logits`` ``(B, C)`` become B JSON objects, one a window.

        Each has ``prediction``, ``probabilities``, ``top_index``, ``top_probability`` and ``model_version``; the
        ingress adds ``elapsed_ms``. A row that isn't finite becomes an exception for its own caller.
        """
        probabilities = softmax(scored.outputs["logits"] / scored.temperature)
        top = probabilities.argmax(axis=-1)
        rows = np.round(probabilities.astype(np.float64), PROBABILITY_DIGITS).tolist()
        return [
            self._answer(scored, row, int(index)) if np.isfinite(row[index]) else not_finite(scored)
            for row, index in zip(rows, top, strict=True)
        ]

    def judge(self, batch: Tensors, scored: Scored | None) -> list[bytes | Exception]:
        """Answer a batch of shots: items of ``shot_frames.shot_tensors`` with a leading batch axis.

        By the model's ``logits`` ``(B, 4)`` and ``preds`` ``(B, 2)`` where it scored them, else by the rules. An item
        without a shot becomes an exception for its own caller.
        """
        answers: list[bytes | Exception] = []
        for index in range(len(batch["points"])):
            item = {name: array[index] for name, array in batch.items()}
            try:
                answers.append(self._encode(judge(item) if scored is None else judge_scored(item, scored, index)))
            except RequestError as error:
                answers.append(error)
        return answers

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


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Softmax over the last axis, shifted by its maximum so that it can't overflow."""
    with np.errstate(invalid="ignore"):  # rows that aren't finite are answered by not_finite
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        shares: npt.NDArray[np.float32] = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def not_finite(scored: Scored) -> RequestError:
    """The error of a window for which the model gave no finite numbers."""
    return RequestError(f"model version {scored.version} gave an answer that is not finite for this window")
