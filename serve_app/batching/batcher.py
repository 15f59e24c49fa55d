"""MicroBatcher: what is waiting when a slot is free becomes one batch. Knows nothing of Ray, HTTP or models.

Greedy: a lone request leaves at once, and under load batches grow by themselves while the one before is in flight;
only a full batch doesn't wait for it. Two half batches would cost each stage twice the calls and bring no answer
sooner. Clients who were just answered are waited for, for milliseconds (``linger.py``). Items of different shape never
share a batch and never wait for each other's. An item that makes its batch fail, fails alone; a batch whose callers
have all gone gives its slot back.
"""

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from serve_app.batching.linger import Linger
from serve_app.errors import NotReady, Overloaded

PACE_WEIGHT: Final = 0.1  # of the last batch in what is known of the pace

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(slots=True, eq=False)
class Entry(Generic[Item, Answer]):
    """An item that waits or is under way, the shape of those it may share a batch with, and its caller's future."""

    item: Item
    shape: Hashable
    future: "asyncio.Future[Answer]"


@dataclass(frozen=True, slots=True)
class Alone:
    """The shape of items whose batch failed: each runs again in a batch of its own."""

    shape: Hashable


class Batch(NamedTuple, Generic[Item, Answer]):
    """A batch that is in flight."""

    shape: Hashable
    entries: list[Entry[Item, Answer]]


