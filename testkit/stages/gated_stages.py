"""The real stages behind a gate, and the app in front of them: what tests of live sessions begin with."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from starlette.applications import Starlette

from serve_app.schemas import ModelStatus, Tensors
from testkit.stages.local_stages import LocalStages, local_app

Story = Callable[[Starlette, "GatedStages"], Awaitable[None]]


class GatedStages(LocalStages):
    """The real stages behind a gate that a test may close, and with a model that a test may exchange or lose."""

    def __init__(self, repository: Path) -> None:
        super().__init__(repository)
        self.gate = asyncio.Event()
        self.gate.set()
        self.batches = 0
        self.status = self.inference.describe()
        self.fault: Exception | None = None

    async def answer(self, batch: Tensors) -> Sequence[bytes | Exception]:
        self.batches += 1
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        return await super().answer(batch)

    async def describe(self) -> ModelStatus:
        return self.status


def tell(repository: Path, story: Story, api_keys: Sequence[str] = (), **arguments: float) -> None:
    async def run() -> None:
        stages = GatedStages(repository)
        async with asyncio.timeout(30), local_app(stages, api_keys, **arguments) as app:
            await story(app, stages)

    asyncio.run(run())
