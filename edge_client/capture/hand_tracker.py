"""The hand tracker of a source: MediaPipe for pictures, none for a recording, which has its hands already."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from edge_client.capture.frames import Frame, Image, Source
from edge_client.capture.recording import RecordingSource
from edge_client.settings import Tracking
from landmarks.tracking.hand_identity import SeenHand


class Tracker(Protocol):
    """What finds hands in a picture: ``landmarks.tracking.mediapipe.HandTracker``, or a test's recording of one."""

    def detect(self, image: Image, time_ms: int) -> list[SeenHand]: ...


def find_hands(tracker: Tracker | None, frame: Frame, started_s: float) -> Sequence[SeenHand]:
    """The hands of a frame: a recording's own, or those in its picture; ``started_s`` is the first frame's time."""
    if tracker is None or frame.image is None:
        return frame.hands
    return tracker.detect(frame.image, round((frame.time_s - started_s) * 1000))


def open_tracker(settings: Tracking, source: Source) -> AbstractContextManager[Tracker | None]:
    """MediaPipe for a source of pictures; nothing for a recording.

    Raises:
        LibraryError: MediaPipe is missing.
    """
    if isinstance(source, RecordingSource):
        return nullcontext()
    from landmarks.tracking.mediapipe import HandTracker

    return HandTracker(confidence=settings.confidence)
