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
from serve_app.messages import ModelStatus, Outputs, Tensors
from serve_app.pipeline import ModelPipeline
from serve_app.service import Service
from serve_app.settings import Environment, ServiceArguments, configure_logging
from serve_app.shot_answer import POSES
from serve_app.shot_pipeline import ShotPipeline


class RayStages:
    """Inference and postprocessing as deployments; a batch goes through both without coming back in between."""

    def __init__(self, name: str, model: DeploymentHandle[Any], postprocess: DeploymentHandle[Any]) -> None:
        self._name = name
        self._model = model
        self._postprocess = postprocess

    async def answer(self, batch: Tensors) -> Sequence[bytes | Exception]:
        """As ``Stages.answer``; a stage whose own queue is full is ``Overloaded``."""
        try:
            answers: Sequence[bytes | Exception] = await self._send(batch)
        except BackPressureError as error:
            raise Overloaded(f"the {self._name} model's queue is full; try again in a second") from error
        return answers

    def _send(self, batch: Tensors) -> Awaitable[Sequence[bytes | Exception]]:
        answers: Awaitable[Sequence[bytes | Exception]] = self._postprocess.predict.remote(
            self._model.infer.remote(batch)
        )
        return answers

    async def outputs(self, batch: Tensors) -> Outputs:
        """As ``Stages.outputs``; a stage whose own queue is full is ``Overloaded``."""
        try:
            return await self._outputs(batch)
        except BackPressureError as error:
            raise Overloaded(f"the {self._name} model's queue is full; try again in a second") from error

    def _outputs(self, batch: Tensors) -> Awaitable[Outputs]:
        outputs: Awaitable[Outputs] = self._postprocess.outputs.remote(self._model.infer.remote(batch))
        return outputs

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


class RayShotStages(RayStages):
    """The same for shots: a batch with poses for the model goes to it first, one without is judged by the rules."""

    def _send(self, batch: Tensors) -> Awaitable[Sequence[bytes | Exception]]:
        scored = self._model.infer.remote({POSES: batch[POSES]}) if POSES in batch else None
        answers: Awaitable[Sequence[bytes | Exception]] = self._postprocess.judge.remote(batch, scored)
        return answers

    def _outputs(self, batch: Tensors) -> Awaitable[Outputs]:
        outputs: Awaitable[Outputs] = self._postprocess.shot_outputs.remote(self._model.infer.remote(batch))
        return outputs


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
        self._service = Service(
            ModelPipeline("gesture", RayStages("gesture", gesture, postprocess), arguments),
            ShotPipeline("shot", RayShotStages("shot", shot, postprocess), arguments),
            arguments,
        )

    def __serve_build_asgi_app__(self) -> Starlette:
        return create_app(self._service, self._api_keys)
