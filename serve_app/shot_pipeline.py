"""ShotPipeline: a shot's way through the graph as the ingress sees it, by the model or else by the rules.

The model's way is a ``ModelPipeline`` like the gestures'; the rules' is a batcher in front of the stage that judges.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from typing import Protocol

import numpy as np

from serve_app.batching import MicroBatcher
from serve_app.errors import NotReady
from serve_app.messages import Tensors
from serve_app.pipeline import ModelPipeline
from serve_app.settings import ServiceArguments
from serve_app.shot_answer import with_poses


class ShotStages(Protocol):
    """The stages behind the ingress."""

    def judge(self, batch: Tensors) -> Awaitable[Sequence[bytes | Exception]]:
        """An encoded answer, or an exception, for each item of a batch."""


class ShotPipeline:
    """Shots, ready to be judged.

    Args:
        model: the shot model's own way; its answers are taken whenever it has a model.
        stages: what judges a batch by the rules.
        arguments: batch size, slots, limits and deadline.
    """

    def __init__(self, model: ModelPipeline, stages: ShotStages, arguments: ServiceArguments) -> None:
        self.model = model
        self._stages = stages
        self._deadline_s = arguments.request_deadline_s
        self._batcher: MicroBatcher[Tensors, bytes] = MicroBatcher(
            self._run,
            max_batch_size=arguments.max_batch_size,
            max_in_flight=arguments.batches_in_flight,
            max_waiting=arguments.max_waiting,
        )

    async def submit(self, item: Tensors) -> bytes:
        """One item's encoded answer; items of equal length share batches.

        Raises:
            InvalidInput: there is no shot in the frames.
        """
        if self.model.status.card is not None:
            with contextlib.suppress(NotReady):  # it went away since it was asked last: the rules still answer
                return await self.model.submit(with_poses(item, self.model.status.card))
        return await self._batcher.submit(item, item["points"].shape)

    async def _run(self, items: Sequence[Tensors]) -> Sequence[bytes | Exception]:
        batch = {name: np.stack([item[name] for item in items]) for name in items[0]}
        async with asyncio.timeout(self._deadline_s):  # a stage that hangs must not keep its slot
            return await self._stages.judge(batch)
