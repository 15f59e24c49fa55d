"""BatchingModelClient: one model's way through the graph, as the ingress sees it.

Holds what the model said of itself last, and the batcher in front of the first hop. It reaches the other stages
through ``Stages``: Ray deployments in the service, plain objects in tests.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from landmarks.models.card import ModelCard
from landmarks.protocol.tensors import TensorSpec
from serve_app.batching.batcher import MicroBatcher
from serve_app.deployments.postprocess import output_specs
from serve_app.errors import NotReady
from serve_app.schemas import ModelStatus, TensorResponse, Tensors
from serve_app.settings import ServiceArguments

logger = logging.getLogger(__name__)

REFRESH_S = 1.0
DESCRIBE_DEADLINE_S = 5.0
MISSES_ALLOWED = 3


class Stages(Protocol):
    """The stages behind the ingress."""

    def answer(self, batch: Tensors) -> Awaitable[Sequence[bytes | Exception]]:
        """Inference and postprocessing of one batch: an encoded answer, or an exception, for each item."""

    def outputs(self, batch: Tensors) -> Awaitable[TensorResponse]:
        """As ``answer``, with the answers as tensors."""

    def look(self) -> Awaitable[Sequence[ModelStatus]]:
        """Let every replica of the model look for a better version now; what each of them says of itself then."""

    def describe(self) -> Awaitable[ModelStatus]:
        """What the model says of itself."""

    def files(self) -> Awaitable[dict[str, bytes]]:
        """The model's files, by name."""


class ResponseRow(NamedTuple):
    """One item's row of a batch's outputs."""

    outputs: TensorResponse
    row: int


class Question(NamedTuple):
    """An item, and which of the stages' calls is to answer it. A batch is of one kind."""

    ask: Callable[[Tensors], Awaitable[Sequence[Any]]]
    item: Tensors


class BatchingModelClient:
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
        self._batcher: MicroBatcher[Question, Any] = MicroBatcher(
            self._run,
            max_batch_size=arguments.max_batch_size,
            max_in_flight=arguments.batches_in_flight,
            max_waiting=arguments.max_waiting,
            max_wait_s=arguments.max_wait_s,
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

    @property
    def output_specs(self) -> tuple[TensorSpec, ...]:
        """The tensors that ``outputs`` gives.

        Raises:
            NotReady: while the model can't answer.
        """
        return output_specs(self.status.outputs, self.card.num_classes)

    @property
    def waiting(self) -> int:
        """Items that wait for a slot."""
        return self._batcher.waiting

    def check_capacity(self) -> None:
        """Refuse a request before its body is read, so that refusing costs little when it has to be done often.

        Raises:
            Overloaded: it could not wait.
        """
        self._batcher.check_capacity()

    async def submit(self, item: Tensors) -> bytes:
        """One item's encoded answer; items of equal shapes share batches."""
        question = Question(self._stages.answer, item)
        encoded: bytes = await self._batcher.submit(question, batch_shape(question))
        return encoded

    async def outputs(self, items: Sequence[Tensors]) -> tuple[str, dict[str, npt.NDArray[Any]]]:
        """The answers to items of equal shapes as tensors with a leading batch axis, and the version that gave them.

        Raises:
            NotReady: the model was replaced by another version between two items, twice.
        """
        questions = [Question(self._rows, item) for item in items]
        shape = batch_shape(questions[0])
        for _ in range(2):
            if len(questions) == 1:
                outputs, row = await self._batcher.submit(questions[0], shape)
                return outputs.version, {name: tensor[row : row + 1] for name, tensor in outputs.tensors.items()}
            rows: list[ResponseRow] = await self._batcher.submit_all(questions, shape)
            if len({row.outputs.version for row in rows}) == 1:
                return rows[0].outputs.version, joined(rows)
        raise NotReady(f"the {self.status.name} model is being replaced; try again in a second")

    async def look(self) -> Sequence[ModelStatus]:
        """Let the model's replicas look for a better version now; what each of them says of itself then.

        Raises:
            NotReady: they don't say.
        """
        try:
            async with asyncio.timeout(self._deadline_s):
                statuses = await self._stages.look()
        except Exception as error:  # as in refresh
            raise NotReady(f"the {self.status.name} model doesn't answer now") from error
        await self.refresh()
        return statuses

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
        except (Exception, asyncio.CancelledError) as error:
            # A replica that is starting, restarting or gone can raise anything; Serve raises CancelledError for it too.
            if is_being_cancelled():
                raise
            said = str(error) or type(error).__name__
            logger.warning("the %s model doesn't answer: %s", name, said)
            self._misses += 1
            if self.started and self._misses < MISSES_ALLOWED:  # one slow answer under load is no outage
                return
            self.status = ModelStatus(name, reason=f"the {name} model doesn't answer: {said.splitlines()[0][:200]}")

    @contextlib.asynccontextmanager
    async def watched(self, record_failure: Callable[[str], None]) -> AsyncIterator[None]:
        """Keep ``status`` fresh, once a second, for as long as the context is open.

        ``record_failure`` counts what the watch didn't foresee, under ``"refresh"``; it goes on. Should it end
        nevertheless, the pipeline is not ready, and says why.
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

    async def _run(self, questions: Sequence[Question]) -> Sequence[Any]:
        ask, first = questions[0]
        batch = {name: np.stack([question.item[name] for question in questions]) for name in first}
        async with asyncio.timeout(self._deadline_s):  # a stage that hangs must not keep its slot
            return await ask(batch)

    async def _rows(self, batch: Tensors) -> Sequence[ResponseRow | Exception]:
        outputs = await self._stages.outputs(batch)
        count = len(next(iter(batch.values())))
        return [outputs.failed.get(row) or ResponseRow(outputs, row) for row in range(count)]


def is_being_cancelled() -> bool:
    """Whether somebody cancels the task that runs now: a ``CancelledError`` that says so is to be passed on."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def batch_shape(question: Question) -> Hashable:
    """What questions that share a batch have in common."""
    return question.ask, *((name, array.shape) for name, array in question.item.items())


def joined(rows: Sequence[ResponseRow]) -> dict[str, npt.NDArray[Any]]:
    """The rows of one request as tensors, in their order."""
    names = rows[0].outputs.tensors
    return {name: np.concatenate([row.outputs.tensors[name][row.row : row.row + 1] for row in rows]) for name in names}
