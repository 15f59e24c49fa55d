"""The real stages behind a gate, and the app in front of them: what tests of live sessions begin with."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette

from serve_app.schemas import BatchItem, ModelStatus
from testkit.stages.local_stages import LocalStages, local_app


class GatedStages(LocalStages):
    """The real stages behind a gate that a test may close, and with a model that a test may exchange or lose."""

    def __init__(self, repository: Path) -> None:
        super().__init__(repository)
        self.gate = asyncio.Event()
        self.gate.set()
        self.batches = 0
        self.model_status = self.inference.status()
        self.fault: Exception | None = None

    async def predict_json(self, items: Sequence[BatchItem]) -> Sequence[bytes | Exception]:
        self.batches += 1
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        return await super().predict_json(items)

    async def status(self) -> ModelStatus:
        return self.model_status


@asynccontextmanager
async def serving(
    repository: Path, api_keys: Sequence[str] = (), **arguments: float
) -> AsyncIterator[tuple[Starlette, GatedStages]]:
    """The app of a service of its own, and the stages behind it."""
    stages = GatedStages(repository)
    async with asyncio.timeout(30), local_app(stages, api_keys, **arguments) as app:
        yield app, stages
