"""What one replica counts, and how all replicas' counts become the one text of ``GET /metrics``.

Every replica of every stage counts for itself, which costs less than a microsecond and no message; a scrape asks all
of them for a ``Snapshot``. Knows nothing of Ray: ``deployments/ray_client.py`` does the asking.
"""

import os
import socket
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from landmarks.hands import HANDS
from landmarks.recording import NONE

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
# Finer around the tens of milliseconds that a gesture may take; the last one is the shipped deadline.
REQUEST_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
STAGE_SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5)
BATCH_SIZES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
WINDOWS_AT_ONCE: Final = 64  # whose hands are summed up together: numpy takes as long for one
CONFIDENCES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one replica has counted so far: its stage, ``host:pid``, and every family with its samples."""

    stage: str
    replica: str
    families: tuple[Metric, ...]


class Queue(Protocol):
    """Something in which requests wait for a model."""

    @property
    def waiting(self) -> int:
        """How many."""

    @property
    def ready(self) -> bool:
        """Whether requests are answered."""


class Replicas(Protocol):
    """Every replica of every stage."""

    def snapshots(self) -> Awaitable[Sequence[Snapshot]]:
        """One snapshot of each replica that answers."""


class ReplicaMetrics:
    """The metrics of one replica. A label takes few values by construction: never what a stranger sent."""

    stage: str

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(namespace="helen", registry=self.registry)

    def snapshot(self) -> Snapshot:
        """Everything counted so far."""
        replica = f"{socket.gethostname()}:{os.getpid()}"
        return Snapshot(self.stage, replica, tuple(self.registry.collect()))

    def _counter(self, name: str, text: str, *labels: str) -> Callable[..., Counter]:
        return cache(Counter(name, text, labels, registry=self.registry).labels)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Callable[..., Histogram]:
        # `labels` finds its child under a lock; `cache` spares all but the first call that.
        return cache(Histogram(name, text, labels, buckets=buckets, registry=self.registry).labels)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _stage_seconds(self) -> Callable[..., Histogram]:
        text = "One stage's own work: on a request in preprocess, on a batch in the others"
        return self._histogram("helen_stage_seconds", text, STAGE_SECONDS, "model", "version")


class IngressMetrics(ReplicaMetrics):
    """What an ingress replica sees: requests, queues, and the hands in what it reads."""

    stage = "preprocess"

    def __init__(self) -> None:
        super().__init__()
        self._requests = self._counter("helen_requests", "Requests; status 499: the client left", "route", "status")
        text = "From a request's headers to the end of its answer"
        self._request_seconds = self._histogram("helen_request_seconds", text, REQUEST_SECONDS, "route")
        self._seconds = self._stage_seconds()
        self._queue = self._gauge("helen_queue_depth", "Requests that wait for a batch", "model")
        self._ready = self._gauge("helen_model_ready", "1 while the model answers this ingress replica", "model")
        self._frames = self._counter("helen_window_frames", "Frames in the windows that were read", "model", "key")
        text = "Those of helen_window_frames in which that hand is there"
        self._hand_frames = self._counter("helen_hand_frames", text, "model", "key", "hand")
        self._windows: defaultdict[tuple[str, str], list[npt.NDArray[np.float32]]] = defaultdict(list)
        self.websocket_sessions = self._gauge("helen_websocket_sessions", "WebSocket sessions")
        text = "Failures that a task's last-resort handler caught, by the task: refresh, session, vocabularies"
        self._task_failures = self._counter("helen_task_failures", text, "task")
        for task in ("refresh", "session", "vocabularies"):
            self._task_failures(task)  # so that the first failure is a rise from 0

    def record_request(self, route: str, status: int, seconds: float) -> None:
        """A request got its response, or 499 when its client didn't wait for it."""
        self._requests(route, status).inc()
        self._request_seconds(route).observe(seconds)

    def record_failure(self, task: str) -> None:
        """Something that a task didn't foresee was caught by its last-resort handler."""
        self._task_failures(task).inc()

    def record_decode(self, model: str, version: str, seconds: float) -> None:
        """A body became checked arrays."""
        self._seconds(model, version).observe(seconds)

    def record_presence(self, model: str, key: str, presence: npt.NDArray[np.float32]) -> None:
        """A window came in whose hands are ``presence`` ``(T, 2)``; ``key`` names its API key."""
        windows = self._windows[model, key]
        windows.append(presence)
        if len(windows) == WINDOWS_AT_ONCE:
            self._count_hands(model, key, windows)

    def snapshot(self) -> Snapshot:
        """Everything counted so far."""
        for (model, key), windows in self._windows.items():
            if windows:
                self._count_hands(model, key, windows)
        return super().snapshot()

    def _count_hands(self, model: str, key: str, windows: list[npt.NDArray[np.float32]]) -> None:
        frames = np.concatenate(windows)
        windows.clear()
        self._frames(model, key).inc(len(frames))
        for hand, seen in zip(HANDS, frames.sum(axis=0, dtype=np.float64).tolist(), strict=True):
            self._hand_frames(model, key, hand).inc(seen)

    def watch(self, model: str, queue: Queue) -> None:
        """Read a model's queue depth, and whether it is ready, whenever a snapshot is taken."""
        self._queue.labels(model).set_function(lambda: queue.waiting)
        self._ready.labels(model).set_function(lambda: queue.ready)


