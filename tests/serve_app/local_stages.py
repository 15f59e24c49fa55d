"""The stages behind the ingress as plain objects: the same code as in the service, without Ray between them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from starlette.applications import Starlette

from serve_app.inference import Inference
from serve_app.ingress import create_app
from serve_app.messages import ModelStatus, Outputs, Tensors
from serve_app.pipeline import ModelPipeline
from serve_app.postprocess import Postprocess
from serve_app.service import Service
from serve_app.settings import ServiceArguments
from serve_app.shot_pipeline import ShotPipeline


class LocalStages:
    """Inference and postprocessing called directly."""

    def __init__(self, repository: Path) -> None:
        self.inference = Inference("gesture", [str(repository)])
        self.postprocess = Postprocess()

    async def answer(self, batch: Tensors) -> Sequence[bytes | Exception]:
        return await self.postprocess.predict(await self.inference.infer(batch))

    async def outputs(self, batch: Tensors) -> Outputs:
        return await self.postprocess.outputs(await self.inference.infer(batch))

    async def look(self) -> Sequence[ModelStatus]:
        return [await self.inference.look()]

    async def judge(self, batch: Tensors) -> Sequence[bytes | Exception]:
        return self.postprocess.judge(batch)

    async def describe(self) -> ModelStatus:
        return self.inference.describe()

    async def files(self) -> dict[str, bytes]:
        return self.inference.files()


@asynccontextmanager
async def local_app(stages: LocalStages, api_keys: Sequence[str] = (), **arguments: float) -> AsyncIterator[Starlette]:
    """The whole service in this process, with its models described once."""
    settings = ServiceArguments.model_validate(arguments)
    service = Service(ModelPipeline("gesture", stages, settings), ShotPipeline(stages, settings), settings)
    app = create_app(service, api_keys)
    async with service.gesture.watched():
        await service.gesture.refresh()
        yield app


@asynccontextmanager
async def local_client(
    repository: Path, api_keys: Sequence[str] = (), **arguments: float
) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the whole service in this process."""
    async with local_app(LocalStages(repository), api_keys, **arguments) as app:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://helen") as client:
            yield client
