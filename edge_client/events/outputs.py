"""Everything beside the published event that hears of events, as the settings say: the MQTT broker and the actions."""

import contextlib
import logging
from collections.abc import Callable

from edge_client.events.actions import ActionRunner
from edge_client.events.mqtt import MqttPublisher
from edge_client.events.status import StatusEvent
from edge_client.runtime.worker import Part
from edge_client.settings import Settings
from edge_client.types import Event

log = logging.getLogger(__name__)


class EventOutputs(contextlib.AbstractContextManager["EventOutputs"]):
    """The outputs that are set. ``publish`` never waits; use it as a context manager.

    Raises:
        SettingsError: as ``MqttPublisher`` and ``ActionRunner``.
    """

    def __init__(self, settings: Settings, labels: Callable[[], tuple[str, ...]]) -> None:
        """``labels`` gives what the model knows; what means no gesture is left out here."""
        rest = settings.trigger.rest_labels

        def list_gestures() -> tuple[str, ...]:
            return tuple(label for label in labels() if label not in rest)

        self._open = contextlib.ExitStack()
        with contextlib.ExitStack() as opening:
            self._actions = opening.enter_context(ActionRunner(settings.actions))
            self._mqtt = (
                opening.enter_context(MqttPublisher(settings.mqtt, list_gestures)) if settings.mqtt.host else None
            )
            self._open = opening.pop_all()

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def parts(self) -> list[Part]:
        """What the client's health watches."""
        return [*self._actions.workers, *([self._mqtt] if self._mqtt else [])]

    def publish(self, event: Event | StatusEvent) -> None:
        """Hand an event to all; returns at once."""
        if isinstance(event, StatusEvent):
            log.info("%s%s", event.event, f": {event.reason}" if event.reason else "")
        self._actions.run(event)
        if self._mqtt is not None:
            self._mqtt.publish(event)
