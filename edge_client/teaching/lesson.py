"""Lesson: a countdown, a window, whether a hand was seen, and so on until there are enough recordings of a gesture.

Pure: it reads no clock and no camera. ``recorder.py`` gives it each frame's hands and time.
"""

from typing import Final

import numpy as np

from edge_client.types import LessonPhase, LessonState
from landmarks.hands import Array
from landmarks.recording import NONE

COUNTDOWN_S: Final = 3.0
RESULT_S: Final = 1.0  # how long it stays readable whether a hand was seen
WAIT_S: Final = 2.0  # for a hand, from "now" on
SEEN_SHARE: Final = 0.5  # of a window's frames with a hand, to count as seen


class Lesson:
    """``count`` windows of ``frames`` frames of one gesture, each begun by a hand in view; ``none`` begins without."""

    def __init__(
        self, gesture: str, count: int, frames: int, *, countdown_s: float = COUNTDOWN_S, result_s: float = RESULT_S
    ) -> None:
        self.gesture = gesture
        self.windows: list[Array] = []
        self.missed = 0
        self._count = count
        self._length = frames
        self._countdown_s = countdown_s
        self._result_s = result_s
        self._phase: LessonPhase = "get_ready"
        self._since_s: float | None = None
        self._frames: list[Array] = []

    @property
    def done(self) -> bool:
        """Whether there are enough recordings."""
        return len(self.windows) >= self._count

    def push(self, hands: Array, time_s: float) -> LessonState:
        """Take a frame of raw hands ``(2, 21, 3)`` at ``time_s``; gives what the person shall see.

        A hand with numbers that aren't finite counts as absent: a recording must not have them.
        """
        finite = np.isfinite(hands).all(axis=(1, 2), keepdims=True)
        hands = np.where(finite, hands, 0).astype(np.float32)
        if self._since_s is None:
            self._since_s = time_s
        if self._phase in ("seen", "missed") and time_s - self._since_s >= self._result_s:
            self._go("get_ready", time_s)
        if self._phase == "get_ready" and time_s - self._since_s >= self._countdown_s and not self.done:
            self._go("now", time_s)
        if self._phase == "now":
            self._record(hands, time_s)
        return self._describe(time_s)

    def _record(self, hands: Array, time_s: float) -> None:
        if not self._frames and not hands.any() and self.gesture != NONE:
            if time_s - (self._since_s or 0.0) >= WAIT_S:
                self._miss(time_s)
            return
        self._frames.append(hands.reshape(-1))
        if len(self._frames) < self._length:
            return
        window = np.array(self._frames, dtype=np.float32)
        if self.gesture != NONE and window.any(axis=1).mean() < SEEN_SHARE:
            self._miss(time_s)
            return
        self.windows.append(window)
        self._go("seen", time_s)

    def _miss(self, time_s: float) -> None:
        self.missed += 1
        self._go("missed", time_s)

    def _go(self, phase: LessonPhase, time_s: float) -> None:
        self._phase, self._since_s, self._frames = phase, time_s, []

    def _describe(self, time_s: float) -> LessonState:
        left_s = self._countdown_s - (time_s - (self._since_s or 0.0)) if self._phase == "get_ready" else 0.0
        number = len(self.windows) + (self._phase != "seen")
        return LessonState(
            gesture=self.gesture,
            phase=self._phase,
            number=min(number, self._count),
            count=self._count,
            seconds=max(0, int(np.ceil(left_s - 1e-6))),
            progress=len(self._frames) / self._length,
        )
