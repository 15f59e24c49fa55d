"""A recording of landmarks as a source of frames: hands without pictures."""

import time
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_client.capture.frames import Frame
from landmarks.hands import HANDS, POINTS
from landmarks.recording import Recording
from landmarks.tracking.hand_identity import SIDES, SeenHand

REST_SECONDS: Final = 1.5


class RecordingSource:
    """The windows of a recording, one after the other, hands out of view for ``rest_s`` seconds in between."""

    def __init__(self, recording: Recording, rest_s: float = REST_SECONDS) -> None:
        self._recording = recording
        self._rest_frames = round(rest_s * recording.fps)
        self.fps = recording.fps

    def frames(self) -> Iterator[Frame]:
        started = time.monotonic()
        index = 0
        for window in self._recording.hands:
            points = window.reshape(-1, len(HANDS), POINTS, 3)
            rest = np.zeros((self._rest_frames, *points.shape[1:]), dtype=np.float32)
            for hands in (*points, *rest):
                yield Frame(started + index / self.fps, hands=to_detections(hands))
                index += 1

    def close(self) -> None: ...


def to_detections(hands: npt.NDArray[np.float32]) -> tuple[SeenHand, ...]:
    """The present hands of ``(2, 21, 3)``, each surely on its side."""
    return tuple(SeenHand(points, side, 1.0) for points, side in zip(hands, SIDES, strict=True) if points.any())
