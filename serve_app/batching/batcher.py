"""MicroBatcher: what waits when a slot is free becomes one batch. Knows nothing of Ray, HTTP or models.

Greedy: a request that arrives alone is sent at once, and requests that arrive while a batch is running form the next
one; only a full batch is sent beside it. Two half batches would cost each stage twice the calls and bring no answer
sooner. A batch lingers for clients who were just answered, for milliseconds (``linger.py``). Items of different shape
never share a batch and never wait for each other's. An item that makes its batch fail, fails alone; a batch whose
callers have all gone gives its slot back.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic

from serve_app.batching.admission import AdmissionLimit
from serve_app.batching.entries import Alone, Answer, Batch, Entry, Item, fail, set_result_or_exception
from serve_app.batching.linger import Linger
from serve_app.errors import NotReady, Overloaded


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
        max_waiting: items that may wait; one more is rejected with ``Overloaded``.
        max_wait_s: and no more than are answered in this time at the pace of late, two full batches always excepted.
        timeout_s: seconds until a batch that isn't answered fails with ``TimeoutError`` and gives its slot back.
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
        timeout_s: float | None = None,
        linger: Linger | None = None,
    ) -> None:
        self._run = run
        self._max_batch_size = max_batch_size
        self._max_in_flight = max_in_flight
        self._limit = AdmissionLimit(max_waiting, max_wait_s, at_least=2 * max_batch_size)
        self._timeout_s = timeout_s
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
        """Reject ``items`` that would come now, before anybody has spent work on reading them.

        Raises:
            Overloaded: they may not wait.
        """
        if self._waiting + items > self._limit.items:
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
                task = asyncio.get_running_loop().create_task(self._run_batch(entries, shape))
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

    async def _run_batch(self, entries: list[Entry[Item, Answer]], shape: Hashable) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            async with asyncio.timeout(self._timeout_s):
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
        self._limit.record_batch(len(entries), began_s, now_s, others_waited=self._waiting > 0)
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
