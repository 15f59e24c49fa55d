"""A lesson in front of a camera, a video or a recording: frames to hands to windows, shown while it goes on."""

import contextlib
import uuid
from collections.abc import Callable
from typing import Final

from edge_client.capture.frames import Source
from edge_client.capture.hand_tracker import find_hands, open_tracker
from edge_client.capture.recording import RecordingSource
from edge_client.capture.sources import check_whole, open_frames, open_source
from edge_client.recording.recorder import RecordingPace
from edge_client.runtime.stop_signals import stop_on_signals
from edge_client.settings import Settings
from edge_client.teaching.lesson import COUNTDOWN_S, RESULT_S, Lesson
from edge_client.types import FrameState, LessonState, LinkState
from edge_client.ui.state_publisher import ScreenClient, StatePublisher
from landmarks.hands import Array
from landmarks.tracking.hand_identity import HandednessTracker

UNKNOWN_FPS: Final = 30.0


def record_lesson(
    settings: Settings, gesture: str, count: int, frames: int, show: Callable[[LessonState], object]
) -> tuple[list[Array], float]:
    """Windows ``(frames, 126)`` of a gesture, and the frames a second; fewer than ``count`` where it was ended early.

    ``show`` is called with each frame's state; the local screen is shown it too where it runs.

    Raises:
        SourceError, RecordingError, LibraryError: the source can't be opened, or is damaged.
    """
    source = open_source(settings.capture)
    pace = RecordingPace()
    tracks = HandednessTracker(settings.tracking.smoothing, settings.tracking.lost_frames)
    lesson = Lesson(gesture, count, frames, **_choose_pauses(source))
    with contextlib.ExitStack() as stack:
        stack.callback(source.close)
        stop = stack.enter_context(stop_on_signals(source.close))
        tracker = stack.enter_context(open_tracker(settings.tracking, source))
        screen = ScreenClient(settings.publish.origin)
        states = stack.enter_context(StatePublisher(screen.show, LinkState, settings.screen.rate, uuid.uuid4().hex))
        for frame in open_frames(source):
            pace.note(frame)
            raw, smoothed = tracks.update(find_hands(tracker, frame, pace.started_s))
            state = lesson.push(raw, frame.time_s)
            show(state)
            aspect = frame.image.shape[1] / frame.image.shape[0] if frame.image is not None else None
            states.show(FrameState(smoothed, aspect, None, None, None, pace.fps, state))
            if lesson.done or stop.is_set():
                break
        check_whole(source)
    return lesson.windows, pace.fps or source.fps or UNKNOWN_FPS


def _choose_pauses(source: Source) -> dict[str, float]:
    """Nobody has to get ready for a recording, whose windows come one after the other."""
    waits = not isinstance(source, RecordingSource)
    return {"countdown_s": COUNTDOWN_S if waits else 0.0, "result_s": RESULT_S if waits else 0.0}
