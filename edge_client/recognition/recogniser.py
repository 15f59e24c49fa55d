"""Predictions for a live stream of windows: from the service, or from the local model while the service is away.

The capture thread leaves windows here and picks up predictions; it never waits. One request is in flight, and a newer
window takes the place of one that waits. One thread asks the service, another one runs the local model.
"""

import logging
import time
from collections import deque
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np

from edge_client.recognition.circuit_breaker import CircuitBreaker
from edge_client.recognition.local_model import LocalModel, apply_vocabulary, open_local_model
from edge_client.recognition.local_vocabulary import LocalVocabulary, open_local_vocabulary
from edge_client.runtime.newest_slot import NewestSlot
from edge_client.runtime.worker import STALL_S, Worker
from edge_client.service.http_client import ServiceClient
from edge_client.service.model_metadata import ModelMetadata
from edge_client.service.replies import ServiceError
from edge_client.service.stream_client import StreamClient
from edge_client.service.vocabulary_client import MISSING_HINT, is_vocabulary_missing
from edge_client.settings import Device, Settings
from edge_client.types import Connection, LinkState, Window, WindowPrediction, WindowShape
from landmarks.models.card import ModelError

log = logging.getLogger(__name__)

MAX_PREDICTIONS_WAITING = 64
WAKE_EVERY_S = 1.0
REQUESTS_A_ROUND = 4  # metadata, a session that is opened anew, the window, and a vocabulary that changed


