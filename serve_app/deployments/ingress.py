"""The ingress deployment: one replica, its batchers and its routes."""

from typing import Any

from ray import serve
from ray.serve.context import _get_global_client
from ray.serve.handle import DeploymentHandle
from starlette.applications import Starlette

from serve_app.api.app_state import AppState
from serve_app.api.application import create_app
from serve_app.api.auth.api_keys import ApiKeyStore
from serve_app.api.middleware.same_origin import build_site
from serve_app.deployments.ray_client import RayInferenceClient, RayReplicas, RayShotInferenceClient
from serve_app.gestures.client import GestureClient
from serve_app.observability.logging import configure_logging
from serve_app.observability.metrics import IngressMetrics, Snapshot
from serve_app.settings import Environment, ServiceArguments
from serve_app.shots.client import ShotClient
from serve_app.vocabularies.served import ServedVocabularies
from serve_app.vocabularies.store import VocabularyStore


class Preprocess:
    """One replica of the ingress.

    Args:
        gesture: handle of the gesture model's deployment.
        postprocess: handle of the postprocessing deployment.
        shot: handle of the shot model's deployment.
        repository: the model repository that keeps the vocabularies.
        arguments: the application's arguments.
    """

    def __init__(
        self,
        gesture: DeploymentHandle[Any],
        postprocess: DeploymentHandle[Any],
        shot: DeploymentHandle[Any],
        repository: str,
        arguments: ServiceArguments,
    ) -> None:
        environment = Environment()
        configure_logging(environment.log_level, environment.log_format)
        self._keys = ApiKeyStore(environment.api_keys, environment.api_keys_file)
        client = _get_global_client()  # Serve tells nobody else where its proxy listens
        self._site = build_site(environment, self._keys, client.http_config.host if client else "127.0.0.1")
        own = serve.get_deployment_handle(serve.get_replica_context().deployment)
        self._metrics = IngressMetrics()
        vocabularies = VocabularyStore(repository)
        vocabularies.refresh()
        vocabularies.watch(self._metrics.record_failure)
        self._state = AppState(
            GestureClient("gesture", RayInferenceClient("gesture", gesture, postprocess), arguments),
            ShotClient("shot", RayShotInferenceClient("shot", shot, postprocess), arguments),
            arguments,
            self._metrics,
            RayReplicas(own, gesture, shot, postprocess),
            ServedVocabularies(vocabularies),
        )

    async def snapshot(self) -> Snapshot:
        """This replica's metrics."""
        return self._metrics.snapshot()

    async def drain(self, limit_s: float) -> None:
        """As ``InFlight.drain``: the service stops."""
        await self._state.in_flight.drain(limit_s)

    def __serve_build_asgi_app__(self) -> Starlette:
        return create_app(self._state, self._keys, self._site)
