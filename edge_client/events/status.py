"""Camera lost, service lost, and both back: events beside the gestures.

No thread and no clock of its own: the client's loop says what is wrong now, and when.
"""

from collections.abc import Callable
from typing import Final, Literal, get_args

import msgspec

Part = Literal["camera", "service"]
StatusName = Literal["camera_lost", "camera_back", "service_lost", "service_back"]

STATUS_NAMES: Final[tuple[str, ...]] = get_args(StatusName)

# What lasts less is no event: a camera that is opened again at once, a service that restarts.
LASTS_S: Final = 2.0
LONGEST_REASON: Final = 200


class StatusEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is lost or back. ``reason`` says why it is lost; ``timestamp`` is Unix time in seconds."""

    event: StatusName
    reason: str
    session_id: str
    timestamp: float

    @property
    def part(self) -> Part:
        """Which part it is about."""
        return "camera" if self.event.startswith("camera") else "service"

    @property
    def lost(self) -> bool:
        """Whether the part is lost, rather than back."""
        return self.event.endswith("lost")


class StatusMonitor:
    """Turns what is wrong now into events: one when a part has been away for ``LASTS_S``, one when it is back as long.

    Every part counts as there until it is lost.
    """

    def __init__(self, publish: Callable[[StatusEvent], object], session_id: str) -> None:
        self._publish = publish
        self._session_id = session_id
        self._lost: dict[Part, bool] = {"camera": False, "service": False}
        self._changed_s: dict[Part, float | None] = {"camera": None, "service": None}

    def observe(self, part: Part, trouble: str, now_s: float, timestamp: float) -> None:
        """Note what is wrong with a part, or nothing; ``now_s`` is of any clock that only goes forward."""
        lost = bool(trouble)
        if lost is self._lost[part]:
            self._changed_s[part] = None
            return
        since_s = self._changed_s[part]
        if since_s is None:
            self._changed_s[part] = since_s = now_s
        if now_s - since_s < LASTS_S:
            return
        self._lost[part] = lost
        self._changed_s[part] = None
        names: dict[tuple[Part, bool], StatusName] = {
            ("camera", True): "camera_lost",
            ("camera", False): "camera_back",
            ("service", True): "service_lost",
            ("service", False): "service_back",
        }
        reason, moment = trouble[:LONGEST_REASON], round(timestamp, 3)
        self._publish(
            StatusEvent(event=names[part, lost], reason=reason, session_id=self._session_id, timestamp=moment)
        )
