"""Posts events to the local screen or any other listener, from a thread of its own.

``publish`` never waits: events queue up to a limit, and beyond it the oldest is dropped. An event is sent once; a
listener that is down or slow misses it, and the log says so.
"""

import contextlib
import logging
import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

import msgspec
import urllib3

from edge_client.runtime.worker import STALL_S, Worker
from edge_client.service.replies import ResponseError, describe_redirect, quote_text, read_body, send_request
from edge_client.settings import Publish
from edge_client.types import Event

log = logging.getLogger(__name__)

MAX_REPLY_BYTES: Final = 64 * 1024
JSON_HEADERS: Final = {"Content-Type": "application/json"}
WAKE_EVERY_S: Final = 1.0


@dataclass(slots=True)
class Delivery:
    """How many events were delivered, failed, and dropped from a full queue."""

    sent: int = 0
    failed: int = 0
    dropped: int = 0


class Publisher(contextlib.AbstractContextManager["Publisher"]):
    """Posts events to one URL. ``close`` sends what waits, within one time-out; use it as a context manager."""

    def __init__(self, settings: Publish) -> None:
        self._settings = settings
        self._queue: deque[Event] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._reachable = True
        self.delivery = Delivery()
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=1, retries=False)
        self.worker = Worker("publisher", self._send_next, stall_s=2 * settings.timeout + STALL_S)
        self.worker.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def publish(self, event: Event) -> None:
        """Queue an event; returns at once."""
        with self._changed:
            if len(self._queue) >= self._settings.queue:
                dropped = self._queue.popleft()
                self.delivery.dropped += 1
                log.warning("event %d (%s) dropped: %d wait", dropped.sequence, dropped.gesture, self._settings.queue)
            self._queue.append(event)
            self._changed.notify()

    def close(self) -> None:
        """Send what waits, for at most a time-out more, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self.worker.join(self._settings.timeout + 1)
        self.worker.stopping.set()
        self._pool.clear()

    def _send_next(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed, WAKE_EVERY_S)
            if not self._queue:
                if self._closed:
                    self.worker.stopping.set()
                return
            event = self._queue.popleft()
        reason = "a fault of the client"
        try:
            reason = self._post(event)
        finally:
            self.delivery.sent += not reason
            self.delivery.failed += bool(reason)
        if reason:
            level = logging.WARNING if self._reachable else logging.DEBUG
            target = self._settings.url
            log.log(level, "event %d (%s) not delivered to %s: %s", event.sequence, event.gesture, target, reason)
        self._reachable = not reason

    def _post(self, event: Event) -> str:
        """Why an event was not delivered; empty where it was."""
        try:
            body, timeout_s = msgspec.json.encode(event), self._settings.timeout
            answer = send_request(self._pool, "POST", self._settings.url, body, JSON_HEADERS, timeout_s=timeout_s)
            with contextlib.suppress(ResponseError):  # its status says enough; a long body must not hold us up
                read_body(answer, MAX_REPLY_BYTES, timeout_s)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return quote_text(str(error)) or type(error).__name__
        if 300 <= answer.status < 400:
            return f"it {describe_redirect(answer.status, answer.headers.get('Location'))}"
        return f"it answered {answer.status}" if answer.status >= 400 else ""
