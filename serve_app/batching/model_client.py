"""BatchingModelClient: one model's way through the graph, as the ingress sees it.

Holds the model's last status, and the two batchers in front of the first hop: one for JSON responses, one for tensors.
It reaches the other stages through ``Stages``: Ray deployments in the service, plain objects in tests.
"""

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import numpy.typing as npt

from landmarks.models.card import ModelCard
from landmarks.protocol.tensors import TensorSpec
from serve_app.batching.batcher import MicroBatcher
from serve_app.errors import NotReady
from serve_app.schemas import BatchItem, ModelStatus, ResponseRow, Tensors, join_rows
from serve_app.settings import ServiceArguments

logger = logging.getLogger(__name__)

REFRESH_S = 1.0
STATUS_TIMEOUT_S = 5.0
MISSES_ALLOWED = 3

Item = TypeVar("Item")
Item_contra = TypeVar("Item_contra", contravariant=True)
Answer = TypeVar("Answer")


class Stages(Protocol[Item_contra]):
    """The stages behind the ingress."""

    def predict_json(self, items: Sequence[Item_contra]) -> Awaitable[Sequence[bytes | Exception]]:
        """Inference and postprocessing of one batch: an encoded response, or an exception, for each item."""

    def infer(self, items: Sequence[BatchItem]) -> Awaitable[Sequence[ResponseRow | Exception]]:
        """As ``predict_json``, with the responses as tensors."""

    def reload(self) -> Awaitable[Sequence[ModelStatus]]:
        """Let every replica of the model look for a better version now; the status of each then."""

    def status(self) -> Awaitable[ModelStatus]:
        """The status of one of the model's replicas."""

    def artifacts(self) -> Awaitable[dict[str, bytes]]:
        """The model's files, by name."""