class AsyncRecogniser(AbstractContextManager["AsyncRecogniser"]):
    """Windows in, predictions out, both without waiting. ``close`` ends its threads; use it as a context manager."""

    def __init__(
        self,
        remote: ServiceClient | StreamClient,
        local: LocalModel | None,
        settings: Device,
        timeout_s: float,
        vocabulary: LocalVocabulary | None = None,
    ) -> None:
        """Start asking ``remote``, a request a window or a live session; ``timeout_s`` bounds a request.

        ``vocabulary`` is what the local model knows; until there is one, the local model gives no answer.
        """
        self._remote = remote
        self._local = local
        self._vocabulary = vocabulary
        self._remote_version: str | None = None
        self._timeout_s = timeout_s
        self._probe_timeout_s = min(timeout_s, settings.probe_every)
        self._answer_after = settings.answer_after
        self._requested_at: float | None = None
        self._breaker = CircuitBreaker(settings.failures, settings.probe_every)
        self._remote_slot: NewestSlot[Window] = NewestSlot()
        self._local_slot: NewestSlot[Window] = NewestSlot()
        self._submitted_s = float("-inf")
        self._predictions: deque[WindowPrediction] = deque(maxlen=MAX_PREDICTIONS_WAITING)
        self._newest_s = float("-inf")
        self._metadata: ModelMetadata | None = None
        self._vocabulary_missing = False
        self._link = LinkState(has_local_model=local is not None)
        self._remote_worker = Worker("cloud", self._run_remote, stall_s=REQUESTS_A_ROUND * timeout_s + STALL_S)
        self._local_worker = Worker("device", self._run_local) if local else None
        # The thread that asks the service, and the one of the local model where there is one.
        self.workers = [self._remote_worker, *([self._local_worker] if self._local_worker else [])]
        for worker in self.workers:
            worker.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def link(self) -> LinkState:
        """The link to the service, and whether the local model could answer."""
        link = self._link
        if not self._remote_worker.alive:
            link = replace(link, connection="offline", reason=self._remote_worker.trouble, round_trip_ms=None)
        if self._answering_model is None or (self._local_worker and not self._local_worker.alive):
            link = replace(link, has_local_model=False)
        return link

    @property
    def shape(self) -> WindowShape | None:
        """What windows must be like: as the service says, else as the local model says, else not known yet."""
        model = self._metadata or self._local
        return model.shape if model else None

    @property
    def labels(self) -> tuple[str, ...]:
        """What predictions may name: as the service says, else as the local model says, else nothing yet."""
        if self._metadata is not None:
            return self._metadata.class_labels
        return self._answering_model.labels if self._answering_model else ()

    @property
    def _answering_model(self) -> LocalModel | None:
        """The local model, unless a vocabulary is named that it doesn't have: its own words aren't that one's."""
        local = self._local
        return None if local is None or (self._vocabulary and local.vocabulary is None) else local

    def submit(self, window: Window) -> None:
        """Hand over a window; returns at once."""
        self._submitted_s = window.time_s
        if self._local is None or (self._metadata is not None and self._breaker.state != "open"):
            self._remote_slot.put(window)
        if self._local is not None and self._remote_is_late():
            self._local_slot.put(window)

    def _remote_is_late(self) -> bool:
        if self._metadata is None or self._breaker.state == "open" or not self._remote_worker.alive:
            return True
        requested_at = self._requested_at
        return requested_at is not None and time.monotonic() - requested_at > self._answer_after

    def collect(self) -> list[WindowPrediction]:
        """The predictions since the last call, in order of capture; one that a newer one overtook is dropped."""
        predictions = []
        while self._predictions:
            prediction = self._predictions.popleft()
            if prediction.window.time_s > self._newest_s:
                self._newest_s = prediction.window.time_s
                predictions.append(prediction)
        return predictions

    @property
    def waiting(self) -> bool:
        """Whether the newest window submitted has no prediction yet."""
        return self._submitted_s > self._newest_s

    def close(self) -> None:
        """End the threads; a request in flight is waited for."""
        for worker in self.workers:
            worker.stopping.set()
        self._remote_slot.close()
        self._local_slot.close()
        for worker in self.workers:
            worker.join(self._timeout_s + 2)
        self._remote.close()
        if self._vocabulary is not None:
            self._vocabulary.close()

    def _run_remote(self) -> None:
        if self._metadata is None or self._breaker.state == "open":
            self._probe()
            return
        window = self._remote_slot.take(timeout_s=WAKE_EVERY_S)
        if window is not None:
            self._predict_remote(window)

    def _probe(self) -> None:
        wait_s = self._breaker.until_probe(time.monotonic())
        if self._remote_worker.stopping.wait(min(wait_s, WAKE_EVERY_S)) or wait_s > WAKE_EVERY_S:
            return
        try:
            metadata = self._remote.get_metadata(timeout=self._probe_timeout_s, force_refresh=True)
        except Exception as error:
            self._breaker.open(time.monotonic(), error.retry_after_s if isinstance(error, ServiceError) else 0.0)
            self._show_fault(error)
            if is_vocabulary_missing(error):
                self._refresh_vocabulary()  # a first one that was taught here is sent
            if isinstance(error, ServiceError):
                return
            raise
        self._refresh_vocabulary()
        self._metadata = metadata
        self._breaker.succeed()
        same = metadata.class_labels == self._local.labels if self._local else None
        if same is False:
            log.warning("the model on this machine has other labels than the service's: fetch the service's version")
        log.info("service reached: model version %s, %d labels", metadata.version, metadata.num_classes)
        self._link = replace(self._link, connection="online", reason="", same_model=same)

    def _predict_remote(self, window: Window) -> None:
        started = time.monotonic()
        self._requested_at = started
        try:
            metadata, reply = self._remote.predict_window(window, self._timeout_s)
            self._metadata = metadata
        except Exception as error:
            self._breaker.fail(time.monotonic(), error.retry_after_s if isinstance(error, ServiceError) else 0.0)
            self._show_fault(error)
            if self._local:
                self._local_slot.offer(window)
            if isinstance(error, (ServiceError, ValueError)):
                return
            raise
        finally:
            self._requested_at = None
        took_ms = (time.monotonic() - started) * 1e3
        self._breaker.succeed()
        probabilities = np.array(reply.probabilities, dtype=np.float32)
        version = str(reply.model_version if reply.model_version is not None else metadata.version)
        self._predictions.append(
            WindowPrediction(window, metadata.class_labels, probabilities, "cloud", took_ms, version)
        )
        smoothed = took_ms if self._link.round_trip_ms is None else 0.8 * self._link.round_trip_ms + 0.2 * took_ms
        self._link = replace(self._link, connection="online", reason="", round_trip_ms=smoothed)
        if self._remote_version not in (None, version):
            self._refresh_vocabulary()
        self._remote_version = version

    def _refresh_vocabulary(self) -> None:
        """Let the local model know the vocabulary that the service has now."""
        if self._local is None or self._vocabulary is None:
            return
        vocabulary = self._vocabulary.refresh(self._probe_timeout_s)
        if vocabulary is not None:
            self._local = apply_vocabulary(self._local, vocabulary)

    def _show_fault(self, fault: Exception) -> None:
        away = self._breaker.state == "open"
        missing = self._vocabulary is not None and is_vocabulary_missing(fault)
        name = self._vocabulary.name if self._vocabulary else ""
        reason = f"the service has no vocabulary {name}: {MISSING_HINT}" if missing else str(fault)
        if away and (self._link.connection != "offline" or missing != self._vocabulary_missing):
            answers = "this machine answers" if self._answering_model else "no answers"
            log.warning("%s, %s: %s", "no vocabulary" if missing else "service away", answers, reason)
            self._vocabulary_missing = missing
        connection: Connection = "offline" if away else self._link.connection
        self._link = replace(self._link, connection=connection, reason=reason, round_trip_ms=None)

    def _run_local(self) -> None:
        window, local = self._local_slot.take(timeout_s=WAKE_EVERY_S), self._answering_model
        if window is None or local is None:
            return
        try:
            self._predictions.append(local.predict(window))
        except ModelError as error:
            log.warning("this machine's model gave no answer: %s", error)


def open_recogniser(settings: Settings) -> AsyncRecogniser:
    """The service and the local model, as the settings say. Live windows aren't retried: the next one is on its way."""
    cloud = settings.cloud.model_copy(update={"retries": 0})
    service = StreamClient(cloud) if cloud.transport == "stream" else ServiceClient(cloud)
    vocabulary = open_local_vocabulary(settings)
    local = open_local_model(settings, vocabulary.read() if vocabulary else None)
    return AsyncRecogniser(service, local, settings.device, settings.cloud.timeout, vocabulary)
