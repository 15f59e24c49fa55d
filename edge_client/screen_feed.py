"""What the local screen is shown: pictures of the client's state, a few a second, from a thread of their own.

The capture thread only leaves the newest state here. Whether the screen runs in this process or in another one is a
matter of ``send``: ``ui.server.Hub.show`` here, ``HttpScreen`` there.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
import numpy as np
import urllib3
from urllib3.util import Timeout

from edge_client.live import LinkState, NewestSlot
from edge_client.pipeline import FrameState

log = logging.getLogger(__name__)

BARS: Final = 5
DECIMALS: Final = 4


class ScreenFeed:
    """Describes the newest state to ``send``, at most ``rate`` times a second. Use it as a context manager."""

    def __init__(
        self, send: Callable[[dict[str, Any]], object], link: Callable[[], LinkState], rate: float, session_id: str
    ) -> None:
        self._send = send
        self._link = link
        self._pause_s = 1 / rate
        self._session_id = session_id
        self._slot: NewestSlot[FrameState] = NewestSlot()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._send_all, name="screen", daemon=True)
        self._thread.start()

    def __enter__(self) -> "ScreenFeed":
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._slot.close()
        self._thread.join(timeout=5)

    def show(self, state: FrameState) -> None:
        """Leave the newest state; returns at once."""
        self._slot.put(state)

    def _send_all(self) -> None:
        while not self._closed.is_set():
            started = time.monotonic()
            state = self._slot.take(timeout_s=1.0)
            if state is not None:
                self._send(describe_state(state, self._link(), self._session_id))
            self._closed.wait(max(0.0, self._pause_s - (time.monotonic() - started)))


def describe_state(state: FrameState, link: LinkState, session_id: str) -> dict[str, Any]:
    """The state as the page reads it: hands as 21 × (x, y, z) or null, left first, and the likeliest labels."""
    answer = state.answer
    bars = []
    if answer is not None:
        best = np.argsort(answer.probabilities)[::-1][:BARS]
        bars = [[answer.labels[index], round(float(answer.probabilities[index]), DECIMALS)] for index in best]
    return {
        "session_id": session_id,
        "hands": [np.round(hand, DECIMALS).tolist() if hand.any() else None for hand in state.hands.astype(np.float64)],
        "aspect": state.aspect,
        "bars": bars,
        "belief": [state.belief.label, round(state.belief.probability, DECIMALS)] if state.belief else None,
        "lasting": state.lasting,
        "source": answer.source if answer else _next_to_answer(link),
        "model_version": answer.model_version if answer else None,
        "connection": link.connection,
        "has_device": link.has_device,
        "reason": link.reason,
        "round_trip_ms": round(link.round_trip_ms, 1) if link.round_trip_ms is not None else None,
        "fps": round(state.fps, 1),
    }


def _next_to_answer(link: LinkState) -> str | None:
    """Who would answer a window now."""
    if link.connection == "online":
        return "cloud"
    return "device" if link.has_device else None


class HttpScreen:
    """A screen in another process: each state is a POST to its ``/live``. One that is away is tried again later."""

    def __init__(self, url: str, *, timeout_s: float = 0.5, retry_after_s: float = 2.0) -> None:
        self._url = url.rstrip("/") + "/live"
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=1, retries=False, timeout=Timeout(total=timeout_s))
        self._retry_after_s = retry_after_s
        self._quiet_until_s = 0.0

    def show(self, state: dict[str, Any]) -> None:
        """Post one state, or skip it while the screen is away."""
        if time.monotonic() < self._quiet_until_s:
            return
        try:
            answer = self._pool.request(
                "POST", self._url, body=msgspec.json.encode(state), headers={"Content-Type": "application/json"}
            )
            away = answer.status != 200
        except (urllib3.exceptions.HTTPError, OSError) as error:
            log.debug("the screen at %s is away: %s", self._url, error)
            away = True
        if away:
            self._quiet_until_s = time.monotonic() + self._retry_after_s
