"""Whether the camera is upside down, by the hands it sees: no clock, no picture, arithmetic on landmarks.

People hold their hands with the fingers above the wrist most of the time that they move them. Where fingers hang for
seconds on end while hands move, it is the camera that stands on its head.
"""

from collections import deque
from typing import Final

import numpy as np

from landmarks.hands import FINGER_TIPS, HANDS, WRIST, Array

# Seconds with hands in view that are looked at. They need not be in a row.
LOOKED_AT_S: Final = 5.0
# From one frame to the next: a longer time is one without hands.
LONGEST_STEP_S: Final = 0.25
# A hand hangs where its wrist is above its finger tips by this share of the hand's size.
HANGS_BY: Final = 0.15
# The share of the time in which all hands hang, from which on it is said and below which it no longer is.
HANGING_ON: Final = 0.7
HANGING_OFF: Final = 0.4
# Hands at rest hang too: a hand moves where it travels so many image widths in a frame, at least for this share.
MOVES_BY: Final = 0.005
MOVING_SHARE: Final = 0.2
# So long without hands, and what was said is forgotten.
FORGOTTEN_S: Final = 30.0


class UpsideDownCheck:
    """``note`` takes each frame's hands and says whether the camera seems to be upside down."""

    def __init__(self) -> None:
        self.upside_down = False
        self._steps: deque[tuple[float, bool, bool]] = deque()  # seconds, whether all hands hang, whether one moves
        self._looked_at_s = 0.0
        self._before: Array | None = None
        self._seen_s = -FORGOTTEN_S

    def note(self, hands: Array, time_s: float) -> bool:
        """Take raw hands ``(2, 21, 3)``, zeros where absent, as of ``time_s``."""
        present = hands.reshape(len(HANDS), -1).any(axis=1)
        step_s = time_s - self._seen_s
        if not present.any():
            if step_s > FORGOTTEN_S:
                self._forget()
            return self.upside_down
        if self._before is not None and 0 < step_s <= LONGEST_STEP_S:
            self._add(step_s, bool(find_hanging(hands)[present].all()), _moves(self._before, hands))
        self._before, self._seen_s = hands, time_s
        if self._looked_at_s >= LOOKED_AT_S:
            self._judge()
        return self.upside_down

    def _add(self, step_s: float, hangs: bool, moves: bool) -> None:
        self._steps.append((step_s, hangs, moves))
        self._looked_at_s += step_s
        while self._looked_at_s - self._steps[0][0] >= LOOKED_AT_S:
            self._looked_at_s -= self._steps.popleft()[0]

    def _judge(self) -> None:
        hanging = sum(step_s for step_s, hangs, _ in self._steps if hangs) / self._looked_at_s
        moving = sum(step_s for step_s, _, moves in self._steps if moves) / self._looked_at_s
        if self.upside_down:
            self.upside_down = hanging >= HANGING_OFF
        else:
            self.upside_down = hanging >= HANGING_ON and moving >= MOVING_SHARE

    def _forget(self) -> None:
        self.upside_down = False
        self._steps.clear()
        self._looked_at_s = 0.0
        self._before = None


def find_hanging(hands: Array) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """For each of ``(N, 21, 3)`` hands whether its finger tips, the thumb's aside, are below its wrist, ``(N,)``."""
    tips = hands[:, FINGER_TIPS[1:], 1].mean(axis=1)
    size = np.ptp(hands[:, :, :2], axis=1).max(axis=1)
    return np.asarray(tips - hands[:, WRIST, 1] > HANGS_BY * np.maximum(size, 1e-6))


def _moves(before: Array, hands: Array) -> bool:
    both = before.any(axis=(1, 2)) & hands.any(axis=(1, 2))
    travelled = np.sqrt(((hands - before)[:, :, :2] ** 2).sum(axis=2)).mean(axis=1)
    return bool((travelled[both] > MOVES_BY).any())
