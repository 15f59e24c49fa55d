"""AppState: what the routes work with. One object an ingress replica, made by its deployment, found by its routes."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import HTTPConnection

from serve_app.api.request_body import BodyMemoryLimit
from serve_app.batching.model_client import BatchingModelClient
from serve_app.errors import NotFound
from serve_app.gestures.client import GestureClient
from serve_app.lifecycle.in_flight import InFlight
from serve_app.observability.metrics import IngressMetrics, Replicas
from serve_app.settings import ServiceArguments
from serve_app.shots.request import ShotRequest
from serve_app.vocabularies.served import ServedGestures, ServedVocabularies
from serve_app.vocabularies.store import VocabularyStore


@dataclass(frozen=True)
class AppState:
    """The models behind this ingress replica, its limits, its own metrics, and every replica that has some."""

    gesture: GestureClient
    shots: BatchingModelClient[ShotRequest]
    arguments: ServiceArguments
    metrics: IngressMetrics
    replicas: Replicas
    vocabularies: ServedVocabularies = field(default_factory=lambda: ServedVocabularies(VocabularyStore(None)))
    vocabulary_bodies: BodyMemoryLimit = field(default_factory=BodyMemoryLimit)
    teaching: asyncio.Lock = field(default_factory=asyncio.Lock)  # one at a time: it takes a core for seconds
    shot_bodies: BodyMemoryLimit = field(default_factory=BodyMemoryLimit)
    shot_decoding: asyncio.Lock = field(default_factory=asyncio.Lock)  # one at a time: decoded it is larger
    sessions: set[object] = field(default_factory=set)  # one for each live session of WS /stream
    in_flight: InFlight = field(default_factory=InFlight)  # what is ended when the service stops

    @property
    def models(self) -> tuple[BatchingModelClient[Any], ...]:
        """Every model that is watched, described in ``/metadata`` and handed out."""
        return (self.gesture, self.shots)

    def get_model(self, name: str) -> BatchingModelClient[Any]:
        """The client of a served model.

        Raises:
            NotFound: there is no model of this name.
        """
        for model in self.models:
            if model.status.name == name:
                return model
        served = ", ".join(model.status.name for model in self.models)
        raise NotFound(f"there is no model {name[:100]!r} here, expected one of: {served}")

    def get_gestures(self, vocabulary: str | None) -> ServedGestures:
        """What answers a request for gestures: a vocabulary over the model, or the model itself.

        Raises:
            NotReady: there is no model.
            NotFound, Conflict: as ``ServedVocabularies.get``.
        """
        status = self.gesture.status
        if vocabulary is not None:
            return self.vocabularies.get(vocabulary, status)
        return ServedGestures(self.gesture.require_ready(), status.version or "-")


def get_vocabulary(connection: HTTPConnection) -> str | None:
    """The vocabulary that a path names, such as ``/vocabularies/mine/predict``."""
    name: str | None = connection.path_params.get("vocabulary")
    return name


def get_state(request: HTTPConnection) -> AppState:
    """The state of the app that a request or a live session reached."""
    state: AppState = request.app.state.service
    return state
