"""What Helen says over MQTT: its topics, and the messages by which Home Assistant finds it. Pure: no socket.

The format of the discovery messages is Home Assistant's (https://www.home-assistant.io/integrations/mqtt).
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from edge_client.events.status import Part, StatusEvent
from edge_client.types import Event

MAKER: Final = "Helen"
ONLINE: Final = b"online"
OFFLINE: Final = b"offline"
PARTS: Final[tuple[Part, ...]] = ("camera", "service")


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message. QoS 2 arrives once; a retained one is kept by the broker for who comes later."""

    topic: str
    payload: bytes
    retain: bool = False

    @property
    def qos(self) -> int:
        """2 for an event; 1 for a state, which is the same however often it comes."""
        return 1 if self.retain else 2


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one client, all of them below ``prefix``."""

    prefix: str

    @property
    def node(self) -> str:
        """The name of the client, of the letters that an id may have."""
        return slugify(self.prefix.replace("/", "_"))

    @property
    def gesture(self) -> str:
        """Each gesture, once."""
        return f"{self.prefix}/gesture"

    @property
    def last_gesture(self) -> str:
        """The last gesture, retained."""
        return f"{self.prefix}/last_gesture"

    @property
    def status(self) -> str:
        """Camera or service lost or back, once."""
        return f"{self.prefix}/status"

    @property
    def availability(self) -> str:
        """``online`` or ``offline``, retained; the broker says ``offline`` when Helen is gone."""
        return f"{self.prefix}/availability"

    def get_state(self, part: Part) -> str:
        """``ON`` or ``OFF`` of a part, retained."""
        return f"{self.prefix}/{part}"


def slugify(name: str) -> str:
    """``name`` of letters, digits, ``_`` and ``-`` alone; two names never become one."""
    slug = re.sub(r"[^a-zA-Z0-9_-]", "_", name)
    return slug if slug == name else f"{slug}_{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def describe_event(topics: Topics, event: Event | StatusEvent) -> tuple[Message, ...]:
    """The event itself, and the state that it leaves."""
    payload = msgspec.json.encode(event)
    if isinstance(event, Event):
        return Message(topics.gesture, payload), Message(topics.last_gesture, payload, retain=True)
    return Message(topics.status, payload), describe_part(topics, event.part, event.lost)


def describe_part(topics: Topics, part: Part, lost: bool) -> Message:
    """The state of a part."""
    return Message(topics.get_state(part), b"OFF" if lost else b"ON", retain=True)


def describe_device(topics: Topics, discovery: str, labels: tuple[str, ...]) -> tuple[Message, ...]:
    """One device with the last gesture, the state of camera and service, and a trigger for each label and status."""
    node = topics.node
    device = {"identifiers": [node], "name": f"{MAKER} {topics.prefix.removeprefix('helen/')}", "manufacturer": MAKER}
    shared = {"device": device, "origin": {"name": MAKER}, "availability_topic": topics.availability}
    last_gesture = shared | {
        "name": "Last gesture",
        "unique_id": f"{node}_last_gesture",
        "state_topic": topics.last_gesture,
        "value_template": "{{ value_json.gesture }}",
        "json_attributes_topic": topics.last_gesture,
        "icon": "mdi:hand-wave",
    }
    found = [_encode(f"{discovery}/sensor/{node}/last_gesture/config", last_gesture)]
    for part in PARTS:
        state = shared | {
            "name": part.capitalize(),
            "unique_id": f"{node}_{part}",
            "state_topic": topics.get_state(part),
            "device_class": "connectivity",
            "entity_category": "diagnostic",
        }
        found.append(_encode(f"{discovery}/binary_sensor/{node}/{part}/config", state))
    found += [
        _describe_trigger(topics, discovery, ("gesture", label), topics.gesture, "gesture", label) for label in labels
    ]
    for part in PARTS:
        for change in ("lost", "back"):
            payload = f"{part}_{change}"
            found.append(_describe_trigger(topics, discovery, (change, part), topics.status, "event", payload))
    return tuple(found)


def get_trigger_pattern(topics: Topics, discovery: str) -> str:
    """What every trigger of the device matches."""
    return f"{discovery}/device_automation/{topics.node}/+/config"


def _describe_trigger(
    topics: Topics, discovery: str, name: tuple[str, str], topic: str, field: str, value: str
) -> Message:
    kind, subtype = name
    trigger = {
        "automation_type": "trigger",
        "type": kind,
        "subtype": subtype,
        "topic": topic,
        "payload": value,
        "value_template": f"{{{{ value_json.{field} }}}}",
        "device": {"identifiers": [topics.node]},
        "origin": {"name": MAKER},
    }
    return _encode(f"{discovery}/device_automation/{topics.node}/{kind}_{slugify(subtype)}/config", trigger)


def _encode(topic: str, content: dict[str, Any]) -> Message:
    return Message(topic, msgspec.json.encode(content), retain=True)
