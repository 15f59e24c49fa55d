"""The client's loop, in the capture thread: frames to hands to windows to predictions to events.

Nothing in it waits for the network: windows go to a recogniser, events to a publisher, states to the screen, all
without waiting. It owns no threshold (``trigger.py``) and no socket.
"""

import logging
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

import numpy as np

from edge_client.capture.camera_direction import UpsideDownCheck
from edge_client.capture.frames import Frame
from edge_client.capture.hand_tracker import Tracker, find_hands
from edge_client.settings import Settings
from edge_client.trigger import Trigger, temperature_scale
from edge_client.types import Advice, Event, FrameState, SmoothedPrediction, Window, WindowPrediction, WindowShape
from edge_client.windows import HandWindows
from landmarks.hands import Array
from landmarks.tracking.hand_identity import HandednessTracker

log = logging.getLogger(__name__)

TIMINGS_KEPT: Final = 2048
TURN_CAMERA: Final = "the hands are upside down: turn the camera, or set capture.rotate"


class Recogniser(Protocol):
    """What predicts windows without making anyone wait: ``AsyncRecogniser``, or a benchmark's without a network."""

    @property
    def shape(self) -> WindowShape | None: ...

    @property
    def waiting(self) -> bool: ...

    def submit(self, window: Window) -> None: ...

    def collect(self) -> list[WindowPrediction]: ...


class StageTimes:
    """Milliseconds a frame spent in each stage, the last 2 048 of them."""

    def __init__(self) -> None:
        self.stages: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=TIMINGS_KEPT))

    def note(self, stage: str, since: float) -> float:
        """Note the time since ``since`` (``perf_counter``) for ``stage``; gives the time now."""
        now = time.perf_counter()
        self.stages[stage].append((now - since) * 1e3)
        return now

    def own_ms(self) -> Array:
        """Milliseconds of each frame outside the tracker."""
        own = [times for stage, times in self.stages.items() if stage != "tracker"]
        return np.array([sum(frame) for frame in zip(*own, strict=False)], dtype=np.float32)


class Pipeline:
    """The loop's state. ``step`` takes a frame and gives the events that it, or a prediction that arrived, brought.

    ``publish`` takes each event and ``show`` each frame's state; neither may wait.
    """

    def __init__(
        self,
        settings: Settings,
        recogniser: Recogniser,
        tracker: Tracker | None,
        *,
        publish: Callable[[Event], object],
        show: Callable[[FrameState], object] = lambda _: None,
        session_id: str | None = None,
    ) -> None:
        self._settings = settings
        self._recogniser = recogniser
        self._tracker = tracker
        self._publish = publish
        self._show = show
        self._tracks = HandednessTracker(settings.tracking.smoothing, settings.tracking.lost_frames)
        self._direction = UpsideDownCheck()
        self._windows: HandWindows | None = None
        self._trigger: Trigger | None = None
        self._prediction: WindowPrediction | None = None
        self._smoothed: SmoothedPrediction | None = None
        self._started_s: float | None = None
        self._frame_times: deque[float] = deque(maxlen=60)
        self.session_id = session_id or uuid.uuid4().hex
        self.events = 0
        self.frames = 0
        self.frames_with_hand = 0
        self.raw: Array = np.zeros((2, 21, 3), dtype=np.float32)
        self.times = StageTimes()

    def step(self, frame: Frame) -> list[Event]:
        """Take one frame; publishes and gives the events."""
        now = time.perf_counter()
        if self._started_s is None:
            self._started_s = frame.time_s
        seen = find_hands(self._tracker, frame, self._started_s)
        now = self.times.note("tracker", now)
        self.raw, hands = self._tracks.update(seen)
        self.frames += 1
        self.frames_with_hand += bool(seen)
        self._frame_times.append(frame.time_s)
        self._check_direction(frame.time_s)
        now = self.times.note("tracks", now)
        self._submit(hands, frame.time_s)
        now = self.times.note("window", now)
        events = self.take_predictions()
        now = self.times.note("trigger", now)
        active_gesture = self._trigger.active_gesture if self._trigger else None
        in_view = self._windows is not None and self._windows.open
        if not in_view:
            self._prediction = self._smoothed = active_gesture = None
        aspect = frame.image.shape[1] / frame.image.shape[0] if frame.image is not None else None
        advice: Advice | None = "turn_camera" if self._direction.upside_down else None
        state = FrameState(hands, aspect, self._prediction, self._smoothed, active_gesture, self.fps, advice=advice)
        self._show(state)
        self.times.note("screen", now)
        return events

    def show_no_frame(self) -> None:
        """Show that no frame comes."""
        self._show(FrameState(np.zeros_like(self.raw), None, None, None, None, 0.0))

    def take_predictions(self) -> list[Event]:
        """Put the predictions that arrived through the trigger; publishes and gives the events they brought."""
        events = []
        for raw in self._recogniser.collect():
            probabilities = temperature_scale(raw.probabilities, self._settings.trigger.temperature)
            if self._trigger is None or raw.labels != self._trigger.labels:
                self._trigger = Trigger(self._settings.trigger, raw.labels)
            window = raw.window
            self._prediction = replace(raw, probabilities=probabilities)
            self._smoothed, gesture = self._trigger.observe(window.stats, probabilities, window.time_s)
            if gesture is None:
                continue
            self.events += 1
            event = Event(
                gesture=gesture.label,
                character=gesture.label,
                key=self._settings.publish.keys.get(gesture.label, gesture.label),
                score=round(gesture.score, 4),
                session_id=self.session_id,
                sequence=self.events,
                latency_ms=round((time.monotonic() - window.time_s) * 1e3, 1),
                timestamp=round(time.time(), 3),
                source=raw.source,
                hand=window.hand,
            )
            self._publish(event)
            events.append(event)
        return events

    @property
    def waiting(self) -> bool:
        """Whether the newest window submitted has no prediction yet."""
        return self._recogniser.waiting

    @property
    def fps(self) -> float:
        """Frames a second over the last two seconds or so."""
        times = self._frame_times
        if len(times) < 2 or times[-1] <= times[0]:
            return 0.0
        return (len(times) - 1) / (times[-1] - times[0])

    def _check_direction(self, time_s: float) -> None:
        before = self._direction.upside_down
        if self._direction.note(self.raw, time_s) != before:
            log.warning(TURN_CAMERA if not before else "the hands are the right way up")

    def _submit(self, hands: Array, time_s: float) -> None:
        shape = self._recogniser.shape
        if shape is None:
            return
        if self._windows is None or self._windows.shape != shape:
            episode = self._windows.episode if self._windows else 0
            self._windows = HandWindows(shape, self._settings.tracking, episode)
        window = self._windows.push(hands, time_s)
        if window is not None:
            self._recogniser.submit(window)
