"""GestureClient: the gesture model's way through the graph, with vocabularies over it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

import numpy.typing as npt

from landmarks.models.card import ModelCard
from landmarks.protocol.tensors import TensorSpec
from landmarks.recording import Recording
from serve_app.batching.model_client import BatchingModelClient, Stages, get_shape
from serve_app.errors import NotReady, RequestError, VocabularyPending
from serve_app.gestures.response import list_outputs
from serve_app.schemas import BatchItem, Tensors, VocabularyKey
from serve_app.settings import ServiceArguments

PREPARE_POLL_S: Final = 0.05
PREPARE_TIMEOUT_S: Final = 60.0  # no request waits that long; the work of those that gave up is for the next
TEACH_TIMEOUT_S: Final = 60.0

Answer = TypeVar("Answer")


class GestureStages(Stages[BatchItem], Protocol):
    """The stages behind the ingress, with vocabularies."""

    def prepare(self, key: VocabularyKey, base: str) -> Awaitable[Sequence[bool | RequestError]]:
        """Have each replica prepare a vocabulary for a base model: whether it is ready, or why it can't be."""

    def teach(self, recording: Recording, keep: Sequence[str], base: str) -> Awaitable[bytes | RequestError]:
        """The file of a vocabulary taught from recordings over a base model, or why it can't be."""


class GestureClient(BatchingModelClient[BatchItem]):
    """A ``BatchingModelClient`` that takes the windows of ``gestures.request``."""

    def __init__(self, name: str, stages: GestureStages, arguments: ServiceArguments) -> None:
        super().__init__(name, stages, arguments)
        self._vocabulary_stages = stages
        self._preparing: dict[tuple[VocabularyKey, str], asyncio.Task[None]] = {}

    @property
    def output_specs(self) -> tuple[TensorSpec, ...]:
        """As ``BatchingModelClient.output_specs``."""
        return self.list_output_specs(self.require_ready())

    def list_output_specs(self, card: ModelCard) -> tuple[TensorSpec, ...]:
        """The tensors that ``infer`` gives for the labels of this card."""
        return list_outputs(self.status.outputs, card.num_classes)

    async def predict_json(self, item: BatchItem) -> bytes:
        """One window's encoded response; windows of equal length share batches, whatever their vocabulary."""
        shape = get_shape(item.tensors)
        if item.vocabulary is None:
            return await self._json_batcher.submit(item, shape)
        return await self._when_prepared(lambda: self._json_batcher.submit(item, shape))

    async def infer_gestures(
        self, windows: Sequence[Tensors], vocabulary: VocabularyKey | None, outputs: tuple[str, ...]
    ) -> tuple[str, dict[str, npt.NDArray[Any]]]:
        """As ``infer``, by a vocabulary where one is named, with these outputs of the model's own."""
        items = [BatchItem(window, vocabulary, outputs) for window in windows]
        return await self._when_prepared(lambda: self._infer(items))

    async def teach(self, recording: Recording, keep: Sequence[str]) -> bytes:
        """The file of a vocabulary taught from recordings over the model that is served.

        Raises:
            RequestError: it can't be taught, or nobody answers.
        """
        teaching = self._vocabulary_stages.teach(recording, keep, self.require_ready().sha256)
        taught = await self._call(teaching, "teach", TEACH_TIMEOUT_S)
        if isinstance(taught, RequestError):
            raise taught
        return taught

    async def _when_prepared(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask again once the vocabulary is prepared, where it isn't yet; the caller's deadline ends that."""
        while True:
            try:
                return await ask()
            except VocabularyPending as pending:
                place = VocabularyKey(pending.name, pending.sha256), pending.base
            task = self._preparing.get(place)
            if task is None:
                task = self._preparing[place] = asyncio.get_running_loop().create_task(self._prepare(*place))
                task.add_done_callback(lambda done: done.cancelled() or done.exception())  # if nobody waits any more
            await asyncio.wait({task})  # which others may wait for: it isn't cancelled with this request
            task.result()

    async def _prepare(self, key: VocabularyKey, base: str) -> None:
        try:
            async with asyncio.timeout(PREPARE_TIMEOUT_S):
                while True:
                    states = await self._vocabulary_stages.prepare(key, base)
                    for state in states:
                        if isinstance(state, RequestError):
                            raise state
                    if states and all(states):
                        return
                    await asyncio.sleep(PREPARE_POLL_S)
        except TimeoutError as error:
            raise NotReady(f"the vocabulary {key.name} is being prepared; try again in a second") from error
        finally:
            del self._preparing[key, base]