class MicroBatcher(Generic[Item, Answer]):
    """Collects single items into batches and hands each caller its own answer.

    Args:
        run: answers a batch, one answer an item in the same order. An answer that is an exception is raised to that
            item's caller alone. When ``run`` itself raises on more than one item, each item whose caller still waits
            is run again in a batch of its own, so that the one at fault fails and its neighbours get their answers.
            That nobody answers (``NotReady``, ``Overloaded``, ``TimeoutError``) is no item's fault and fails them all.
            It is cancelled when every caller of the batch has gone.
        max_batch_size: items a batch at most.
        max_in_flight: batches that may run at the same time: of one shape a second one only when it is full.
        max_waiting: items that may wait; one more is refused with ``Overloaded``.
        max_wait_s: and no more than are answered in this time at the pace of late, two full batches always excepted.
            What waits longer is of no use to a live client, and keeps others waiting.
        linger: how long a batch waits for clients who were just answered.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]],
        *,
        max_batch_size: int,
        max_in_flight: int,
        max_waiting: int,
        max_wait_s: float = float("inf"),
        linger: Linger | None = None,
    ) -> None:
        self._run = run
        self._max_batch_size = max_batch_size
        self._max_in_flight = max_in_flight
        self._max_waiting = max_waiting
        self._max_wait_s = max_wait_s
        self._item_s = 0.0  # seconds an item of late, while others waited
        self._answered_s = 0.0
        self._linger = linger or Linger()
        self._linger_timer: asyncio.TimerHandle | None = None
        # Shapes in the order in which their oldest item came; each with its items, oldest first.
        self._groups: OrderedDict[Hashable, deque[Entry[Item, Answer]]] = OrderedDict()
        self._waiting = 0
        self._in_flight: dict[asyncio.Task[None], Batch[Item, Answer]] = {}

    @property
    def waiting(self) -> int:
        """Items that wait for a slot."""
        return self._waiting

    def check_capacity(self, items: int = 1) -> None:
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
        entries = self._admit((item,), shape)
        try:
            return await entries[0].future
        except asyncio.CancelledError:
            self._abandon(entries)
            raise

    async def submit_all(self, items: Sequence[Item], shape: Hashable) -> list[Answer]:
        """Wait for the answers to items of equal ``shape`` that belong together: all of them are admitted, or none.

        Raises:
            Overloaded: at once, when not all of them may wait.
            Exception: whatever ``run`` gave or raised for the first item that failed.
        """
        entries = self._admit(items, shape)
        try:
            await asyncio.gather(*(entry.future for entry in entries), return_exceptions=True)
        except asyncio.CancelledError:
            self._abandon(entries)
            raise
        return [entry.future.result() for entry in entries]

    def _admit(self, items: Sequence[Item], shape: Hashable) -> list[Entry[Item, Answer]]:
        self.check_capacity(len(items))
        loop = asyncio.get_running_loop()
        entries: list[Entry[Item, Answer]] = [Entry(item, shape, loop.create_future()) for item in items]
        self._queue(entries, shape)
        self._fill_slots()
        return entries

    def _queue(self, entries: list[Entry[Item, Answer]], shape: Hashable) -> None:
        self._groups.setdefault(shape, deque()).extend(entries)
        self._waiting += len(entries)

    def _abandon(self, entries: list[Entry[Item, Answer]]) -> None:
        """Their caller has gone, by time-out or by hanging up: they neither wait nor hold a slot any more."""
        for entry in entries:
            group = self._groups.get(entry.shape)
            if group is not None and entry in group:
                group.remove(entry)
                self._waiting -= 1
                if not group:
                    del self._groups[entry.shape]
        for task, batch in self._in_flight.items():
            if all(entry.future.done() for entry in batch.entries):
                task.cancel()  # which gives the slot back

    def _fill_slots(self) -> None:
        while len(self._in_flight) < self._max_in_flight:
            shape = self._next_shape()
            if shape is None:
                return
            entries = self._next_entries(shape)
            self._linger.leave(shape)
            if not self._linger.under_way:
                self._stop_timer()
            if entries:
                task = asyncio.get_running_loop().create_task(self._answer(entries, shape))
                self._in_flight[task] = Batch(shape, entries)
                task.add_done_callback(self._free_slot)

    def _free_slot(self, task: asyncio.Task[None]) -> None:
        del self._in_flight[task]
        self._fill_slots()

    def _next_shape(self) -> Hashable | None:
        """The shape that has waited longest of those with a full batch, or with none in flight and nobody expected."""
        for shape, group in self._groups.items():
            if len(group) >= self._batch_limit(shape):
                return shape
            if all(batch.shape != shape for batch in self._in_flight.values()) and not self._lingers(shape, len(group)):
                return shape
        return None

    def _batch_limit(self, shape: Hashable) -> int:
        return 1 if isinstance(shape, Alone) else self._max_batch_size

    def _lingers(self, shape: Hashable, items: int) -> bool:
        """Whether more items of a shape are expected any moment; a timer ends the wait for those who don't come."""
        loop = asyncio.get_running_loop()
        wait_s = self._linger.wait_s(shape, items, loop.time())
        if wait_s > 0 and self._linger_timer is None:
            self._linger_timer = loop.call_later(wait_s, self._end_linger)
        return wait_s > 0

    def _end_linger(self) -> None:
        self._stop_timer()
        self._linger.time_out()
        self._fill_slots()

    def _stop_timer(self) -> None:
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None

    def _next_entries(self, shape: Hashable) -> list[Entry[Item, Answer]]:
        group = self._groups.pop(shape)
        limit = self._batch_limit(shape)
        entries: list[Entry[Item, Answer]] = []
        while group and len(entries) < limit:
            entry = group.popleft()
            self._waiting -= 1
            if not entry.future.done():  # its caller has gone this very moment
                entries.append(entry)
        if group:
            self._groups[shape] = group  # the rest queues behind the other shapes, so that none starves
        return entries

    async def _answer(self, entries: list[Entry[Item, Answer]], shape: Hashable) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            answers = await self._run([entry.item for entry in entries])
            if len(answers) != len(entries):
                raise RuntimeError(f"a batch of {len(entries)} items got {len(answers)} answers")
        except asyncio.CancelledError:
            fail(entries, NotReady("the service is shutting down"))
            raise
        except (NotReady, Overloaded, TimeoutError) as error:  # no item's fault
            fail(entries, error)
            return
        except Exception as error:
            if len(entries) == 1:
                fail(entries, error)
            else:
                self._split(entries)
            return
        now_s = loop.time()
        self._note_pace(len(entries), began_s, now_s)
        if not isinstance(shape, Alone):
            self._stop_timer()
            expected = min(len(entries) + len(self._groups.get(shape, ())), self._max_batch_size)
            self._linger.expect(shape, expected, now_s)
        for entry, answer in zip(entries, answers, strict=True):
            set_result_or_exception(entry.future, answer)

    def _split(self, entries: list[Entry[Item, Answer]]) -> None:
        """Queue the items of a batch that failed again, each for a batch of its own, in turn with the other shapes."""
        waiting = [entry for entry in entries if not entry.future.done()]
        for entry in waiting:
            entry.shape = Alone(entry.shape)
        if waiting:
            self._queue(waiting, waiting[0].shape)

    def _note_pace(self, items: int, began_s: float, now_s: float) -> None:
        """Learn from a batch that others waited for: the time since the one before was answered is its own."""
        if self._waiting:
            item_s = (now_s - max(began_s, self._answered_s)) / items
            self._item_s += PACE_WEIGHT * (item_s - self._item_s) if self._item_s else item_s
        self._answered_s = now_s


def fail(entries: "Sequence[Entry[Item, Answer]]", error: Exception) -> None:
    """Raise an exception to every caller of a batch."""
    for entry in entries:
        set_result_or_exception(entry.future, error)


def set_result_or_exception(future: "asyncio.Future[Answer]", answer: Answer | Exception) -> None:
    """Give a caller its answer or its exception, unless it has gone."""
    with contextlib.suppress(asyncio.InvalidStateError):
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
