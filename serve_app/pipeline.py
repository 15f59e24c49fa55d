"""ModelPipeline: one model's way through the graph, as the ingress sees it.

Holds what the model said of itself last, and the batcher in front of the first hop. It reaches the other stages
through ``Stages``: Ray deployments in the service, plain objects in tests.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Protocol

import numpy as np

from landmarks.model_card import ModelCard
from serve_app.batching import MicroBatcher
from serve_app.errors import NotReady
from serve_app.messages import ModelStatus, Tensors
from serve_app.settings import ServiceArguments

logger = logging.getLogger(__name__)

REFRESH_S = 1.0
DESCRIBE_DEADLINE_S = 5.0
MISSES_ALLOWED = 3


class Stages(Protocol):
    """The stages behind the ingress."""

    def answer(self, batch: Tensors) -> Awaitable[Sequence[bytes | Exception]]:
        """Inference and postprocessing of one batch: an encoded answer, or an exception, for each item."""

    def describe(self) -> Awaitable[ModelStatus]:
        """What the model says of itself."""

    def files(self) -> Awaitable[dict[str, bytes]]:
        """The model's files, by name."""


class ModelPipeline:
    """One model, ready to answer single items.

    Args:
        name: the model's name.
        stages: what runs a batch.
        arguments: batch size, slots, limits and deadline.
    """

    def __init__(self, name: str, stages: Stages, arguments: ServiceArguments) -> None:
        self.status = ModelStatus(name, reason=f"the {name} model is starting")
        self.started = False
        self._misses = 0
        self._stages = stages
        self._deadline_s = arguments.request_deadline_s
        self._batcher: MicroBatcher[Tensors, bytes] = MicroBatcher(
            self._run,
            max_batch_size=arguments.max_batch_size,
            max_in_flight=arguments.batches_in_flight,
            max_waiting=arguments.max_waiting,
        )

    @property
    def card(self) -> ModelCard:
        """The card to check requests against.

        Raises:
            NotReady: while the model can't answer.
        """
        if self.status.card is None:
            raise NotReady(self.status.reason or f"the {self.status.name} model is not ready")
        return self.status.card

    @property
    def answering(self) -> bool:
        """Whether what should answer can."""
        return self.status.card is not None

    async def submit(self, item: Tensors) -> bytes:
        """One item's encoded answer; items of equal shapes share batches."""
        return await self._batcher.submit(item, tuple((name, array.shape) for name, array in item.items()))

    async def files(self) -> dict[str, bytes]:
        """The model's files as they are served now, by name.

        Raises:
            NotReady: the model doesn't hand them over.
        """
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._stages.files()
        except Exception as error:  # as in refresh
            raise NotReady(f"the {self.status.name} model doesn't hand over its files now") from error

    async def refresh(self) -> None:
        """Ask the model what it is; when it doesn't say, three times in a row, the pipeline is not ready."""
        name = self.status.name
        try:
            async with asyncio.timeout(DESCRIBE_DEADLINE_S):
                self.status = await self._stages.describe()
            if not self.started:
                logger.info("ready: the %s model answers, version %s", name, self.status.version)
            self.started, self._misses = True, 0
        except Exception as error:  # a replica that is starting, restarting or gone can raise anything
            said = str(error) or type(error).__name__
            logger.warning("the %s model doesn't answer: %s", name, said)
            self._misses += 1
            if self.started and self._misses < MISSES_ALLOWED:  # one slow answer under load is no outage
                return
            self.status = ModelStatus(name, reason=f"the {name} model doesn't answer: {said.splitlines()[0][:200]}")

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Keep ``status`` fresh, once a second, for as long as the context is open."""
        watch = asyncio.get_running_loop().create_task(self._refresh_forever())
        try:
            yield
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch

    async def _refresh_forever(self) -> None:
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_S)

    async def _run(self, items: Sequence[Tensors]) -> Sequence[bytes | Exception]:
        batch = {name: np.stack([item[name] for item in items]) for name in items[0]}
        async with asyncio.timeout(self._deadline_s):  # a stage that hangs must not keep its slot
            return await self._stages.answer(batch)
