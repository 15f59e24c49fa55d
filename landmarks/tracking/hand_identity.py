"""Which of the detected hands is the left and which the right, from frame to frame, and smoothing of their points.

Arithmetic on landmarks: detection is in ``mediapipe.py``, and it reads no clock. The edge client and the extraction of
training data call it once a frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final, Literal

import numpy as np

from landmarks.hands import POINTS, Array

Side = Literal["left", "right"]

SIDES: Final[tuple[Side, Side]] = ("left", "right")

DEFAULT_SMOOTHING: Final = 0.35
DEFAULT_LOST_FRAMES: Final = 8

# Costs are in hand sizes of travel. A hand rarely moves half its size in a frame beyond what its speed predicts, so
# that a tracked hand keeps its side through a wrong label (0.5 + 0.3 < 1), while a hand that turns up far away opens a
# new track on the side that its label names.
_NEW_TRACK: Final = 1.0
_WRONG_LABEL_TRACKED: Final = 0.3
_WRONG_LABEL_NEW: Final = 1.0
_FURTHEST: Final = 2.0
# Speed is believed slowly: hands that jump once and stop would otherwise be expected where the other one is.
_SPEED_WEIGHT: Final = 0.25
# Labels that contradict a track for this many frames in a row are believed.
_DOUBT_FRAMES: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class SeenHand:
    """One hand as a tracker saw it: ``points`` float32 ``(21, 3)``, the side it was named, and how sure that is."""

    points: Array
    side: Side
    score: float


@dataclass(slots=True, eq=False)
class _Track:
    points: Array
    smoothed: Array
    speed: Array
    lost: int = 0
    doubt: int = 0

    def distance(self, points: Array) -> float:
        expected = self.points[:, :2] + self.speed * (self.lost + 1)
        size = max(float(np.ptp(self.points[:, :2], axis=0).max()), 1e-3)
        travel = np.sqrt(((points[:, :2] - expected) ** 2).sum(axis=1)).mean()
        return min(float(travel) / size, _FURTHEST)


class HandednessTracker:
    """Assigns up to two seen hands to left and right so that they keep their side, crossing hands included.

    A hand keeps its side by where it is and where it was going; the tracker's label decides when a hand appears, and
    again when it contradicts a track for 8 frames in a row, those where hands overlap not counted: there labels err.
    Two hands with the same label: the surer keeps it.
    """

    def __init__(self, smoothing: float = DEFAULT_SMOOTHING, lost_frames: int = DEFAULT_LOST_FRAMES) -> None:
        """``smoothing`` is the past's weight in the EMA (0 = none); ``lost_frames`` without a hand forget it."""
        self._smoothing = smoothing
        self._lost_frames = lost_frames
        self._tracks: list[_Track | None] = [None, None]
        self._lost = lost_frames

    @property
    def lost(self) -> int:
        """Frames in a row without any hand, up to ``lost_frames``: from there on, detection starts afresh."""
        return self._lost

    def update(self, seen: Sequence[SeenHand]) -> tuple[Array, Array]:
        """Take the hands of one frame; hands beyond the two surest are dropped.

        Returns:
            ``(raw, smoothed)``, both float32 ``(2, 21, 3)``, left first, zeros for an absent hand.
        """
        hands = sorted(seen, key=lambda hand: -hand.score)[: len(SIDES)]
        self._lost = 0 if hands else min(self._lost + 1, self._lost_frames)
        raw = np.zeros((len(SIDES), POINTS, 3), dtype=np.float32)
        smoothed = np.zeros_like(raw)
        sides = self._assign(hands)
        believable = _apart(hands)
        for hand, side in zip(hands, sides, strict=True):
            track = self._follow(self._tracks[side], hand.points)
            if believable:
                track.doubt = track.doubt + 1 if hand.side != SIDES[side] else 0
            self._tracks[side] = track
            raw[side], smoothed[side] = hand.points, track.smoothed
        for side, track_or_none in enumerate(self._tracks):
            if track_or_none is not None and side not in sides:
                track_or_none.lost += 1
                if track_or_none.lost >= self._lost_frames:
                    self._tracks[side] = None
        return raw, smoothed

    def _assign(self, hands: Sequence[SeenHand]) -> tuple[int, ...]:
        self._settle_doubt()
        choices = permutations(range(len(SIDES)), len(hands))
        return min(choices, key=lambda sides: sum(map(self._cost, hands, sides)))

    def _cost(self, hand: SeenHand, side: int) -> float:
        wrong = hand.score if hand.side != SIDES[side] else 0.0
        track = self._tracks[side]
        if track is None:
            return _NEW_TRACK + _WRONG_LABEL_NEW * wrong
        return track.distance(hand.points) + _WRONG_LABEL_TRACKED * wrong

    def _settle_doubt(self) -> None:
        left, right = self._tracks
        doubted = [track for track in (left, right) if track is not None and track.doubt >= _DOUBT_FRAMES]
        others = [track for track in (left, right) if track is not None and track.doubt < _DOUBT_FRAMES]
        if doubted and not others:
            self._tracks = [right, left]
            for track in doubted:
                track.doubt = 0

    def _follow(self, track: _Track | None, points: Array) -> _Track:
        if track is None:
            return _Track(points, points, np.zeros(2, dtype=np.float32))
        travelled = (points[:, :2] - track.points[:, :2]).mean(axis=0) / (track.lost + 1)
        speed = track.speed + np.float32(_SPEED_WEIGHT) * (travelled - track.speed)
        smoothed = points + np.float32(self._smoothing) * (track.smoothed - points)
        return _Track(points, smoothed, speed, doubt=track.doubt)


def _apart(hands: Sequence[SeenHand]) -> bool:
    """Whether no two hands overlap: their centres are further apart than the larger one is long."""
    if len(hands) < 2:
        return True
    boxes = [hand.points[:, :2] for hand in hands]
    size = max(float(np.ptp(box, axis=0).max()) for box in boxes)
    return float(np.abs(boxes[0].mean(axis=0) - boxes[1].mean(axis=0)).max()) > size
