"""Service: what the routes work with. One object an ingress replica, made by ``ingress.py``, found by its routes."""

import asyncio
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from serve_app.api.request_body import BodyRoom
from serve_app.batching.model_client import ModelPipeline
from serve_app.batching.shot_client import ShotPipeline
from serve_app.errors import NotFound
from serve_app.lifecycle.in_flight import InFlight
from serve_app.observability.metrics import PreprocessCounts, Replicas
from serve_app.settings import ServiceArguments


@dataclass(frozen=True)
class Service:
    """The models behind this ingress replica, the limits that it was given, what it counts, and all who count."""

    gesture: ModelPipeline
    shots: ShotPipeline
    arguments: ServiceArguments
    counts: PreprocessCounts
    replicas: Replicas
    shot_bodies: BodyRoom = field(default_factory=BodyRoom)
    reading_shot: asyncio.Lock = field(
        default_factory=asyncio.Lock
    )  # one at a time: decoded it is larger than its body
    sessions: set[object] = field(default_factory=set)  # one for each live session of WS /stream
    in_flight: InFlight = field(default_factory=InFlight)  # what is ended when the service stops

    @property
    def pipelines(self) -> tuple[ModelPipeline, ...]:
        """Every model that is watched, described in ``/metadata`` and handed out."""
        return (self.gesture, self.shots)

    def pipeline(self, name: str) -> ModelPipeline:
        """The pipeline of a served model.

        Raises:
            NotFound: there is no model of this name.
        """
        for pipeline in self.pipelines:
            if pipeline.status.name == name:
                return pipeline
        served = ", ".join(pipeline.status.name for pipeline in self.pipelines)
        raise NotFound(f"there is no model {name[:100]!r} here, expected one of: {served}")


def service_of(request: HTTPConnection) -> Service:
    """The service that a request or a live session reached."""
    service: Service = request.app.state.service
    return service
