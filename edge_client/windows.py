"""Frames of two hands in, windows for the model out, with what they say about hands: present, moving, near.

Pure arithmetic: no clock, no thread. ``pipeline.py`` pushes a frame at a time; ``trigger.py`` reads the statistics.
"""

from collections import deque
from typing import Final

import numpy as np

from edge_client.settings import Tracking
from edge_client.types import Window, WindowShape, WindowStats
from landmarks.hands import FEATURE_DIM_XYZ, HANDS, Array

REFERENCE_FPS: Final = 30.0
# MediaPipe crops a square around a hand, twice as long as the longer side of its points' box. The thresholds of hand
# area are about this crop: a signer at arm's length of a camera has 0.05 to 0.15 of it, and a plain box of only 0.01.
CROP_SCALE: Final = 2.0


class HandWindows:
    """The last ``seq_len`` frames since hands came into view.

    A window begins with a hand in view and is forgotten once no hand was seen for ``lost_frames`` frames, so that two
    signs with a rest between them never share one. It ends with a hand in view too: while hands are out of view, the
    windows that still come are the whole of what was signed, so that its last word is the complete sign's.
    """

    def __init__(self, shape: WindowShape, settings: Tracking, episode: int = 0) -> None:
        """``episode`` is the last one of the windows before, so that episodes go on counting when the shape changes."""
        self.shape = shape
        self._settings = settings
        self._frames: deque[tuple[Array, Array, float, float]] = deque(maxlen=shape.seq_len)
        self.episode = episode
        self._since_window = 0
        self._lost = 0
        self._frame = 0
        self._newest_s = 0.0

    @property
    def open(self) -> bool:
        """Whether hands are in view, or were within the last ``lost_frames`` frames."""
        return bool(self._frames)

    def push(self, hands: Array, time_s: float) -> Window | None:
        """Add a frame of hands ``(2, 21, 3)``; gives a window every ``stride`` frames once there are enough."""
        presence = np.asarray(hands.reshape(len(HANDS), -1).any(axis=1), dtype=np.float32)
        if presence.any():
            self._lost = 0
        else:
            self._lost += 1
            if not self._frames:
                return None
            if self._lost >= self._settings.lost_frames:
                self._frames.clear()
                return None
        self._add(hands, presence, time_s)
        self._since_window += 1
        if len(self._frames) - self._lost < self.shape.first_frames or self._since_window < self._settings.stride:
            return None
        self._since_window = 0
        return self._window(time_s)

    def _add(self, hands: Array, presence: Array, time_s: float) -> None:
        sides = np.ptp(hands[:, :, :2], axis=1).max(axis=1)
        area = min(float(((CROP_SCALE * sides) ** 2).sum()), 1.0)
        if not self._frames:
            self.episode += 1
            self._since_window = self._settings.stride
            motion = float(sides.max())  # a hand that came into view has travelled its own size at least
        else:
            motion = self._motion(hands, presence, time_s)
        self._newest_s = time_s
        self._frame += 1
        self._frames.append((hands.reshape(FEATURE_DIM_XYZ), presence, motion, area))

    def _motion(self, hands: Array, presence: Array, time_s: float) -> float:
        before, before_presence = self._frames[-1][:2]
        both = presence * before_presence
        if not both.any():
            return 0.0
        steps = hands[:, :, :2] - before.reshape(hands.shape)[:, :, :2]
        travelled = np.sqrt((steps**2).sum(axis=2)).mean(axis=1) * both
        frames = max((time_s - self._newest_s) * REFERENCE_FPS, 0.1)
        return float(travelled.max()) / frames

    def _window(self, time_s: float) -> Window:
        frames = list(self._frames)[: len(self._frames) - self._lost]
        presence = np.array([frame[1] for frame in frames], dtype=np.float32)
        with_hand = np.asarray(presence.any(axis=1))
        areas = [frame[3] for frame, present in zip(frames, with_hand, strict=True) if present]
        stats = WindowStats(
            episode=self.episode,
            frames=len(frames),
            presence=float(with_hand.mean()),
            motion=max(frame[2] for frame in frames),
            area=sum(areas) / len(areas) if areas else 0.0,
            complete=self._lost > 0,
        )
        hands = np.array([frame[0] for frame in frames], dtype=np.float32)
        return Window(hands, presence, stats, time_s, self._frame - self._lost)
