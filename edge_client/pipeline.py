"""The client put together: frames to hands to windows to answers to events. One loop, in the capture thread.

Nothing in it waits for the network: windows go to ``live.py``, events to ``publisher.py``, pictures of the state to the
screen, all without waiting. It owns no threshold (``trigger.py``) and no socket.
"""

import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import numpy as np

from edge_client.capture.sources import Frame, Image
from edge_client.publisher import Event
from edge_client.recognition.prediction import WindowPrediction, temperature_scale
from edge_client.settings import Settings
from edge_client.trigger import SmoothedPrediction, Trigger
from edge_client.windows import HandWindows, Window, WindowShape
from landmarks.hands import Array
from landmarks.tracking.hand_identity import HandednessTracker, SeenHand

STAGES: Final = ("tracker", "tracks", "window", "trigger", "screen")
TIMINGS_KEPT: Final = 2048


class Recogniser(Protocol):
    """What answers windows without making anyone wait: ``AsyncRecogniser``, or the benchmark's without a network."""

    @property
    def shape(self) -> WindowShape | None: ...

    @property
    def waiting(self) -> bool: ...

    def submit(self, window: Window) -> None: ...

    def collect(self) -> list[WindowPrediction]: ...


class Tracker(Protocol):
    """What finds hands in a picture: ``landmarks.tracking.mediapipe.HandTracker``, or a test's recording of one."""

    def detect(self, image: Image, time_ms: int) -> list[SeenHand]: ...


@dataclass(slots=True)
class StageTimes:
    """Milliseconds a frame spent in each stage, the last 2 048 of them."""

    stages: dict[str, deque[float]] = field(
        default_factory=lambda: {stage: deque(maxlen=TIMINGS_KEPT) for stage in STAGES}
    )

    def note(self, stage: str, since: float) -> float:
        """Note the time since ``since`` (``perf_counter``) for ``stage``; gives the time now."""
        now = time.perf_counter()
        self.stages[stage].append((now - since) * 1e3)
        return now

    def own_ms(self) -> Array:
        """Milliseconds of each frame outside the tracker."""
        own = [times for stage, times in self.stages.items() if stage != "tracker"]
        return np.array([sum(frame) for frame in zip(*own, strict=False)], dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class FrameState:
    """What the screen may show after a frame: smoothed hands ``(2, 21, 3)`` and what is known of them."""

    hands: Array
    aspect: float | None
    answer: WindowPrediction | None
    belief: SmoothedPrediction | None
    active_gesture: str | None
    fps: float


class Pipeline:
    """The loop's state. ``step`` takes a frame and gives the events that it, or an answer that arrived, brought.

    ``publish`` takes each event and ``show`` each frame's state; neither may wait.
    """

    def __init__(
        self,
        settings: Settings,
        live: Recogniser,
        tracker: Tracker | None,
        *,
        publish: Callable[[Event], object],
        session_id: str | None = None,
    ) -> None:
        self._settings = settings
        self._live = live
        self._tracker = tracker
        self._publish = publish
        self.show: Callable[[FrameState], object] = lambda state: None
        self._tracks = HandednessTracker(settings.tracking.smoothing, settings.tracking.lost_frames)
        self._windows: HandWindows | None = None
        self._trigger: Trigger | None = None
        self._labels: tuple[str, ...] = ()
        self._answer: WindowPrediction | None = None
        self._belief: SmoothedPrediction | None = None
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
        seen = self._find(frame)
        now = self.times.note("tracker", now)
        self.raw, hands = self._tracks.update(seen)
        self.frames += 1
        self.frames_with_hand += bool(seen)
        self._frame_times.append(frame.time_s)
        now = self.times.note("tracks", now)
        self._submit(hands, frame.time_s)
        now = self.times.note("window", now)
        events = self.take_answers()
        now = self.times.note("trigger", now)
        active_gesture = self._trigger.active_gesture if self._trigger else None
        in_view = self._windows is not None and self._windows.open
        if not in_view:
            self._answer = self._belief = active_gesture = None
        aspect = frame.image.shape[1] / frame.image.shape[0] if frame.image is not None else None
        self.show(FrameState(hands, aspect, self._answer, self._belief, active_gesture, self.fps))
        self.times.note("screen", now)
        return events

    def take_answers(self) -> list[Event]:
        """Put the answers that arrived through the trigger; publishes and gives the events they brought."""
        events = []
        for raw_answer in self._live.collect():
            probabilities = temperature_scale(raw_answer.probabilities, self._settings.trigger.sharpness)
            answer = replace(raw_answer, probabilities=probabilities)
            if self._trigger is None or answer.labels != self._labels:
                self._trigger = Trigger(self._settings.trigger, answer.labels)
                self._labels = answer.labels
            window = answer.window
            self._answer = answer
            self._belief, gesture = self._trigger.observe(window.stats, answer.probabilities, window.time_s)
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
                source=answer.source,
            )
            self._publish(event)
            events.append(event)
        return events

    @property
    def waiting_for_answers(self) -> bool:
        """Whether a submitted window hasn't been answered yet."""
        return self._live.waiting

    @property
    def fps(self) -> float:
        """Frames a second over the last two seconds or so."""
        times = self._frame_times
        if len(times) < 2 or times[-1] <= times[0]:
            return 0.0
        return (len(times) - 1) / (times[-1] - times[0])

    def _find(self, frame: Frame) -> Sequence[SeenHand]:
        if frame.image is None or self._tracker is None:
            return frame.hands
        if self._started_s is None:
            self._started_s = frame.time_s
        return self._tracker.detect(frame.image, round((frame.time_s - self._started_s) * 1000))

    def _submit(self, hands: Array, time_s: float) -> None:
        shape = self._live.shape
        if shape is None:
            return
        if self._windows is None or self._windows.shape != shape:
            tracking = self._settings.tracking
            self._windows = HandWindows(
                shape,
                stride=tracking.stride,
                lost_frames=tracking.lost_frames,
                episode=self._windows.episode if self._windows else 0,
            )
        window = self._windows.push(hands, time_s)
        if window is not None:
            self._live.submit(window)
