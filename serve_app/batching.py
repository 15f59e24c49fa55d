"""MicroBatcher: what is waiting when a slot is free becomes one batch. Knows nothing of Ray, HTTP or models.

Greedy: a lone request leaves at once, and under load batches grow by themselves while the one before is in flight;
only a full batch doesn't wait for it. Two half batches would cost each stage twice the calls and bring no answer
sooner. For the same reason whoever was just answered is expected to ask again, and waited for, for milliseconds: the
first of them would else go alone and all others wait for it, or two groups would take turns. Items of different shape
never share a batch and never wait for each other's. An item that makes its batch fail, fails alone.
"""

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from serve_app.errors import NotReady, Overloaded

PACE_WEIGHT = 0.1  # of the last batch in what is known of the pace
# Whoever was just answered is waited for so long, and for each one more who is missing a little longer. Callers who
# ask again at once come faster than that; cameras with a rhythm of their own don't, at any rate two cores can answer.
GATHER_S = 0.002
GATHER_ITEM_S = 0.0008
# Batches that go as they are after somebody was waited for in vain; twice as many after each time more, so that among
# cameras not even one request in a hundred is held up.
HOLD_OFF = 64
HOLD_OFF_MOST = 1024

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class MicroBatcher(Generic[Item, Answer]):
    """Collects single items into batches and hands each caller its own answer.

    Args:
        run: answers a batch, one answer an item in the same order. An answer that is an exception is raised to that
            item's caller alone. When ``run`` itself raises on more than one item, each item is run again on its
            own, so that the one at fault fails and its neighbours get their answers.
        max_batch_size: items a batch at most.
        max_in_flight: batches that may run at the same time: of one shape a second one only when it is full.
        max_waiting: items that may wait; one more is refused with ``Overloaded``.
        max_wait_s: and no more than are answered in this time at the pace of late, two full batches always excepted.
            What waits longer is of no use to a live client, and keeps others waiting.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]],
        *,
        max_batch_size: int,
        max_in_flight: int,
        max_waiting: int,
        max_wait_s: float = float("inf"),
    ) -> None:
        self._run = run
        self._max_batch_size = max_batch_size
        self._max_in_flight = max_in_flight
        self._max_waiting = max_waiting
        self._max_wait_s = max_wait_s
        self._item_s = 0.0  # seconds an item of late, while others waited
        self._answered_s = 0.0
        self._expected_shape: Hashable = None
        self._expected_items = 0
        self._gathering: asyncio.TimerHandle | None = None
        self._hold_off = 0
        self._next_hold_off = HOLD_OFF
        # Shapes in the order in which their oldest item came; each with its items, oldest first.
        self._groups: OrderedDict[Hashable, deque[tuple[Item, asyncio.Future[Answer]]]] = OrderedDict()
        self._waiting = 0
        self._in_flight: dict[asyncio.Task[None], Hashable] = {}

    @property
    def waiting(self) -> int:
        """Items that wait for a slot."""
        return self._waiting

    def refuse_if_full(self, items: int = 1) -> None:
        """Refuse ``items`` that would come now, before anybody has spent work on reading them.

        Raises:
            Overloaded: they may not wait.
        """
        limit = self._max_waiting
        if self._item_s > 0 and self._max_wait_s / self._item_s < limit:
            limit = min(limit, max(int(self._max_wait_s / self._item_s), 2 * self._max_batch_size))
        if self._waiting + items > limit:
            raise Overloaded(f"{self._waiting} requests are waiting already, the limit; try again in a second")

    async def submit(self, item: Item, shape: Hashable) -> Answer:
        """Wait for the answer to one item; only items of equal ``shape`` share a batch.

        Raises:
            Overloaded: at once, when as many as may wait already do.
            Exception: whatever ``run`` gave or raised for this item.
        """
        (future,) = self._admit((item,), shape)
        return await future

    async def submit_all(self, items: Sequence[Item], shape: Hashable) -> list[Answer]:
        """Wait for the answers to items of equal ``shape`` that belong together: all of them are admitted, or none.

        Raises:
            Overloaded: at once, when not all of them may wait.
            Exception: whatever ``run`` gave or raised for the first item that failed.
        """
        futures = self._admit(items, shape)
        await asyncio.gather(*futures, return_exceptions=True)
        return [future.result() for future in futures]

    def _admit(self, items: Sequence[Item], shape: Hashable) -> "list[asyncio.Future[Answer]]":
        self.refuse_if_full(len(items))
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Answer]] = [loop.create_future() for _ in items]
        self._groups.setdefault(shape, deque()).extend(zip(items, futures, strict=True))
        self._waiting += len(items)
        self._fill_slots()
        return futures

    def _fill_slots(self) -> None:
        while len(self._in_flight) < self._max_in_flight:
            shape = self._next_shape()
            if shape is None:
                return
            batch = self._next_batch(shape)
            if shape == self._expected_shape:
                if self._gathering is not None:  # those who were waited for came
                    self._next_hold_off = max(self._next_hold_off // 2, HOLD_OFF)
                self._expect_nobody()
            if batch:
                task = asyncio.get_running_loop().create_task(self._answer(batch, shape))
                self._in_flight[task] = shape
                task.add_done_callback(self._free_slot)

    def _free_slot(self, task: asyncio.Task[None]) -> None:
        del self._in_flight[task]
        self._fill_slots()

    def _next_shape(self) -> Hashable | None:
        """The shape that has waited longest of those with a full batch, or with none in flight and nobody expected."""
        for shape, group in self._groups.items():
            if len(group) >= self._max_batch_size:
                return shape
            if shape not in self._in_flight.values() and not self._gathers(shape, len(group)):
                return shape
        return None

    def _gathers(self, shape: Hashable, items: int) -> bool:
        """Whether more items of a shape are expected any moment; a timer ends the wait for those who don't come."""
        if shape != self._expected_shape or items >= self._expected_items:
            return False
        if self._gathering is None:
            missing_s = GATHER_S + GATHER_ITEM_S * (self._expected_items - items)
            self._gathering = asyncio.get_running_loop().call_later(missing_s, self._go_without)
        return True

    def _go_without(self) -> None:
        self._expect_nobody()
        self._hold_off = self._next_hold_off
        self._next_hold_off = min(2 * self._next_hold_off, HOLD_OFF_MOST)
        self._fill_slots()

    def _expect_nobody(self) -> None:
        self._expected_items = 0
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None

    def _next_batch(self, shape: Hashable) -> list[tuple[Item, asyncio.Future[Answer]]]:
        group = self._groups.pop(shape)
        batch: list[tuple[Item, asyncio.Future[Answer]]] = []
        while group and len(batch) < self._max_batch_size:
            item, future = group.popleft()
            self._waiting -= 1
            if not future.done():  # its caller has gone, by time-out or by hanging up
                batch.append((item, future))
        if group:
            self._groups[shape] = group  # the rest queues behind the other shapes, so that none starves
        return batch

    async def _answer(self, batch: list[tuple[Item, asyncio.Future[Answer]]], shape: Hashable) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            answers = await self._run([item for item, _ in batch])
            if len(answers) != len(batch):
                raise RuntimeError(f"a batch of {len(batch)} items got {len(answers)} answers")
        except asyncio.CancelledError:
            for _, future in batch:
                settle(future, NotReady("the service is shutting down"))
            raise
        except Exception as error:
            if len(batch) == 1 or isinstance(error, NotReady | Overloaded):  # no item's fault
                for _, future in batch:
                    settle(future, error)
            else:
                await asyncio.gather(*(self._answer([entry], shape) for entry in batch))
            return
        self._note_pace(len(batch), began_s, loop.time())
        self._expect(shape, len(batch))
        for (_, future), answer in zip(batch, answers, strict=True):
            settle(future, answer)

    def _expect(self, shape: Hashable, answered: int) -> None:
        """Whom the next batch of a shape waits for: those who were answered, and those who waited meanwhile."""
        self._expect_nobody()
        if self._hold_off:
            self._hold_off -= 1
            return
        self._expected_shape = shape
        self._expected_items = min(answered + len(self._groups.get(shape, ())), self._max_batch_size)

    def _note_pace(self, items: int, began_s: float, now_s: float) -> None:
        """Learn from a batch that others waited for: the time since the one before was answered is its own."""
        if self._waiting:
            item_s = (now_s - max(began_s, self._answered_s)) / items
            self._item_s += PACE_WEIGHT * (item_s - self._item_s) if self._item_s else item_s
        self._answered_s = now_s


def settle(future: "asyncio.Future[Answer]", answer: Answer | Exception) -> None:
    """Give a caller its answer or its exception, unless it has gone."""
    with contextlib.suppress(asyncio.InvalidStateError):
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
