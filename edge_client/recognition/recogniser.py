"""Answers for a live stream of windows: from the service, or from this machine while the service is away.

The capture thread only ever drops a window here and picks up answers; it never waits. One request is in flight, and
a newer window takes the place of one that still waits. Two threads do the rest: one asks the service, one the model
on this machine.
"""

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import Generic, Literal, Protocol, TypeVar

import numpy as np

from edge_client.recognition.local_model import CircuitBreaker, LocalModel
from edge_client.recognition.prediction import WindowPrediction
from edge_client.runtime.worker import STALL_S, Worker
from edge_client.service.http_client import ServiceError
from edge_client.service.model_metadata import ModelMetadata
from edge_client.settings import Device
from edge_client.windows import Window, WindowShape
from landmarks.models.card import ModelError
from landmarks.protocol.predictions import Prediction

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Connection = Literal["connecting", "online", "offline"]

MAX_ANSWERS_WAITING = 64
WAKE_EVERY_S = 1.0
REQUESTS_A_ROUND = 3  # metadata, a session that is opened anew, and the window


class Service(Protocol):
    """The way to the service: ``ServiceClient``, a request a window, or ``StreamClient``, a live session."""

    def learn(self, *, timeout: float | None = None, force_refresh: bool = False) -> ModelMetadata: ...

    def predict_window(self, window: Window, timeout: float) -> tuple[ModelMetadata, Prediction]: ...

    def close(self) -> None: ...


class NewestSlot(Generic[Item]):
    """Holds one item: putting replaces what waits there, taking waits for one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: Item | None = None
        self._closed = False

    def put(self, item: Item) -> None:
        with self._changed:
            self._item = item
            self._changed.notify()

    def offer(self, item: Item) -> None:
        """Put ``item`` unless one waits already."""
        with self._changed:
            if self._item is None:
                self._item = item
                self._changed.notify()

    def take(self, timeout_s: float) -> Item | None:
        """The item, waiting at most ``timeout_s`` seconds for it; ``None`` without one or once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout_s)
            item, self._item = self._item, None
            return None if self._closed else item

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class LinkState:
    """The way to the service as the local screen shows it."""

    connection: Connection = "connecting"
    reason: str = ""
    round_trip_ms: float | None = None
    has_device: bool = False
    same_model: bool | None = None


