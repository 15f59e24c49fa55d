"""Events to an MQTT broker, each once, from a thread of its own.

``publish`` never waits: events queue up to a limit, beyond which the oldest is dropped, and go out in order, one at a
time, with QoS 2 in a session that the broker keeps. While the broker is away they wait; when it is back they wait a
little longer, since those who listen come back later than Helen. What is said is in ``home_assistant.py``.
"""

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from edge_client.events.broker import CONNECT_S, POLL_S, create_client, describe_fault
from edge_client.events.home_assistant import (
    OFFLINE,
    ONLINE,
    PARTS,
    Message,
    Topics,
    describe_device,
    describe_event,
    describe_part,
    get_trigger_pattern,
)
from edge_client.events.status import StatusEvent
from edge_client.runtime.worker import STALL_S, Worker
from edge_client.settings import Mqtt
from edge_client.types import Event

log = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 0.5
LONGEST_RETRY_S: Final = 5.0
CLOSE_WITHIN_S: Final = 2.0
# How long the broker keeps what was under way when the connection breaks.
SESSION_S: Final = 3600
LABELS_EVERY_S: Final = 1.0


@dataclass(slots=True)
class MqttDelivery:
    """How many events the broker has, and how many were dropped: from a full queue, for their age, or at the end."""

    sent: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class _Waiting:
    name: str
    messages: tuple[Message, ...]
    since_s: float


