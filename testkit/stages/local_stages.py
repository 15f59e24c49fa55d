"""The stages behind the ingress as plain objects: the same code as in the service, without Ray between them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
from starlette.applications import Starlette

from landmarks.recording import Recording
from serve_app.api.app_state import AppState
from serve_app.api.application import ANYWHERE, create_app
from serve_app.api.auth.api_keys import ApiKeyStore
from serve_app.api.middleware.same_origin import Site
from serve_app.deployments.model import ModelReplica
from serve_app.deployments.postprocess import Postprocess
from serve_app.errors import RequestError
from serve_app.gestures.client import GestureClient
from serve_app.observability.metrics import IngressMetrics, Snapshot
from serve_app.schemas import (
    BatchItem,
    ModelStatus,
    ResponseRow,
    VocabularyKey,
    list_read_outputs,
    list_vocabularies,
    place_rows,
    stack,
)
from serve_app.settings import ServiceArguments
from serve_app.shots.client import ShotClient
from serve_app.shots.request import ShotRequest, stack_poses
from serve_app.vocabularies.served import ServedVocabularies
from serve_app.vocabularies.store import VocabularyStore
from testkit.listening import listening


class LocalPostprocess(Postprocess):
    """Postprocessing beside the gesture model's one replica."""

    def __init__(self, repository: Path, inference: ModelReplica) -> None:
        super().__init__()
        self.heads.store.uri = str(repository)
        self.heads.store.refresh()
        self.inference = inference

    async def fetch_model(self, base: str) -> dict[str, bytes] | None:
        return self.inference.find_artifacts(base)


class LocalModelStages:
    """Inference and postprocessing of one model, called directly."""

    def __init__(self, repository: Path, name: str) -> None:
        self.repository = repository
        self.inference = ModelReplica(name, [str(repository)])
        self.postprocess: Postprocess = Postprocess()

    async def reload(self) -> Sequence[ModelStatus]:
        return [await self.inference.reload()]

    async def status(self) -> ModelStatus:
        return self.inference.status()

    async def artifacts(self) -> dict[str, bytes]:
        return self.inference.artifacts()


class LocalStages(LocalModelStages):
    """The stages of gestures."""

    def __init__(self, repository: Path) -> None:
        super().__init__(repository, "gesture")
        self.postprocess = LocalPostprocess(repository, self.inference)

    async def predict_json(self, items: Sequence[BatchItem]) -> Sequence[bytes | Exception]:
        output = await self.inference.infer(stack(items), list_read_outputs(items))
        return await self.postprocess.predict(output, list_vocabularies(items))

    async def infer(self, items: Sequence[BatchItem]) -> Sequence[ResponseRow | Exception]:
        output = await self.inference.infer(stack(items), list_read_outputs(items))
        return place_rows(await self.postprocess.predict_tensors(output, list_vocabularies(items)), len(items))

    async def prepare(self, key: VocabularyKey, base: str) -> Sequence[bool | RequestError]:
        return [await self.postprocess.prepare(key, base)]

    async def teach(self, recording: Recording, keep: Sequence[str], base: str) -> bytes | RequestError:
        return await self.postprocess.teach(recording, keep, base)


class LocalShotStages(LocalModelStages):
    """The stages of shots, with the rules where a batch has no poses for the model."""

    def __init__(self, repository: Path) -> None:
        super().__init__(repository, "shot")

    async def predict_json(self, items: Sequence[ShotRequest]) -> Sequence[bytes | Exception]:
        batch = stack_poses(items)
        return await self.postprocess.analyze(items, await self.inference.infer(batch) if batch else None)

    async def infer(self, items: Sequence[BatchItem]) -> Sequence[ResponseRow | Exception]:
        groups = await self.postprocess.analyze_tensors(await self.inference.infer(stack(items)))
        return place_rows(groups, len(items))


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
    shots = LocalShotStages(stages.repository)
    shots.postprocess = stages.postprocess  # as in the service, where one stage answers for both
    vocabularies = VocabularyStore(str(stages.repository))
    vocabularies.refresh()
    return AppState(
        GestureClient("gesture", stages, settings),
        ShotClient("shot", shots, settings),
        settings,
        counts,
        LocalReplicas(counts, stages.inference, shots.inference, stages.postprocess),
        ServedVocabularies(vocabularies),
    )


@asynccontextmanager
async def local_app(
    stages: LocalStages, keys: Sequence[str] | ApiKeyStore = (), site: Site = ANYWHERE, /, **arguments: float
) -> AsyncIterator[Starlette]:
    """The whole service in this process, with its models described once."""
    unhurried = {"max_wait_s": 300}  # so that nothing depends on this machine's pace
    service = local_service(stages, ServiceArguments.model_validate(unhurried | arguments))
    app = create_app(service, keys if isinstance(keys, ApiKeyStore) else ApiKeyStore(keys), site)
    async with service.gesture.watched(service.metrics.record_failure):
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
    async with listening(app) as address:
        await wait_until_healthy(f"http://{address}")
        yield f"http://{address}"


async def wait_until_healthy(url: str) -> None:
    """Wait for the first 200 of ``/health``; the caller sets the deadline."""
    async with httpx.AsyncClient() as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(f"{url}/health")).status_code == 200:
                    return
            await asyncio.sleep(0.05)
