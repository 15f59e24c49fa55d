"""Service: what the routes work with. One object an ingress replica, made by ``ingress.py``, found by its routes."""

from dataclasses import dataclass

from starlette.requests import Request

from serve_app.pipeline import ModelPipeline
from serve_app.settings import ServiceArguments
from serve_app.shot_pipeline import ShotPipeline


@dataclass(frozen=True)
class Service:
    """The models behind this ingress replica and the limits that it was given."""

    gesture: ModelPipeline
    shots: ShotPipeline
    arguments: ServiceArguments

    @property
    def pipelines(self) -> tuple[ModelPipeline, ...]:
        """Every model that is watched, described in ``/metadata`` and handed out."""
        return (self.gesture, self.shots)


def service_of(request: Request) -> Service:
    """The service that a request reached."""
    service: Service = request.app.state.service
    return service
