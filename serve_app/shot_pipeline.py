"""ShotPipeline: a shot's way through the graph as the ingress sees it, a batcher in front of the stage that judges."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Protocol

import numpy as np

from serve_app.batching import MicroBatcher
from serve_app.messages import Tensors
from serve_app.settings import ServiceArguments


class ShotStages(Protocol):
    """The stages behind the ingress."""

    def judge(self, batch: Tensors) -> Awaitable[Sequence[bytes | Exception]]:
        """An encoded answer, or an exception, for each item of a batch."""


class ShotPipeline:
    """Shots, ready to be judged.

    Args:
        stages: what judges a batch.
        arguments: batch size, slots, limits and deadline.
    """

    def __init__(self, stages: ShotStages, arguments: ServiceArguments) -> None:
        self._stages = stages
        self._deadline_s = arguments.request_deadline_s
        self._batcher: MicroBatcher[Tensors, bytes] = MicroBatcher(
            self._run,
            max_batch_size=arguments.max_batch_size,
            max_in_flight=arguments.batches_in_flight,
            max_waiting=arguments.max_waiting,
        )

    @property
    def waiting(self) -> int:
        """Items that wait for a slot."""
        return self._batcher.waiting

    async def submit(self, item: Tensors) -> bytes:
        """One item's encoded answer; items of equal length share batches."""
        return await self._batcher.submit(item, item["points"].shape)

    async def _run(self, items: Sequence[Tensors]) -> Sequence[bytes | Exception]:
        batch = {name: np.stack([item[name] for item in items]) for name in items[0]}
        async with asyncio.timeout(self._deadline_s):  # a stage that hangs must not keep its slot
            return await self._stages.judge(batch)
