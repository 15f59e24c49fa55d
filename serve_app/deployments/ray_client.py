"""The stages behind the ingress as Ray Serve deployments, called through their handles."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from ray.exceptions import RayActorError
from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle

from landmarks.recording import Recording
from serve_app.errors import NotReady, Overloaded, RequestError
from serve_app.observability.metrics import Snapshot
from serve_app.schemas import (
    BatchItem,
    ModelOutput,
    ModelStatus,
    ResponseRow,
    TensorGroup,
    VocabularyKey,
    list_read_outputs,
    list_vocabularies,
    place_rows,
    stack,
)
from serve_app.shots.request import ShotRequest, stack_poses

ATTEMPTS: Final = 4
PAUSE_S: Final = 0.2
PREPARE_TIMEOUT_S: Final = 5.0
SCRAPE_TIMEOUT_S: Final = 3.0  # Prometheus gives up after 10

Answer = TypeVar("Answer")


def bind_method(handle: DeploymentHandle[Any], name: str) -> Callable[..., Awaitable[Any]]:
    """A method of a deployment, called many times a second: arrays and dataclasses need none of cloudpickle's care."""
    return handle.options(method_name=name, request_serialization="pickle", response_serialization="pickle").remote


async def call_with_retries(name: str, call: Callable[..., Awaitable[Answer]], *arguments: object) -> Answer:
    """Call one stage of a model, and again when the replica that had the call died.

    A call that is slow is waited for, for as long as the caller does: calling again would only repeat the work.

    Raises:
        Overloaded: the stage's own queue is full.
        NotReady: none of several attempts was answered.
    """
    for _ in range(ATTEMPTS):
        try:
            return await call(*arguments)
        except BackPressureError as error:
            raise Overloaded(f"the {name} model's queue is full; try again in a second") from error
        except RayActorError:  # a replica died with the batch in hand; answering twice harms nobody
            await asyncio.sleep(PAUSE_S)  # until Serve has noticed, and waits for the next replica by itself
    raise NotReady("the replicas behind this one are being replaced; try again in a second")


class RayModelClient:
    """One model's deployment and the postprocessing of its outputs, as ``Stages`` but for ``predict_json``.

    Each stage is awaited before the next one is called. A response that is handed to the next call instead would come
    through this process too, and when its replica dies Serve's router resolves it for that call again and again,
    for ever.
    """

    json_method: str
    tensor_method: str

    def __init__(self, name: str, model: DeploymentHandle[Any], postprocess: DeploymentHandle[Any]) -> None:
        self._name = name
        self._model = model
        self._postprocess = postprocess
        self._infer: Callable[..., Awaitable[ModelOutput]] = bind_method(model, "infer")
        self._encode: Callable[..., Awaitable[Sequence[bytes | Exception]]] = bind_method(postprocess, self.json_method)
        self._extend: Callable[..., Awaitable[Sequence[TensorGroup]]] = bind_method(postprocess, self.tensor_method)

    async def infer(self, items: Sequence[BatchItem]) -> Sequence[ResponseRow | Exception]:
        """As ``Stages.infer``; a stage whose own queue is full is ``Overloaded``."""
        output = await call_with_retries(self._name, self._infer, stack(items))
        return place_rows(await call_with_retries(self._name, self._extend, output), len(items))

    async def reload(self) -> Sequence[ModelStatus]:
        """As ``Stages.reload``."""
        statuses: Sequence[ModelStatus] = await self._model.broadcast("reload").results_async()
        return statuses

    def status(self) -> Awaitable[ModelStatus]:
        """As ``Stages.status``."""
        status: Awaitable[ModelStatus] = self._model.status.remote()
        return status

    def artifacts(self) -> Awaitable[dict[str, bytes]]:
        """As ``Stages.artifacts``."""
        artifacts: Awaitable[dict[str, bytes]] = self._model.artifacts.remote()
        return artifacts


class RayInferenceClient(RayModelClient):
    """The stages of gestures. Only batches in which somebody reads the embedding carry it from stage to stage."""

    json_method = "predict"
    tensor_method = "predict_tensors"

    def __init__(self, name: str, model: DeploymentHandle[Any], postprocess: DeploymentHandle[Any]) -> None:
        super().__init__(name, model, postprocess)
        self._teach: Callable[..., Awaitable[bytes | RequestError]] = bind_method(postprocess, "teach")

    async def predict_json(self, items: Sequence[BatchItem]) -> Sequence[bytes | Exception]:
        """As ``Stages.predict_json``; a stage whose own queue is full is ``Overloaded``."""
        output = await call_with_retries(self._name, self._infer, stack(items), list_read_outputs(items))
        return await call_with_retries(self._name, self._encode, output, list_vocabularies(items))

    async def infer(self, items: Sequence[BatchItem]) -> Sequence[ResponseRow | Exception]:
        """As ``RayModelClient.infer``."""
        output = await call_with_retries(self._name, self._infer, stack(items), list_read_outputs(items))
        groups = await call_with_retries(self._name, self._extend, output, list_vocabularies(items))
        return place_rows(groups, len(items))

    async def prepare(self, key: VocabularyKey, base: str) -> Sequence[bool | RequestError]:
        """As ``GestureStages.prepare``; a replica that dies meanwhile is left out."""
        asked = self._postprocess.broadcast("prepare", key, base)
        answers = await asked.results_async(timeout_s=PREPARE_TIMEOUT_S, return_exceptions=True)
        return [answer for answer in answers if isinstance(answer, bool | RequestError)]

    async def teach(self, recording: Recording, keep: Sequence[str], base: str) -> bytes | RequestError:
        """As ``GestureStages.teach``."""
        return await call_with_retries(self._name, self._teach, recording, keep, base)


class RayShotInferenceClient(RayModelClient):
    """The stages of shots: those with poses go to the model first, those without are analyzed by the rules."""

    json_method = "analyze"
    tensor_method = "analyze_tensors"

    async def predict_json(self, shots: Sequence[ShotRequest]) -> Sequence[bytes | Exception]:
        """As ``RayInferenceClient.predict_json``."""
        batch = stack_poses(shots)
        output = None if batch is None else await call_with_retries(self._name, self._infer, batch)
        return await call_with_retries(self._name, self._encode, shots, output)


class RayReplicas:
    """Every replica of every stage.

    Their ``snapshot`` is ``async``: Serve runs any other method in a thread, beside the loop that counts.
    """

    def __init__(self, *stages: DeploymentHandle[Any]) -> None:
        self._stages = stages

    async def snapshots(self) -> list[Snapshot]:
        """As ``Replicas.snapshots``; a replica that doesn't answer in time is left out."""
        broadcasts = [
            stage.broadcast("snapshot").results_async(timeout_s=SCRAPE_TIMEOUT_S, return_exceptions=True)
            for stage in self._stages
        ]
        answers = await asyncio.gather(*broadcasts, return_exceptions=True)
        each = [one for answer in answers if isinstance(answer, list) for one in answer]
        return [one for one in each if isinstance(one, Snapshot)]
