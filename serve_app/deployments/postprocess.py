"""From a model's raw outputs to the answer a client reads. Its replicas know no model and hold no state."""

import asyncio
import math
import time
from functools import lru_cache

import msgspec
import numpy as np

from landmarks.protocol.predictions import PROBABILITY_DIGITS, ModelPrediction, sigmoid, softmax
from landmarks.protocol.tensors import LABEL, LOGITS, PROBABILITIES, TensorSpec
from serve_app.errors import RequestError
from serve_app.observability.metrics import PostprocessMetrics, Snapshot
from serve_app.schemas import ModelOutput, TensorResponse, Tensors
from serve_app.shots.analysis import analyze_with_model, judge

RULES = "rules"  # the version of what judges shots without a model


class Postprocess:
    """The last stage of the graph: a scored batch in, each item's encoded answer out.

    What takes microseconds runs in the replica's loop: a thread costs more than the softmax. The rules of a shot take
    milliseconds and have one.
    """

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._counts = PostprocessMetrics()

    async def predict(self, scored: ModelOutput) -> list[bytes | Exception]:
        """Answer a gesture batch: ``logits`` ``(B, C)`` become B JSON objects, one a window.

        Each has ``prediction``, ``probabilities``, ``top_index``, ``top_probability`` and ``model_version``; the
        ingress adds ``elapsed_ms``. A row that isn't finite becomes an exception for its own caller.
        """
        started = time.perf_counter()
        probabilities = softmax(scored.outputs[LOGITS] / scored.temperature)
        top = probabilities.argmax(axis=-1).tolist()
        rows = np.round(probabilities.astype(np.float64), PROBABILITY_DIGITS).tolist()
        answers: list[bytes | Exception] = [
            self._answer(scored, row, index) if math.isfinite(row[index]) else not_finite(scored)
            for row, index in zip(rows, top, strict=True)
        ]
        surest = [row[index] for row, index in zip(rows, top, strict=True)]
        self._count(scored, top, surest, started)
        return answers

    async def outputs(self, scored: ModelOutput) -> TensorResponse:
        """A gesture batch as tensors: the model's own outputs and those of ``output_specs``.

        A row that isn't finite fails for its own caller.
        """
        started = time.perf_counter()
        probabilities = softmax(scored.outputs[LOGITS] / scored.temperature)
        top = probabilities.argmax(axis=-1)
        labels = np.array([label.encode() for label in scored.class_labels])[top]
        finite = np.isfinite(probabilities).all(axis=-1)
        self._count(scored, top.tolist(), probabilities.max(axis=-1).tolist(), started)
        return TensorResponse(
            scored.version,
            scored.outputs | {PROBABILITIES: probabilities, LABEL: labels},
            {int(row): not_finite(scored) for row in np.flatnonzero(~finite)},
        )

    async def shot_outputs(self, scored: ModelOutput) -> TensorResponse:
        """A shot batch as tensors: the model's own outputs and those of ``shot_specs``.

        A row that isn't finite fails for its own caller.
        """
        started = time.perf_counter()
        finite = np.all([np.isfinite(tensor).all(axis=-1) for tensor in scored.outputs.values()], axis=0)
        shares = sigmoid(scored.outputs[LOGITS].astype(np.float64) / scored.temperature).astype(np.float32)
        self._counts.answered("shot", scored.version, time.perf_counter() - started)
        return TensorResponse(
            scored.version,
            scored.outputs | {PROBABILITIES: shares},
            {int(row): not_finite(scored) for row in np.flatnonzero(~finite)},
        )

    async def judge(self, batch: Tensors, scored: ModelOutput | None) -> list[bytes | Exception]:
        """Answer a batch of shots: items of ``shot_frames.shot_tensors`` with a leading batch axis.

        By the model's ``logits`` ``(B, 4)`` and ``preds`` ``(B, 2)`` where it scored them, else by the rules. An item
        without a shot becomes an exception for its own caller. A call that is cancelled ends after the item at hand.
        """
        started = time.perf_counter()
        version = RULES if scored is None else scored.version
        answers: list[bytes | Exception] = []
        for index in range(len(batch["points"])):
            item = {name: array[index] for name, array in batch.items()}
            try:
                if scored is None:
                    answer = await asyncio.to_thread(judge, item)
                else:
                    answer = await asyncio.to_thread(analyze_with_model, item, scored, index)
            except RequestError as error:
                answers.append(error)
                continue
            probabilities = answer["probabilities"]
            self._counts.named("shot", version, [(label, probabilities[label]) for label in answer["labels"]])
            answers.append(self._encode(answer))
        self._counts.answered("shot", version, time.perf_counter() - started)
        return answers

    async def snapshot(self) -> Snapshot:
        """What this replica has counted."""
        return self._counts.snapshot()

    def _count(self, scored: ModelOutput, top: list[int], surest: list[float], started: float) -> None:
        named = [(scored.class_labels[index], p) for index, p in zip(top, surest, strict=True) if math.isfinite(p)]
        self._counts.named("gesture", scored.version, named)
        self._counts.answered("gesture", scored.version, time.perf_counter() - started)

    def _answer(self, scored: ModelOutput, probabilities: list[float], top_index: int) -> bytes:
        return self._encode(
            ModelPrediction(
                prediction=scored.class_labels[top_index],
                probabilities=tuple(probabilities),
                top_index=top_index,
                top_probability=probabilities[top_index],
                model_version=scored.version,
            )
        )


@lru_cache(8)
def output_specs(outputs: tuple[TensorSpec, ...], num_classes: int) -> tuple[TensorSpec, ...]:
    """The tensors of ``Postprocess.outputs`` for a gesture model with these outputs of its own."""
    return (
        *outputs,
        TensorSpec(PROBABILITIES, "FP32", (-1, num_classes)),
        TensorSpec(LABEL, "BYTES", (-1,)),
    )


@lru_cache(8)
def shot_specs(outputs: tuple[TensorSpec, ...], num_classes: int) -> tuple[TensorSpec, ...]:
    """The tensors of ``Postprocess.shot_outputs`` for a shot model with these outputs of its own."""
    return *outputs, TensorSpec(PROBABILITIES, "FP32", (-1, num_classes))


def not_finite(scored: ModelOutput) -> RequestError:
    """The error of a window for which the model gave no finite numbers."""
    return RequestError(f"model version {scored.version} gave an answer that is not finite for this window")