class ModelMetrics(ReplicaMetrics):
    """What a model replica sees: batches, and the model that it serves."""

    stage = "inference"

    def __init__(self, model: str) -> None:
        super().__init__()
        self._model = model
        self._seconds = self._stage_seconds()
        self._sizes = self._histogram("helen_batch_size", "Items a batch", BATCH_SIZES, "model", "version")
        self._failed = self._counter("helen_failed_batches", "Batches that raised", "model")
        self._failed(model)  # so that the first failure is a rise from 0
        self._served = self._gauge("helen_model_served", "1 for the version that is served", "model", "version")
        text = "Loading, checking and warming up the served version"
        self._load_seconds = self._gauge("helen_model_load_seconds", text, "model", "version")
        self._rejected = self._gauge("helen_refused_versions", "Versions that are there and not served", "model")

    def record_batch(self, version: str, size: int, seconds: float) -> None:
        """A batch got its outputs."""
        self._seconds(self._model, version).observe(seconds)
        self._sizes(self._model, version).observe(size)

    def record_failed_batch(self) -> None:
        """A batch raised."""
        self._failed(self._model).inc()

    def set_served_version(self, version: str | None, load_seconds: float, rejected: int) -> None:
        """Which version is served now (None: no one), what its loading took, how many are rejected."""
        self._served.clear()
        self._load_seconds.clear()
        if version is not None:
            self._served.labels(self._model, version).set(1)
            self._load_seconds.labels(self._model, version).set(load_seconds)
        self._rejected.labels(self._model).set(rejected)


class PostprocessMetrics(ReplicaMetrics):
    """What a postprocessing replica sees: predictions and their confidence."""

    stage = "postprocess"

    def __init__(self) -> None:
        super().__init__()
        self._seconds = self._stage_seconds()
        text = "Answers, by the label that they give"
        self._predictions = self._counter("helen_predictions", text, "model", "version", "label")
        text = "Probability of the label that was given"
        self._confidence = self._histogram("helen_confidence", text, CONFIDENCES, "model", "version")
        text = "Answers by a vocabulary: a gesture of its own or of the model's, or none"
        self._vocabulary_predictions = Counter(
            "helen_vocabulary_predictions", text, ("vocabulary", "outcome"), registry=self.registry
        )
        self._vocabularies = self._gauge("helen_vocabularies", "Vocabulary files, served and rejected", "state")
        self._counted: set[str] = set()  # vocabularies with a series
        self._counted_lately: set[str] = set()  # since the last snapshot
        text = "Failures that a task's last-resort handler caught, by the task: vocabularies"
        self._task_failures = self._counter("helen_task_failures", text, "task")
        self._task_failures("vocabularies")  # so that the first failure is a rise from 0

    def record_vocabulary(self, vocabulary: str, labels: Iterable[str]) -> None:
        """Labels that were predicted by a vocabulary; what people call their gestures is no label of a series."""
        self._counted.add(vocabulary)
        self._counted_lately.add(vocabulary)
        for label in labels:
            outcome = "none" if label == NONE else "gesture"
            self._vocabulary_predictions.labels(vocabulary, outcome).inc()

    def set_vocabularies(self, served: Collection[str], rejected: int) -> None:
        """Which vocabularies there are now: the series of those that are gone, and aren't asked any more, end."""
        self._vocabularies.labels("served").set(len(served))
        self._vocabularies.labels("rejected").set(rejected)
        for gone in self._counted.difference(served, self._counted_lately):
            self._counted.discard(gone)
            for outcome in ("gesture", "none"):
                with suppress(KeyError):
                    self._vocabulary_predictions.remove(gone, outcome)
        self._counted_lately.clear()

    def record_failure(self, task: str) -> None:
        """Something that a task didn't foresee was caught by its last-resort handler."""
        self._task_failures(task).inc()

    def record_predictions(self, model: str, version: str, predictions: Iterable[tuple[str, float]]) -> None:
        """Labels that were predicted, each with its probability."""
        for label, confidence in predictions:
            self._predictions(model, version, label).inc()
            self._confidence(model, version).observe(confidence)

    def record_batch(self, model: str, version: str, seconds: float) -> None:
        """A batch got its responses."""
        self._seconds(model, version).observe(seconds)


class MergedCollector(Collector):
    """Snapshots as one set of families; each sample says its ``stage`` and ``replica``.

    Replicas aren't summed up: when one goes, its series end, where a sum would fall and look like a restart.
    """

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = snapshots

    def collect(self) -> Iterable[Metric]:
        """The families, by name."""
        replicas = GaugeMetricFamily("helen_replicas", "Replicas that answered this scrape", labels=["stage"])
        for stage, count in sorted(Tally(snapshot.stage for snapshot in self._snapshots).items()):
            replicas.add_metric([stage], count)
        merged: dict[str, Metric] = {replicas.name: replicas}
        for snapshot in self._snapshots:
            own = {"stage": snapshot.stage, "replica": snapshot.replica}
            for family in snapshot.families:
                into = merged.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                into.samples += [
                    sample._replace(labels=sample.labels | own)
                    for sample in family.samples
                    if not sample.name.endswith("_created")  # twice as many series, for a time that nobody plots
                ]
        return [merged[name] for name in sorted(merged)]


def exposition(snapshots: Sequence[Snapshot]) -> bytes:
    """Snapshots as Prometheus text, of ``CONTENT_TYPE``."""
    return generate_latest(MergedCollector(snapshots))