class MqttPublisher(contextlib.AbstractContextManager["MqttPublisher"]):
    """Publishes events to one broker. ``close`` sends what waits, within 2 s; use it as a context manager.

    ``labels`` gives the gestures that the model knows, each a trigger of the device; asked once a second.

    Raises:
        SettingsError: the authority's file holds no certificates.
    """

    def __init__(self, settings: Mqtt, labels: Callable[[], tuple[str, ...]] = tuple) -> None:
        self._settings = settings
        self._topics = Topics(settings.prefix)
        self._labels = labels
        self._queue: deque[_Waiting] = deque()
        self._lock = threading.Lock()
        self._current: _Waiting | None = None
        self._in_flight: list[paho.MQTTMessageInfo] = []
        # The newest state of each topic, for a broker that has forgotten it.
        states = (describe_part(self._topics, part, lost=False) for part in PARTS)
        self._states = {message.topic: message for message in states}
        self._described: tuple[str, ...] | None = None
        self._triggers: set[str] = set()
        self._labels_due_s = 0.0
        self._close_by_s: float | None = None
        self._retry_s = FIRST_RETRY_S
        self._next_try_s = 0.0
        self._read_from_s = 0.0
        self._open = False
        self._refusal = ""
        self._fault = ""
        self.delivery = MqttDelivery()
        self._gone = Message(self._topics.availability, OFFLINE, retain=True)
        self._client = create_client(settings, self._topics.node, session_s=SESSION_S, will=self._gone)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self.worker = Worker("mqtt", self._run, stall_s=2 * CONNECT_S + STALL_S)
        self.worker.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether its thread lives."""
        return self.worker.alive

    @property
    def trouble(self) -> str:
        """What is wrong with it or with the broker; empty when nothing is."""
        return self.worker.trouble or (f"MQTT: {self._fault}" if self._fault else "")

    def publish(self, event: Event | StatusEvent) -> None:
        """Queue an event; returns at once."""
        name = event.gesture if isinstance(event, Event) else event.event
        waiting = _Waiting(name, describe_event(self._topics, event), time.monotonic())
        with self._lock:
            self._states |= {message.topic: message for message in waiting.messages if message.retain}
            if len(self._queue) >= self._settings.queue:
                self._drop(self._queue.popleft(), f"{self._settings.queue} wait for the broker")
            self._queue.append(waiting)

    def close(self) -> None:
        """Send what waits, say that Helen is offline, and end the thread; within ``CLOSE_WITHIN_S``."""
        self._close_by_s = time.monotonic() + CLOSE_WITHIN_S
        self.worker.join(CLOSE_WITHIN_S + CONNECT_S)
        self.worker.stopping.set()

    def _run(self) -> None:
        if not self._open:
            if self._close_by_s is not None:
                self._end()
            elif not self.worker.stopping.wait(min(max(self._next_try_s - time.monotonic(), 0), POLL_S)):
                self._connect()
            return
        try:
            self._serve_connection()
        except Exception as error:  # a fresh connection may do what this one can't
            self._lose(describe_fault(error))
            raise

    def _connect(self) -> None:
        if time.monotonic() < self._next_try_s:
            return
        self._refusal = ""
        try:
            self._client.reconnect()
        except (OSError, ValueError) as error:
            self._lose(describe_fault(error))
            return
        self._open = True
        # The broker's answer stays unread for a while: reading it sends what was under way.
        self._read_from_s = time.monotonic() + (self._settings.settle if self._fault else 0.0)

    def _serve_connection(self) -> None:
        now_s = time.monotonic()
        if now_s < self._read_from_s and self._close_by_s is None:
            self.worker.stopping.wait(min(self._read_from_s - now_s, POLL_S))
        elif self._client.loop(POLL_S) != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._lose(self._refusal or "the connection broke")
        elif not self._client.is_connected():
            if now_s > self._read_from_s + CONNECT_S:
                self._lose("no answer to the greeting")
        else:
            self._send_next()
            self._describe_labels()
            close_by_s = self._close_by_s
            if close_by_s is not None and (not self._busy or time.monotonic() > close_by_s):
                self._say_goodbye()
                self._end()

    @property
    def _busy(self) -> bool:
        return bool(self._queue or self._current)

    def _lose(self, reason: str) -> None:
        if reason != self._fault:
            where = f"{self._settings.host}:{self._settings.port}"
            log.warning("MQTT broker %s is away, events wait: %s", where, reason)
        self._open, self._fault = False, reason
        self._next_try_s = time.monotonic() + self._retry_s
        self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)

    def _on_connect(self, client: paho.Client, _: Any, flags: paho.ConnectFlags, code: ReasonCode, __: Any) -> None:
        if code.is_failure:
            self._refusal = f"it refuses: {code}"
            return
        if not flags.session_present:
            # The broker knows nothing of what was under way: that is sent anew.
            client.drop_out_messages()
            with self._lock:
                if self._current is not None:
                    self._queue.appendleft(self._current)
            self._current, self._in_flight = None, []
        log.info("MQTT broker %s:%d reached", self._settings.host, self._settings.port)
        self._retry_s, self._fault = FIRST_RETRY_S, ""
        self._described, self._labels_due_s = None, 0.0
        with self._lock:
            states = list(self._states.values())
        for message in (Message(self._topics.availability, ONLINE, retain=True), *states):
            self._post(message)

    def _on_message(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        if message.retain and message.payload and message.topic not in self._triggers:
            # A trigger of a gesture that the model doesn't know any more.
            self._post(Message(message.topic, b"", retain=True))

    def _post(self, message: Message) -> paho.MQTTMessageInfo:
        return self._client.publish(message.topic, message.payload, message.qos, message.retain)

    def _send_next(self) -> None:
        """Note what the broker has, and give it the next event."""
        if self._current is not None and self._in_flight:
            if not all(info.is_published() for info in self._in_flight):
                return
            self.delivery.sent += 1
            self._current, self._in_flight = None, []
        with self._lock:
            while self._current is None and self._queue:
                self._current = self._queue.popleft()
                if time.monotonic() - self._current.since_s > self._settings.max_age:
                    self._drop(self._current, f"older than {self._settings.max_age:g} s")
                    self._current = None
        if self._current is not None and not self._in_flight:
            self._in_flight = [self._post(message) for message in self._current.messages]

    def _describe_labels(self) -> None:
        """Tell Home Assistant of the device, again when the model knows other gestures."""
        if not self._settings.discovery or time.monotonic() < self._labels_due_s:
            return
        self._labels_due_s = time.monotonic() + LABELS_EVERY_S
        labels = self._labels()
        if not labels or labels == self._described:
            return
        messages = describe_device(self._topics, self._settings.discovery, labels)
        gone = self._triggers - {message.topic for message in messages}
        self._triggers = {message.topic for message in messages}
        for message in (*messages, *(Message(topic, b"", retain=True) for topic in sorted(gone))):
            self._post(message)
        if self._described is None:  # the broker now sends the triggers of an earlier run too
            self._client.subscribe(get_trigger_pattern(self._topics, self._settings.discovery), 0)
        self._described = labels

    def _say_goodbye(self) -> None:
        said = self._post(self._gone)
        deadline_s = time.monotonic() + CLOSE_WITHIN_S / 2
        while not said.is_published() and time.monotonic() < deadline_s:
            if self._client.loop(POLL_S) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
        self._client.disconnect()

    def _end(self) -> None:
        with self._lock:
            left = [*([self._current] if self._current else []), *self._queue]
            self._queue.clear()
            for waiting in left:
                self._drop(waiting, "Helen ends")
        self.worker.stopping.set()

    def _drop(self, waiting: _Waiting, why: str) -> None:
        self.delivery.dropped += 1
        log.warning("event %s is not sent over MQTT: %s", waiting.name, why)
