"""The skin between Ray Serve and the rest: the ingress deployment, and the other stages reached through handles.

``ModelReplica`` and ``Postprocess`` need no skin; ``app.py`` deploys them as they are.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from ray import serve
from ray.exceptions import RayActorError
from ray.serve.context import _get_global_client
from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle
from starlette.applications import Starlette

from landmarks.protocol.tensors import POSES
from serve_app.api.app_state import AppState
from serve_app.api.application import create_app
from serve_app.api.auth.api_keys import ApiKeyStore
from serve_app.api.middleware.same_origin import site_from
from serve_app.batching.model_client import BatchingModelClient
from serve_app.batching.shot_client import BatchingShotClient
from serve_app.errors import NotReady, Overloaded
from serve_app.observability.metrics import IngressMetrics, Snapshot
from serve_app.schemas import ModelOutput, ModelStatus, TensorResponse, Tensors
from serve_app.settings import Environment, ServiceArguments, configure_logging

ATTEMPTS: Final = 4
PAUSE_S: Final = 0.2
SCRAPE_DEADLINE_S: Final = 3.0  # Prometheus gives up after 10

Answer = TypeVar("Answer")


def bind_method(handle: DeploymentHandle[Any], name: str) -> DeploymentHandle[Any]:
    """A method of a deployment, called many times a second: arrays and dataclasses need none of cloudpickle's care."""
    return handle.options(method_name=name, request_serialization="pickle", response_serialization="pickle")


async def call_with_retries(name: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Call one stage of a model, and again when the replica that had the call died.

    A call that is slow is waited for, for as long as the caller does: asking again would only repeat the work.

    Raises:
        Overloaded: the stage's own queue is full.
        NotReady: none of several attempts was answered.
    """
    for _ in range(ATTEMPTS):
        try:
            return await ask()
        except BackPressureError as error:
            raise Overloaded(f"the {name} model's queue is full; try again in a second") from error
        except RayActorError:  # a replica died with the batch in hand; answering twice harms nobody
            await asyncio.sleep(PAUSE_S)  # until Serve has noticed, and waits for the next replica by itself
    raise NotReady("the replicas behind this one are being replaced; try again in a second")


class RayInferenceClient:
    """Inference and postprocessing as deployments.

    Each stage is awaited before the next one is called. A response that is handed to the next call instead would come
    through this process too, and when its replica dies Serve's router resolves it for that call again and again,
    for ever.
    """

    def __init__(self, name: str, model: DeploymentHandle[Any], postprocess: DeploymentHandle[Any]) -> None:
        self._name = name
        self._model = model
        self._infer = bind_method(model, "infer")
        self._predict = bind_method(postprocess, "predict")
        self._outputs = bind_method(postprocess, "outputs")

    async def answer(self, batch: Tensors) -> Sequence[bytes | Exception]:
        """As ``Stages.answer``; a stage whose own queue is full is ``Overloaded``."""
        scored = await self._score(batch)
        answers: Sequence[bytes | Exception]
        answers = await call_with_retries(self._name, lambda: self._predict.remote(scored))
        return answers

    async def outputs(self, batch: Tensors) -> TensorResponse:
        """As ``Stages.outputs``; a stage whose own queue is full is ``Overloaded``."""
        scored = await self._score(batch)
        outputs: TensorResponse = await call_with_retries(self._name, lambda: self._outputs.remote(scored))
        return outputs

    async def _score(self, batch: Tensors) -> ModelOutput:
        scored: ModelOutput = await call_with_retries(self._name, lambda: self._infer.remote(batch))
        return scored

    async def look(self) -> Sequence[ModelStatus]:
        """As ``Stages.look``."""
        statuses: Sequence[ModelStatus] = await self._model.broadcast("look").results_async()
        return statuses

    def describe(self) -> Awaitable[ModelStatus]:
        """As ``Stages.describe``."""
        status: Awaitable[ModelStatus] = self._model.describe.remote()
        return status

    def files(self) -> Awaitable[dict[str, bytes]]:
        """As ``Stages.files``."""
        files: Awaitable[dict[str, bytes]] = self._model.files.remote()
        return files


class RayShotInferenceClient(RayInferenceClient):
    """The same for shots: a batch with poses for the model goes to it first, one without is judged by the rules."""

    def __init__(self, name: str, model: DeploymentHandle[Any], postprocess: DeploymentHandle[Any]) -> None:
        super().__init__(name, model, postprocess)
        self._judge = bind_method(postprocess, "judge")
        self._outputs = bind_method(postprocess, "shot_outputs")

    async def answer(self, batch: Tensors) -> Sequence[bytes | Exception]:
        """As ``RayInferenceClient.answer``."""
        scored = await self._score({POSES: batch[POSES]}) if POSES in batch else None
        answers: Sequence[bytes | Exception]
        answers = await call_with_retries(self._name, lambda: self._judge.remote(batch, scored))
        return answers


class RayReplicas:
    """Every replica of every stage, asked all at once.

    Their ``snapshot`` is ``async``: Serve runs any other method in a thread, beside the loop that counts.
    """

    def __init__(self, *stages: DeploymentHandle[Any]) -> None:
        self._stages = stages

    async def snapshots(self) -> list[Snapshot]:
        """As ``Replicas.snapshots``; a replica that doesn't answer in time is left out."""
        broadcasts = [
            stage.broadcast("snapshot").results_async(timeout_s=SCRAPE_DEADLINE_S, return_exceptions=True)
            for stage in self._stages
        ]
        answers = await asyncio.gather(*broadcasts, return_exceptions=True)
        each = [one for answer in answers if isinstance(answer, list) for one in answer]
        return [one for one in each if isinstance(one, Snapshot)]


class Preprocess:
    """The ingress deployment: one replica, its batcher and its routes.

    Args:
        gesture: handle of the gesture model's deployment.
        postprocess: handle of the postprocessing deployment.
        shot: handle of the shot model's deployment.
        arguments: the application's arguments.
    """

    def __init__(
        self,
        gesture: DeploymentHandle[Any],
        postprocess: DeploymentHandle[Any],
        shot: DeploymentHandle[Any],
        arguments: ServiceArguments,
    ) -> None:
        environment = Environment()
        configure_logging(environment.log_level)
        self._keys = ApiKeyStore(environment.api_keys, environment.api_keys_file)
        client = _get_global_client()  # Serve tells nobody else where its proxy listens
        self._site = site_from(environment, self._keys, client.http_config.host if client else "127.0.0.1")
        own = serve.get_deployment_handle(serve.get_replica_context().deployment)
        self._counts = IngressMetrics()
        self._service = AppState(
            BatchingModelClient("gesture", RayInferenceClient("gesture", gesture, postprocess), arguments),
            BatchingShotClient("shot", RayShotInferenceClient("shot", shot, postprocess), arguments),
            arguments,
            self._counts,
            RayReplicas(own, gesture, shot, postprocess),
        )

    async def snapshot(self) -> Snapshot:
        """What this replica has counted."""
        return self._counts.snapshot()

    async def drain(self, limit_s: float) -> None:
        """As ``InFlight.drain``: the service stops."""
        await self._service.in_flight.drain(limit_s)

    def __serve_build_asgi_app__(self) -> Starlette:
        return create_app(self._service, self._keys, self._site)
