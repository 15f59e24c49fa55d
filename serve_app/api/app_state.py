"""Service: what the routes work with. One object an ingress replica, made by ``ingress.py``, found by its routes."""

import asyncio
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from serve_app.api.request_body import BodyMemoryLimit
from serve_app.batching.model_client import BatchingModelClient
from serve_app.batching.shot_client import BatchingShotClient
from serve_app.errors import NotFound
from serve_app.lifecycle.in_flight import InFlight
from serve_app.observability.metrics import IngressMetrics, Replicas
from serve_app.settings import ServiceArguments


@dataclass(frozen=True)
class AppState:
    """The models behind this ingress replica, the limits that it was given, what it counts, and all who count."""

    gesture: BatchingModelClient
    shots: BatchingShotClient
    arguments: ServiceArguments
    counts: IngressMetrics
    replicas: Replicas
    shot_bodies: BodyMemoryLimit = field(default_factory=BodyMemoryLimit)
    reading_shot: asyncio.Lock = field(
        default_factory=asyncio.Lock
    )  # one at a time: decoded it is larger than its body
    sessions: set[object] = field(default_factory=set)  # one for each live session of WS /stream
    in_flight: InFlight = field(default_factory=InFlight)  # what is ended when the service stops

    @property
    def pipelines(self) -> tuple[BatchingModelClient, ...]:
        """Every model that is watched, described in ``/metadata`` and handed out."""
        return (self.gesture, self.shots)

    def pipeline(self, name: str) -> BatchingModelClient:
        """The pipeline of a served model.

        Raises:
            NotFound: there is no model of this name.
        """
        for pipeline in self.pipelines:
            if pipeline.status.name == name:
                return pipeline
        served = ", ".join(pipeline.status.name for pipeline in self.pipelines)
        raise NotFound(f"there is no model {name[:100]!r} here, expected one of: {served}")


def get_state(request: HTTPConnection) -> AppState:
    """The service that a request or a live session reached."""
    service: AppState = request.app.state.service
    return service