class AsyncRecogniser:
    """Windows in, answers out, both without waiting. ``close`` ends its threads; use it as a context manager."""

    def __init__(self, cloud: Service, device: LocalModel | None, settings: Device, timeout_s: float) -> None:
        """Start asking; ``timeout_s`` bounds a request to the service."""
        self._cloud = cloud
        self._device = device
        self._timeout_s = timeout_s
        self._probe_timeout_s = min(timeout_s, settings.probe_every)
        self._answer_after = settings.answer_after
        self._asked_at: float | None = None
        self._breaker = CircuitBreaker(settings.failures, settings.probe_every)
        self._cloud_slot: NewestSlot[Window] = NewestSlot()
        self._device_slot: NewestSlot[Window] = NewestSlot()
        self._submitted_s = float("-inf")
        self._answers: deque[WindowPrediction] = deque(maxlen=MAX_ANSWERS_WAITING)
        self._newest_s = float("-inf")
        self._metadata: ModelMetadata | None = None
        self._link = LinkState(has_device=device is not None)
        self._cloud_worker = Worker("cloud", self._ask_cloud, stall_s=REQUESTS_A_ROUND * timeout_s + STALL_S)
        self._device_worker = Worker("device", self._ask_device) if device else None
        for worker in self.workers:
            worker.start()

    def __enter__(self) -> "AsyncRecogniser":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def workers(self) -> list[Worker]:
        """The threads that ask: the service's, and the device's where there is a model."""
        return [self._cloud_worker, self._device_worker] if self._device_worker else [self._cloud_worker]

    @property
    def link(self) -> LinkState:
        """The way to the service, and whether this machine could answer."""
        link = self._link
        if not self._cloud_worker.alive:
            link = replace(link, connection="offline", reason=self._cloud_worker.trouble, round_trip_ms=None)
        if self._device_worker and not self._device_worker.alive:
            link = replace(link, has_device=False)
        return link

    @property
    def shape(self) -> WindowShape | None:
        """What windows must be like: as the service says, else as this machine's model says, else not known yet."""
        metadata = self._metadata
        if metadata is not None:
            return metadata.shape
        return self._device.shape if self._device else None

    def submit(self, window: Window) -> None:
        """Hand over a window; returns at once."""
        self._submitted_s = window.time_s
        if self._device is None or (self._metadata is not None and self._breaker.state != "open"):
            self._cloud_slot.put(window)
        if self._device is not None and self._service_is_late():
            self._device_slot.put(window)

    def _service_is_late(self) -> bool:
        if self._metadata is None or self._breaker.state == "open" or not self._cloud_worker.alive:
            return True
        asked_at = self._asked_at
        return asked_at is not None and time.monotonic() - asked_at > self._answer_after

    def collect(self) -> list[WindowPrediction]:
        """The answers since the last call, in order of capture; one that a newer answer overtook is dropped."""
        answers = []
        while self._answers:
            answer = self._answers.popleft()
            if answer.window.time_s > self._newest_s:
                self._newest_s = answer.window.time_s
                answers.append(answer)
        return answers

    @property
    def waiting(self) -> bool:
        """Whether the newest window submitted has no answer yet."""
        return self._submitted_s > self._newest_s

    def close(self) -> None:
        """End the threads; a request in flight is waited for."""
        for worker in self.workers:
            worker.stopping.set()
        self._cloud_slot.close()
        self._device_slot.close()
        for worker in self.workers:
            worker.join(self._timeout_s + 2)
        self._cloud.close()

    def _ask_cloud(self) -> None:
        if self._metadata is None or self._breaker.state == "open":
            self._probe()
            return
        window = self._cloud_slot.take(timeout_s=WAKE_EVERY_S)
        if window is not None:
            self._ask(window)

    def _probe(self) -> None:
        wait_s = self._breaker.until_probe(time.monotonic())
        if self._cloud_worker.stopping.wait(min(wait_s, WAKE_EVERY_S)) or wait_s > WAKE_EVERY_S:
            return
        try:
            metadata = self._cloud.learn(timeout=self._probe_timeout_s, force_refresh=True)
        except Exception as error:
            self._breaker.fail_probe(time.monotonic(), error.retry_after_s if isinstance(error, ServiceError) else 0.0)
            self._show_fault(error)
            if isinstance(error, ServiceError):
                return
            raise
        self._metadata = metadata
        self._breaker.succeed()
        same = metadata.class_labels == self._device.labels if self._device else None
        if same is False:
            log.warning("the model on this machine has other labels than the service's: fetch the service's version")
        log.info("service reached: model version %s, %d labels", metadata.version, metadata.num_classes)
        self._link = replace(self._link, connection="online", reason="", same_model=same)

    def _ask(self, window: Window) -> None:
        started = time.monotonic()
        self._asked_at = started
        try:
            metadata, reply = self._cloud.predict_window(window, self._timeout_s)
            self._metadata = metadata
        except Exception as error:
            self._breaker.fail(time.monotonic(), error.retry_after_s if isinstance(error, ServiceError) else 0.0)
            self._show_fault(error)
            if self._device:
                self._device_slot.offer(window)
            if isinstance(error, (ServiceError, ValueError)):
                return
            raise
        finally:
            self._asked_at = None
        took_ms = (time.monotonic() - started) * 1e3
        self._breaker.succeed()
        probabilities = np.array(reply.probabilities, dtype=np.float32)
        version = str(reply.model_version if reply.model_version is not None else metadata.version)
        self._answers.append(WindowPrediction(window, metadata.class_labels, probabilities, "cloud", took_ms, version))
        smoothed = took_ms if self._link.round_trip_ms is None else 0.8 * self._link.round_trip_ms + 0.2 * took_ms
        self._link = replace(self._link, connection="online", reason="", round_trip_ms=smoothed)

    def _show_fault(self, fault: Exception) -> None:
        away = self._breaker.state == "open"
        if away and self._link.connection != "offline":
            log.warning("service away, %s: %s", "this machine answers" if self._device else "no answers", fault)
        connection: Connection = "offline" if away else self._link.connection
        self._link = replace(self._link, connection=connection, reason=str(fault), round_trip_ms=None)

    def _ask_device(self) -> None:
        assert self._device is not None  # noqa: S101 - the thread exists only with a model
        window = self._device_slot.take(timeout_s=WAKE_EVERY_S)
        if window is None:
            return
        try:
            self._answers.append(self._device.answer(window))
        except ModelError as error:
            log.warning("this machine's model gave no answer: %s", error)
