"""The stages behind the ingress as plain objects: the same code as in the service, without Ray between them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from serve_app.inference import Inference
from serve_app.ingress import create_app
from serve_app.messages import ModelStatus, Tensors
from serve_app.pipeline import ModelPipeline
from serve_app.postprocess import Postprocess
from serve_app.service import Service
from serve_app.settings import ServiceArguments
from serve_app.shot_answer import POSES
from serve_app.shot_pipeline import ShotPipeline


class LocalStages:
    """Inference and postprocessing called directly."""

    def __init__(self, name: str, repository: Path) -> None:
        self.inference = Inference(name, [str(repository)])
        self.postprocess = Postprocess()

    async def answer(self, batch: Tensors) -> Sequence[bytes | Exception]:
        return self.postprocess.predict(await self.inference.infer(batch))

    async def describe(self) -> ModelStatus:
        return self.inference.describe()

    async def files(self) -> dict[str, bytes]:
        return self.inference.files()


class LocalShotStages(LocalStages):
    """The same for shots, with the rules where a batch has no poses for the model."""

    async def answer(self, batch: Tensors) -> Sequence[bytes | Exception]:
        scored = await self.inference.infer({POSES: batch[POSES]}) if POSES in batch else None
        return self.postprocess.judge(batch, scored)


def local_service(repository: Path, settings: ServiceArguments) -> Service:
    """The whole service in this process."""
    return Service(
        ModelPipeline("gesture", LocalStages("gesture", repository), settings),
        ShotPipeline("shot", LocalShotStages("shot", repository), settings),
        settings,
    )


@asynccontextmanager
async def local_client(
    repository: Path, api_keys: Sequence[str] = (), **arguments: float
) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the whole service in this process, with its models described once."""
    settings = ServiceArguments.model_validate(arguments)
    service = local_service(repository, settings)
    app = create_app(service, api_keys)
    async with service.gesture.watched():
        await service.gesture.refresh()
        await service.shots.refresh()
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://helen") as client:
            yield client
