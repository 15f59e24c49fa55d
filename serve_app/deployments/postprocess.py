"""The last stage of the graph: from a model's raw outputs to the responses that clients read."""

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from landmarks.protocol.predictions import ModelPrediction
from landmarks.protocol.tensors import LABEL, PROBABILITIES
from landmarks.recording import Recording
from serve_app.errors import RequestError
from serve_app.gestures import response as gestures
from serve_app.observability.metrics import PostprocessMetrics, Snapshot
from serve_app.schemas import ModelOutput, TensorGroup, TensorResponse, VocabularyKey
from serve_app.shots import analysis as shots
from serve_app.shots.request import ShotRequest
from serve_app.vocabularies.heads import VocabularyHeads
from serve_app.vocabularies.store import VocabularyStore

RULES = "rules"  # the version of what analyzes shots without a model
FETCH_TIMEOUT_S = 5.0


class Postprocess:
    """One replica; it applies vocabularies, and loads a model only to teach one anew.

    What takes microseconds runs in the replica's loop: a thread costs more than the softmax. The rules of a shot take
    milliseconds and have one.

    Args:
        repository: the model repository that keeps the vocabularies; None: there are none.
        gesture: handle of the gesture model's deployment, which hands over the models that vocabularies read.
    """

    def __init__(self, repository: str | None = None, gesture: Any = None) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._metrics = PostprocessMetrics()
        self._gesture = gesture
        self.heads = VocabularyHeads(VocabularyStore(repository), self.fetch_model)
        self.heads.store.refresh()
        self.heads.store.watch(self._metrics.record_failure)

    async def predict(
        self, output: ModelOutput, vocabularies: Sequence[VocabularyKey | None] = ()
    ) -> list[bytes | Exception]:
        """A gesture batch as JSON objects of ``ModelPrediction``, one a window.

        A row that isn't finite becomes an exception for its own caller, as does one whose vocabulary can't be applied
        (yet). ``vocabularies`` names the vocabulary of each row that has one, and is empty where none has.
        """
        if not vocabularies:
            return self._predict(output)
        encoded: list[bytes | Exception] = [b""] * len(vocabularies)
        for key, rows in group_rows(vocabularies).items():
            for row, answer in zip(rows, await self._predict_group(output, key, rows), strict=True):
                encoded[row] = answer
        return encoded

    async def predict_tensors(
        self, output: ModelOutput, vocabularies: Sequence[VocabularyKey | None] = ()
    ) -> list[TensorGroup]:
        """A gesture batch as tensors, those of ``gestures.response.list_outputs``; a group for each vocabulary."""
        if not vocabularies:
            return [TensorGroup(self._predict_tensors(output))]
        groups = []
        for key, rows in group_rows(vocabularies).items():
            try:
                chosen = await self._select(output, key, rows)
                response: TensorResponse | RequestError = self._predict_tensors(chosen, key)
            except RequestError as error:
                response = error
            groups.append(TensorGroup(response, rows))
        return groups

    async def prepare(self, key: VocabularyKey, base: str) -> bool | RequestError:
        """As ``VocabularyHeads.prepare``."""
        return await self.heads.prepare(key, base)

    async def teach(self, recording: Recording, keep: Sequence[str], base: str) -> bytes | RequestError:
        """As ``VocabularyHeads.teach``."""
        return await self.heads.teach(recording, keep, base)

    async def fetch_model(self, base: str) -> Mapping[str, bytes] | None:
        """The files of the gesture model with this SHA-256, from a replica that serves it or did so before."""
        if self._gesture is None:
            return None
        asked = self._gesture.broadcast("find_artifacts", base)
        answers = await asked.results_async(timeout_s=FETCH_TIMEOUT_S, return_exceptions=True)
        return next((files for files in answers if isinstance(files, dict)), None)

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

    async def analyze_tensors(self, output: ModelOutput) -> list[TensorGroup]:
        """A shot batch as tensors, those of ``shots.analysis.list_outputs``."""
        started = time.perf_counter()
        response = shots.build_tensors(output)
        self._record("shot", output.version, (), started)
        return [TensorGroup(response)]

    async def snapshot(self) -> Snapshot:
        """This replica's metrics."""
        found = self.heads.store.found
        self._metrics.set_vocabularies(found.served, len(found.rejected))
        return self._metrics.snapshot()

    async def _select(self, output: ModelOutput, key: VocabularyKey | None, rows: Sequence[int]) -> ModelOutput:
        return await self.heads.apply(key, output, rows) if key else output.select(rows)

    async def _predict_group(
        self, output: ModelOutput, key: VocabularyKey | None, rows: Sequence[int]
    ) -> Sequence[bytes | Exception]:
        try:
            return self._predict(await self._select(output, key, rows), key)
        except RequestError as error:
            return [error] * len(rows)

    def _predict(self, output: ModelOutput, key: VocabularyKey | None = None) -> list[bytes | Exception]:
        started = time.perf_counter()
        responses = gestures.build_predictions(output)
        named = [(r.prediction, r.top_probability) for r in responses if isinstance(r, ModelPrediction)]
        encoded: list[bytes | Exception] = [r if isinstance(r, Exception) else self._encode(r) for r in responses]
        self._record_gestures(output, key, named, started)
        return encoded

    def _predict_tensors(self, output: ModelOutput, key: VocabularyKey | None = None) -> TensorResponse:
        started = time.perf_counter()
        response = gestures.build_tensors(output)
        tensors = response.tensors
        surest = zip(tensors[LABEL].tolist(), tensors[PROBABILITIES].max(axis=-1).tolist(), strict=True)
        named = [(label.decode(), p) for label, p in surest if math.isfinite(p)]
        self._record_gestures(output, key, named, started)
        return response

    def _record_gestures(
        self, output: ModelOutput, key: VocabularyKey | None, named: Sequence[tuple[str, float]], started: float
    ) -> None:
        if key is None:
            self._record("gesture", output.version, named, started)
        else:
            self._metrics.record_vocabulary(key.name, [label for label, _ in named])

    def _record(self, model: str, version: str, named: Sequence[tuple[str, float]], started: float) -> None:
        self._metrics.record_predictions(model, version, named)
        self._metrics.record_batch(model, version, time.perf_counter() - started)


def group_rows(vocabularies: Sequence[VocabularyKey | None]) -> dict[VocabularyKey | None, list[int]]:
    """Which rows of a batch each vocabulary names; None has those of the model itself."""
    groups: dict[VocabularyKey | None, list[int]] = {}
    for row, key in enumerate(vocabularies):
        groups.setdefault(key, []).append(row)
    return groups