class BatchingModelClient(ABC, Generic[Item]):
    """One model, ready to answer single items.

    Args:
        name: the model's name.
        stages: what runs a batch.
        arguments: batch size, slots, limits and deadline.
    """

    def __init__(self, name: str, stages: Stages[Item], arguments: ServiceArguments) -> None:
        self.status = ModelStatus(name, reason=f"the {name} model is starting")
        self.started = False
        self._misses = 0
        self._stages = stages
        self._timeout_s = arguments.request_deadline_s
        build_batcher = partial(
            MicroBatcher,
            max_batch_size=arguments.max_batch_size,
            max_in_flight=arguments.batches_in_flight,
            max_waiting=arguments.max_waiting,
            max_wait_s=arguments.max_wait_s,
            timeout_s=arguments.request_deadline_s,  # a stage that hangs must not keep its slot
        )
        self._json_batcher: MicroBatcher[Item, bytes] = build_batcher(stages.predict_json)
        self._tensor_batcher: MicroBatcher[BatchItem, ResponseRow] = build_batcher(stages.infer)

    @property
    def ready(self) -> bool:
        """Whether requests are answered."""
        return self.status.card is not None

    @property
    @abstractmethod
    def output_specs(self) -> tuple[TensorSpec, ...]:
        """The tensors that ``infer`` gives.

        Raises:
            NotReady: while there is no model.
        """

    @abstractmethod
    async def predict_json(self, item: Item, /) -> bytes:
        """One item's encoded response; items of equal shapes share batches.

        Raises:
            InvalidInput: there is nothing to predict in it.
        """

    @property
    def waiting(self) -> int:
        """Items that wait for a slot."""
        return self._json_batcher.waiting + self._tensor_batcher.waiting

    def require_ready(self) -> ModelCard:
        """The card to check requests against.

        Raises:
            NotReady: while there is no model.
        """
        if self.status.card is None:
            raise NotReady(self.status.reason or f"the {self.status.name} model is not ready")
        return self.status.card

    def check_json_capacity(self) -> None:
        """Reject a request before its body is read, so that rejecting costs little when it has to be done often.

        Raises:
            Overloaded: it could not wait.
        """
        self._json_batcher.check_capacity()

    def check_tensor_capacity(self) -> None:
        """As ``check_json_capacity``, for ``infer``."""
        self._tensor_batcher.check_capacity()

    async def infer(self, items: Sequence[Tensors]) -> tuple[str, dict[str, npt.NDArray[Any]]]:
        """The responses to items of equal shapes as tensors with a leading batch axis, and the version they are from.

        Raises:
            NotReady: the model was replaced by another version between two items, twice.
        """
        return await self._infer([BatchItem(item) for item in items])

    async def _infer(self, items: Sequence[BatchItem]) -> tuple[str, dict[str, npt.NDArray[Any]]]:
        shape = get_shape(items[0].tensors)
        for _ in range(2):
            if len(items) == 1:
                rows = [await self._tensor_batcher.submit(items[0], shape)]
            else:
                rows = await self._tensor_batcher.submit_all(items, shape)
            if len({row.response.version for row in rows}) == 1:
                return rows[0].response.version, join_rows(rows)
        raise NotReady(f"the {self.status.name} model is being replaced; try again in a second")

    async def reload(self) -> Sequence[ModelStatus]:
        """Let the model's replicas look for a better version now; the status of each then.

        Raises:
            NotReady: they don't answer.
        """
        statuses = await self._call(self._stages.reload(), "answer")
        await self.refresh()
        return statuses

    async def artifacts(self) -> dict[str, bytes]:
        """The model's files as they are served now, by name.

        Raises:
            NotReady: the model doesn't hand them over.
        """
        return await self._call(self._stages.artifacts(), "hand over its files")

    async def _call(self, answer: Awaitable[Answer], verb: str, timeout_s: float | None = None) -> Answer:
        try:
            async with asyncio.timeout(timeout_s or self._timeout_s):
                return await answer
        except Exception as error:  # as in refresh
            raise NotReady(f"the {self.status.name} model doesn't {verb} now") from error

    async def refresh(self) -> None:
        """Ask the model for its status; when it doesn't answer, three times in a row, it is not ready."""
        name = self.status.name
        try:
            async with asyncio.timeout(STATUS_TIMEOUT_S):
                self.status = await self._stages.status()
            if not self.started:
                logger.info("ready: the %s model answers, version %s", name, self.status.version)
            self.started, self._misses = True, 0
        except (Exception, asyncio.CancelledError) as error:
            # A replica that is starting, restarting or gone can raise anything; Serve raises CancelledError for it too.
            if is_being_cancelled():
                raise
            reason = str(error) or type(error).__name__
            logger.warning("the %s model doesn't answer: %s", name, reason)
            self._misses += 1
            if self.started and self._misses < MISSES_ALLOWED:  # one slow answer under load is no outage
                return
            self.status = ModelStatus(name, reason=f"the {name} model doesn't answer: {reason.splitlines()[0][:200]}")

    @contextlib.asynccontextmanager
    async def watched(self, record_failure: Callable[[str], None]) -> AsyncIterator[None]:
        """Keep ``status`` fresh, once a second, for as long as the context is open.

        ``record_failure`` counts what the watch didn't foresee, under ``"refresh"``; it goes on. Should it end
        nevertheless, the model is not ready, and says why.
        """
        watch = asyncio.get_running_loop().create_task(self._refresh_forever(record_failure), name=self._watch_name)
        watch.add_done_callback(self._end_watch)
        try:
            yield
        finally:
            watch.remove_done_callback(self._end_watch)
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    @property
    def _watch_name(self) -> str:
        return f"watch over the {self.status.name} model"

    async def _refresh_forever(self, record_failure: Callable[[str], None]) -> None:
        while True:
            try:
                await self.refresh()
            except Exception:
                logger.exception("the %s failed; it goes on", self._watch_name)
                record_failure("refresh")
            await asyncio.sleep(REFRESH_S)

    def _end_watch(self, watch: asyncio.Task[None]) -> None:
        reason = f"the {self._watch_name} has ended; restart the service"
        logger.error("%s", reason, exc_info=None if watch.cancelled() else watch.exception())
        self.status = ModelStatus(self.status.name, reason=reason)


def is_being_cancelled() -> bool:
    """Whether somebody cancels the task that runs now: a ``CancelledError`` that says so is to be passed on."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def get_shape(tensors: Tensors) -> Hashable:
    """What items that share a batch have in common."""
    return tuple((name, array.shape) for name, array in tensors.items())
