"""The last frames of one live session, any window of them one contiguous piece of memory. Arrays only."""

from typing import Final

import numpy as np

from landmarks.hands import HANDS, Array

_WINDOWS: Final = 8  # the buffer is replaced once in 7 windows' frames: 100 KB a session, 0.1 µs a frame


class FrameBuffer:
    """The last ``seq_len`` frames, each window of them one contiguous piece of memory.

    Frames are appended to a long buffer that is replaced when full, never overwritten: a view that waits for its batch
    stays what it was.
    """

    def __init__(self, seq_len: int, feature_dim: int) -> None:
        self._seq_len = seq_len
        self._shape = (seq_len * _WINDOWS, feature_dim)
        self._frames = np.empty(self._shape, np.float32)
        self._presence = np.empty((self._shape[0], len(HANDS)), np.float32)
        self._end = 0
        self.held = 0

    def append(self, frame: Array, presence: Array) -> None:
        """Add one frame ``(F,)`` and its presence ``(2,)``."""
        if self._end == self._shape[0]:
            self._renew()
        self._frames[self._end] = frame
        self._presence[self._end] = presence
        self._end += 1
        self.held = min(self.held + 1, self._seq_len)

    def last(self, frames: int) -> tuple[Array, Array]:
        """Views of the last ``frames`` frames and their presence."""
        begin = self._end - frames
        return self._frames[begin : self._end], self._presence[begin : self._end]

    def clear(self) -> None:
        """Forget every frame."""
        self.held = 0

    def _renew(self) -> None:
        kept = self.held
        frames, presence = self.last(kept)
        self._frames = np.empty(self._shape, np.float32)
        self._presence = np.empty((self._shape[0], len(HANDS)), np.float32)
        self._frames[:kept], self._presence[:kept] = frames, presence
        self._end = kept
