"""The skin between Ray Serve and the rest: the ingress deployment, and the other stages reached through handles.

``Inference`` and ``Postprocess`` need no skin; ``app.py`` deploys them as they are.
"""

from collections.abc import Awaitable, Sequence
from typing import Any

from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle
from starlette.applications import Starlette

from serve_app.errors import Overloaded
from serve_app.ingress import create_app
from serve_app.messages import ModelStatus, Tensors
from serve_app.pipeline import ModelPipeline
from serve_app.service import Service
from serve_app.settings import Environment, ServiceArguments, configure_logging
from serve_app.shot_pipeline import ShotPipeline


class RayStages:
    """Inference and postprocessing as deployments; a batch goes through both without coming back in between."""

    def __init__(self, model: DeploymentHandle[Any], postprocess: DeploymentHandle[Any]) -> None:
        self._model = model
        self._postprocess = postprocess

    async def answer(self, batch: Tensors) -> Sequence[bytes | Exception]:
        """As ``Stages.answer``; a stage whose own queue is full is ``Overloaded``."""
        try:
            answers: Sequence[bytes | Exception] = await self._postprocess.predict.remote(
                self._model.infer.remote(batch)
            )
        except BackPressureError as error:
            raise Overloaded("the model's queue is full; try again in a second") from error
        return answers

    def describe(self) -> Awaitable[ModelStatus]:
        """As ``Stages.describe``."""
        status: Awaitable[ModelStatus] = self._model.describe.remote()
        return status

    def files(self) -> Awaitable[dict[str, bytes]]:
        """As ``Stages.files``."""
        files: Awaitable[dict[str, bytes]] = self._model.files.remote()
        return files


class RayShotStages:
    """The judging of shots as deployments, by the rules and, as ``Stages``, by the model."""

    def __init__(self, model: DeploymentHandle[Any], postprocess: DeploymentHandle[Any]) -> None:
        self._model = model
        self._postprocess = postprocess

    async def answer(self, batch: Tensors) -> Sequence[bytes | Exception]:
        """As ``Stages.answer``; a stage whose own queue is full is ``Overloaded``."""
        try:
            answers: Sequence[bytes | Exception] = await self._postprocess.shots.remote(
                self._model.infer.remote(batch), batch
            )
        except BackPressureError as error:
            raise Overloaded("the shot model's queue is full; try again in a second") from error
        return answers

    def describe(self) -> Awaitable[ModelStatus]:
        """As ``Stages.describe``."""
        status: Awaitable[ModelStatus] = self._model.describe.remote()
        return status

    def files(self) -> Awaitable[dict[str, bytes]]:
        """As ``Stages.files``."""
        files: Awaitable[dict[str, bytes]] = self._model.files.remote()
        return files

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
        self._api_keys = environment.api_keys
        shot_stages = RayShotStages(shot, postprocess)
        self._service = Service(
            ModelPipeline("gesture", RayStages(gesture, postprocess), arguments),
            ShotPipeline(ModelPipeline("shot", shot_stages, arguments), shot_stages, arguments),
            arguments,
        )

    def __serve_build_asgi_app__(self) -> Starlette:
        return create_app(self._service, self._api_keys)
