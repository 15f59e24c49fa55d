"""The skin between Ray Serve and the rest: the ingress deployment, and the other stages reached through handles.

``Inference`` and ``Postprocess`` need no skin; ``app.py`` deploys them as they are.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Final

from ray.exceptions import RayActorError
from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle
from starlette.applications import Starlette

from serve_app.errors import NotReady, Overloaded
from serve_app.ingress import create_app
from serve_app.messages import ModelStatus, Outputs, Tensors
from serve_app.pipeline import ModelPipeline
from serve_app.service import Service
from serve_app.settings import Environment, ServiceArguments, configure_logging
from serve_app.shot_pipeline import ShotPipeline

ATTEMPTS: Final = 4
PAUSE_S: Final = 0.2


def method_of(handle: DeploymentHandle[Any], name: str) -> DeploymentHandle[Any]:
    """A method of a deployment, called many times a second: arrays and dataclasses need none of cloudpickle's care."""
    return handle.options(method_name=name, request_serialization="pickle", response_serialization="pickle")


class RayStages:
    """Inference and postprocessing as deployments."""

    def __init__(self, model: DeploymentHandle[Any], postprocess: DeploymentHandle[Any]) -> None:
        self._model = model
        self._infer = method_of(model, "infer")
        self._predict = method_of(postprocess, "predict")
        self._outputs = method_of(postprocess, "outputs")

    async def answer(self, batch: Tensors) -> Sequence[bytes | Exception]:
        """As ``Stages.answer``; a stage whose own queue is full is ``Overloaded``."""
        answers: Sequence[bytes | Exception] = await self._through(self._predict, batch)
        return answers

    async def outputs(self, batch: Tensors) -> Outputs:
        """As ``Stages.outputs``; a stage whose own queue is full is ``Overloaded``."""
        outputs: Outputs = await self._through(self._outputs, batch)
        return outputs

    async def _through(self, last: DeploymentHandle[Any], batch: Tensors) -> Any:
        for _ in range(ATTEMPTS):
            try:
                return await last.remote(self._infer.remote(batch))
            except BackPressureError as error:
                raise Overloaded("the model's queue is full; try again in a second") from error
            except RayActorError:  # a replica died with the batch in hand; answering twice harms nobody
                await asyncio.sleep(PAUSE_S)  # until Serve has noticed, and waits for the next replica by itself
        raise NotReady("the replicas behind this one are being replaced; try again in a second")

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


class RayShotStages:
    """The judging of shots as a deployment."""

    def __init__(self, postprocess: DeploymentHandle[Any]) -> None:
        self._postprocess = postprocess

    async def judge(self, batch: Tensors) -> Sequence[bytes | Exception]:
        """As ``ShotStages.judge``; a stage whose own queue is full is ``Overloaded``."""
        try:
            answers: Sequence[bytes | Exception] = await self._postprocess.judge.remote(batch)
        except BackPressureError as error:
            raise Overloaded("the queue of shots is full; try again in a second") from error
        return answers


class Preprocess:
    """The ingress deployment: one replica, its batcher and its routes.

    Args:
        gesture: handle of the gesture model's deployment.
        postprocess: handle of the postprocessing deployment.
        arguments: the application's arguments.
    """

    def __init__(
        self, gesture: DeploymentHandle[Any], postprocess: DeploymentHandle[Any], arguments: ServiceArguments
    ) -> None:
        environment = Environment()
        configure_logging(environment.log_level)
        self._api_keys = environment.api_keys
        self._service = Service(
            ModelPipeline("gesture", RayStages(gesture, postprocess), arguments),
            ShotPipeline(RayShotStages(postprocess), arguments),
            arguments,
        )

    def __serve_build_asgi_app__(self) -> Starlette:
        return create_app(self._service, self._api_keys)
