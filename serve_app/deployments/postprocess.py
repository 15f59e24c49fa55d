"""The last stage of the graph: from a model's raw outputs to the responses that clients read."""

import asyncio
import math
import time
from collections.abc import Sequence

import msgspec

from landmarks.protocol.predictions import ModelPrediction
from landmarks.protocol.tensors import LABEL, PROBABILITIES
from serve_app.errors import RequestError
from serve_app.gestures import response as gestures
from serve_app.observability.metrics import PostprocessMetrics, Snapshot
from serve_app.schemas import ModelOutput, TensorResponse
from serve_app.shots import analysis as shots
from serve_app.shots.request import ShotRequest

RULES = "rules"  # the version of what analyzes shots without a model


class Postprocess:
    """One replica; it knows no model and holds no state.

    What takes microseconds runs in the replica's loop: a thread costs more than the softmax. The rules of a shot take
    milliseconds and have one.
    """

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._metrics = PostprocessMetrics()

    async def predict(self, output: ModelOutput) -> list[bytes | Exception]:
        """A gesture batch as JSON objects of ``ModelPrediction``, one a window.

        A row that isn't finite becomes an exception for its own caller.
        """
        started = time.perf_counter()
        responses = gestures.build_predictions(output)
        named = [(r.prediction, r.top_probability) for r in responses if isinstance(r, ModelPrediction)]
        encoded: list[bytes | Exception] = [r if isinstance(r, Exception) else self._encode(r) for r in responses]
        self._record("gesture", output.version, named, started)
        return encoded

    async def predict_tensors(self, output: ModelOutput) -> TensorResponse:
        """A gesture batch as tensors, those of ``gestures.response.list_outputs``."""
        started = time.perf_counter()
        response = gestures.build_tensors(output)
        tensors = response.tensors
        surest = zip(tensors[LABEL].tolist(), tensors[PROBABILITIES].max(axis=-1).tolist(), strict=True)
        named = [(label.decode(), p) for label, p in surest if math.isfinite(p)]
        self._record("gesture", output.version, named, started)
        return response

    async def analyze(self, batch: Sequence[ShotRequest], output: ModelOutput | None) -> list[bytes | Exception]:
        """A batch of shots as JSON objects, by the model's ``output`` where there is one, else by the rules.

        A shot that isn't one becomes an exception for its own caller. A call that is cancelled ends after the shot at
        hand.
        """
        started = time.perf_counter()
        version = RULES if output is None else output.version
        encoded: list[bytes | Exception] = []
        named: list[tuple[str, float]] = []
        for index, shot in enumerate(batch):
            try:
                if output is None:
                    response = await asyncio.to_thread(shots.analyze_with_rules, shot)
                else:
                    response = await asyncio.to_thread(shots.analyze_with_model, shot, output, index)
            except RequestError as error:
                encoded.append(error)
                continue
            named += [(label, response["probabilities"][label]) for label in response["labels"]]
            encoded.append(self._encode(response))
        self._record("shot", version, named, started)
        return encoded

    async def analyze_tensors(self, output: ModelOutput) -> TensorResponse:
        """A shot batch as tensors, those of ``shots.analysis.list_outputs``."""
        started = time.perf_counter()
        response = shots.build_tensors(output)
        self._record("shot", output.version, (), started)
        return response

    async def snapshot(self) -> Snapshot:
        """This replica's metrics."""
        return self._metrics.snapshot()

    def _record(self, model: str, version: str, named: Sequence[tuple[str, float]], started: float) -> None:
        self._metrics.record_predictions(model, version, named)
        self._metrics.record_batch(model, version, time.perf_counter() - started)
