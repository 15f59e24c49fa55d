"""The stages behind the ingress as plain objects: the same code as in the service, without Ray between them."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import uvicorn
from starlette.applications import Starlette

from landmarks.protocol.tensors import POSES
from serve_app.api.app_state import AppState
from serve_app.api.application import ANYWHERE, create_app
from serve_app.api.auth.api_keys import ApiKeyStore
from serve_app.api.middleware.same_origin import Site
from serve_app.batching.model_client import BatchingModelClient
from serve_app.batching.shot_client import BatchingShotClient
from serve_app.deployments.model import ModelReplica
from serve_app.deployments.postprocess import Postprocess
from serve_app.observability.metrics import IngressMetrics, Snapshot
from serve_app.schemas import ModelStatus, TensorResponse, Tensors
from serve_app.settings import ServiceArguments


class LocalStages:
    """Inference and postprocessing called directly."""

    def __init__(self, repository: Path, name: str = "gesture") -> None:
        self.repository = repository
        self.inference = ModelReplica(name, [str(repository)])
        self.postprocess = Postprocess()

    async def answer(self, batch: Tensors) -> Sequence[bytes | Exception]:
        return await self.postprocess.predict(await self.inference.infer(batch))

    async def outputs(self, batch: Tensors) -> TensorResponse:
        return await self.postprocess.outputs(await self.inference.infer(batch))

    async def look(self) -> Sequence[ModelStatus]:
        return [await self.inference.look()]

    async def describe(self) -> ModelStatus:
        return self.inference.describe()

    async def files(self) -> dict[str, bytes]:
        return self.inference.files()


class LocalShotStages(LocalStages):
    """The same for shots, with the rules where a batch has no poses for the model."""

    async def answer(self, batch: Tensors) -> Sequence[bytes | Exception]:
        scored = await self.inference.infer({POSES: batch[POSES]}) if POSES in batch else None
        return await self.postprocess.judge(batch, scored)

    async def outputs(self, batch: Tensors) -> TensorResponse:
        return await self.postprocess.shot_outputs(await self.inference.infer(batch))


class LocalReplicas:
    """All who count in this process, told apart by a number as replicas are by their process."""

    def __init__(self, counts: IngressMetrics, *behind: ModelReplica | Postprocess) -> None:
        self._counts = counts
        self._behind = behind

    async def snapshots(self) -> list[Snapshot]:
        each = [self._counts.snapshot(), *[await replica.snapshot() for replica in self._behind]]
        return [replace(one, replica=f"{one.replica}:{index}") for index, one in enumerate(each)]


def local_service(stages: LocalStages, settings: ServiceArguments) -> AppState:
    """The whole service in this process, with the shot model of the same repository."""
    counts = IngressMetrics()
    shots = LocalShotStages(stages.repository, "shot")
    shots.postprocess = stages.postprocess  # as in the service, where one stage answers for both
    return AppState(
        BatchingModelClient("gesture", stages, settings),
        BatchingShotClient("shot", shots, settings),
        settings,
        counts,
        LocalReplicas(counts, stages.inference, shots.inference, stages.postprocess),
    )


@asynccontextmanager
async def local_app(
    stages: LocalStages, keys: Sequence[str] | ApiKeyStore = (), site: Site = ANYWHERE, /, **arguments: float
) -> AsyncIterator[Starlette]:
    """The whole service in this process, with its models described once."""
    unhurried = {"max_wait_s": 300}  # so that nothing depends on this machine's pace
    service = local_service(stages, ServiceArguments.model_validate(unhurried | arguments))
    app = create_app(service, keys if isinstance(keys, ApiKeyStore) else ApiKeyStore(keys), site)
    async with service.gesture.watched(service.counts.record_failure):
        await service.gesture.refresh()
        await service.shots.refresh()
        yield app


@asynccontextmanager
async def local_client(
    repository: Path, keys: Sequence[str] | ApiKeyStore = (), **arguments: float
) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the whole service in this process."""
    async with local_app(LocalStages(repository), keys, **arguments) as app:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://helen") as client:
            yield client


@asynccontextmanager
async def serving(repository: Path, keys: ApiKeyStore | None = None, site: Site = ANYWHERE) -> AsyncIterator[str]:
    """The address of the whole service in this process, on a port of loopback, once it answers."""
    settings = ServiceArguments()
    app = create_app(local_service(LocalStages(repository), settings), keys or ApiKeyStore(), site)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await until_healthy(url)
            yield url
        finally:
            server.should_exit = True
            await running


async def until_healthy(url: str) -> None:
    """Wait for the first 200 of ``/health``; the caller sets the deadline."""
    async with httpx.AsyncClient() as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(f"{url}/health")).status_code == 200:
                    return
            await asyncio.sleep(0.05)
