"""What the local screen is shown: the client's state, a few times a second, from a thread of its own.

The capture thread only leaves the newest state here. Whether the screen runs in this process or in another one is a
matter of ``send``: ``ui.server.Hub.show`` here, ``ScreenClient`` there.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

import msgspec
import numpy as np
import urllib3

from edge_client.runtime.newest_slot import NewestSlot
from edge_client.runtime.worker import Health, Worker
from edge_client.service.replies import ResponseError, decode_reply, read_body, send_request
from edge_client.types import FrameState, LinkState

log = logging.getLogger(__name__)

BARS: Final = 5
DECIMALS: Final = 4
ACCEPTED: Final = "live"
CLOSE_WITHIN_S: Final = 5.0
MAX_REPLY_BYTES: Final = 64 * 1024


class StatePublisher(AbstractContextManager["StatePublisher"]):
    """Describes the newest state to ``send``, at most ``rate`` times a second. Use it as a context manager."""

    def __init__(
        self,
        send: Callable[[dict[str, Any]], object],
        link: Callable[[], LinkState],
        rate: float,
        session_id: str,
        health: Health | None = None,
    ) -> None:
        self._send = send
        self._link = link
        self._pause_s = 1 / rate
        self._session_id = session_id
        self._health = health or Health()
        self._slot: NewestSlot[FrameState] = NewestSlot()
        self.worker = Worker("screen", self._send_next)
        self.worker.start()

    def __exit__(self, *_: object) -> None:
        self._slot.close()
        self.worker.stop(CLOSE_WITHIN_S)

    def show(self, state: FrameState) -> None:
        """Leave the newest state; returns at once."""
        self._slot.put(state)

    def _send_next(self) -> None:
        started = time.monotonic()
        state = self._slot.take(timeout_s=1.0)
        if state is not None:
            self._send(describe_state(state, self._link(), self._session_id, self._health.troubles))
        self.worker.stopping.wait(max(0.0, self._pause_s - (time.monotonic() - started)))


def describe_state(state: FrameState, link: LinkState, session_id: str, troubles: Sequence[str] = ()) -> dict[str, Any]:
    """The state as the page reads it: hands as 21 × (x, y, z) or null, left first, and the likeliest labels.

    ``reason`` is why the service isn't reached, and what is wrong with the client itself (``troubles`` alone).
    """
    prediction = state.prediction
    bars = []
    if prediction is not None:
        best = np.argsort(prediction.probabilities)[::-1][:BARS]
        bars = [[prediction.labels[index], round(float(prediction.probabilities[index]), DECIMALS)] for index in best]
    return {
        "session_id": session_id,
        "hands": [np.round(hand, DECIMALS).tolist() if hand.any() else None for hand in state.hands.astype(np.float64)],
        "aspect": state.aspect,
        "bars": bars,
        "belief": [state.smoothed.label, round(state.smoothed.probability, DECIMALS)] if state.smoothed else None,
        "lasting": state.active_gesture,
        "source": prediction.source if prediction else _next_to_answer(link),
        "model_version": prediction.model_version if prediction else None,
        "connection": link.connection,
        "has_device": link.has_local_model,
        "reason": "; ".join(dict.fromkeys(part for part in (link.reason, *troubles) if part)),
        "troubles": list(troubles),
        "round_trip_ms": round(link.round_trip_ms, 1) if link.round_trip_ms is not None else None,
        "fps": round(state.fps, 1),
        "lesson": msgspec.to_builtins(state.lesson),
        "advice": state.advice,
    }


def _next_to_answer(link: LinkState) -> str | None:
    """Who would answer a window now."""
    if link.connection == "online":
        return "cloud"
    return "device" if link.has_local_model else None


class ScreenHealth(msgspec.Struct, frozen=True):
    """What ``GET /health`` of a Helen screen says: which of the client's messages beside events it wants."""

    accepts: tuple[str, ...] = ()


class ScreenClient:
    """What may be a screen in another process, where events are published: each state is a POST to its ``/live``.

    Landmarks are about people, and whoever takes the events may be anybody: a screen gets states only after its
    ``/health`` said that it accepts them, and is asked again after every failure.
    """

    def __init__(
        self, url: str, *, timeout_s: float = 0.5, retry_after_s: float = 2.0, ask_again_after_s: float = 30.0
    ) -> None:
        """``retry_after_s`` is how long one that is away is left alone, ``ask_again_after_s`` one that wants none."""
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._retry_after_s = retry_after_s
        self._ask_again_after_s = ask_again_after_s
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=1, retries=False)
        self._quiet_until_s = 0.0
        self._accepts = False
        self._told = False

    def show(self, state: dict[str, Any]) -> None:
        """Post one state, or skip it while the screen is away or wants none."""
        if time.monotonic() < self._quiet_until_s:
            return
        try:
            if not self._accepts:
                self._accepts = self._ask()
            if self._accepts:
                status, _ = self._request("POST", "/live", msgspec.json.encode(state))
                if status != 200:
                    raise ResponseError(f"answered {status}")
        except (urllib3.exceptions.HTTPError, OSError, ValueError, ResponseError) as error:
            log.debug("the screen at %s is away: %s", self._url, error)
            self._accepts = False
            self._quiet_until_s = time.monotonic() + self._retry_after_s

    def _ask(self) -> bool:
        """Whether this is a Helen screen that wants states."""
        status, body = self._request("GET", "/health")
        try:
            accepts = status == 200 and ACCEPTED in decode_reply(body, ScreenHealth).accepts
        except ResponseError:
            accepts = False
        if not accepts:
            self._quiet_until_s = time.monotonic() + self._ask_again_after_s
            if not self._told:
                log.info("%s is no Helen screen by what its /health says: it gets events, and no hands", self._url)
                self._told = True
        return accepts

    def _request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"} if body else None
        answer = send_request(self._pool, method, self._url + path, body, headers, timeout_s=self._timeout_s)
        return answer.status, read_body(answer, MAX_REPLY_BYTES, self._timeout_s)
