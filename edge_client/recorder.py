"""Recording windows of signs for training: by key or by timer, into the file that the trainer reads.

It shows a camera's hands to nobody and asks no service. The format is ``landmarks/recording.py``; the raw landmarks
are kept, before smoothing.
"""

import contextlib
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np

from edge_client.run import frames_of, open_tracker
from edge_client.settings import Settings, SettingsError
from edge_client.sources import Frame, open_source
from landmarks.hand_tracks import HandTracks, SeenHand
from landmarks.hands import Array
from landmarks.recording import Recording, join_recordings, read_recording, write_recording

COUNTDOWN_S = 1.0
LONGEST_WINDOW = 1000


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """What to record: which labels, by whom, in which sitting, windows of how many frames."""

    labels: tuple[str, ...]
    signer: str
    session: str
    frames: int

    def __post_init__(self) -> None:
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise SettingsError(f"labels are {list(self.labels)}, expected at least one and each once")
        if not 2 <= self.frames <= LONGEST_WINDOW:
            raise SettingsError(f"frames is {self.frames}, expected 2 to {LONGEST_WINDOW}")


class WindowRecorder:
    """Collects windows: ``begin`` one, ``push`` frames until it is full, ``drop`` the last, ``recording`` them all."""

    def __init__(self, plan: RecordingPlan) -> None:
        self._plan = plan
        self._label: str | None = None
        self._frames: list[Array] = []
        self._windows: list[tuple[str, Array]] = []

    def __len__(self) -> int:
        return len(self._windows)

    @property
    def busy(self) -> bool:
        """Whether a window has begun and isn't full."""
        return self._label is not None

    def begin(self, label: str) -> None:
        """Begin a window; one that isn't full is given up."""
        self._label = label
        self._frames = []

    def push(self, hands: Array) -> str | None:
        """Add a frame of raw hands ``(2, 21, 3)``; gives the label once its window is full."""
        if self._label is None:
            return None
        self._frames.append(hands.reshape(-1))
        if len(self._frames) < self._plan.frames:
            return None
        label, self._label = self._label, None
        self._windows.append((label, np.array(self._frames, dtype=np.float32)))
        return label

    def drop(self) -> bool:
        """Drop the last window; whether there was one."""
        return bool(self._windows and self._windows.pop())

    def recording(self, fps: float) -> Recording:
        """All windows so far, as a file holds them."""
        count = len(self._windows)
        return Recording(
            hands=np.array([window for _, window in self._windows], dtype=np.float32),
            label=np.array([label for label, _ in self._windows], dtype=np.str_),
            signer=np.full(count, self._plan.signer),
            session=np.full(count, self._plan.session),
            fps=fps,
        )


def record_windows(
    settings: Settings,
    plan: RecordingPlan,
    output: Path,
    *,
    every_s: float | None,
    count: int,
    say: Callable[[str], None],
) -> int:
    """Record until ``q`` is pressed, the timer is through, or the source ends; gives the windows that were written.

    Without ``every_s``, the keys 1, 2, 3, ... begin a window of that label and u drops the last. With it, a window
    begins every ``every_s`` seconds, ``count`` for each label, labels in turn.
    """
    recorder = WindowRecorder(plan)
    pace = RecordingPace()
    with contextlib.ExitStack() as stack:
        source = open_source(settings.capture)
        stack.callback(source.close)
        tracker = stack.enter_context(open_tracker(settings, source))
        keys = stack.enter_context(_pressed_keys())
        turns = cycle(plan.labels) if every_s is not None else None
        say(_instructions(plan, every_s))
        tracks = HandTracks(settings.tracking.smoothing, settings.tracking.lost_frames)
        next_s = time.monotonic() + COUNTDOWN_S
        try:
            for frame in frames_of(source):
                pace.note(frame)
                seen = tracker.detect(frame.image, pace.time_ms) if tracker and frame.image is not None else frame.hands
                label = recorder.push(_raw_hands(tracks, list(seen)))
                if label is not None:
                    say(f"{len(recorder)}: {label}")
                if turns is not None and not recorder.busy and time.monotonic() >= next_s:
                    if len(recorder) >= count * len(plan.labels):
                        break
                    recorder.begin(next(turns))
                    next_s = time.monotonic() + (every_s or 0.0)
                if _obey(keys(), recorder, plan, say):
                    break
        except KeyboardInterrupt:
            say("stopped")
    if len(recorder):
        recording = recorder.recording(pace.fps or source.fps)
        write_recording(join_recordings(read_recording(output), recording) if output.exists() else recording, output)
        say(f"{len(recorder)} windows written to {output}")
    return len(recorder)


class RecordingPace:
    """The frame rate that was really seen, and times for the tracker."""

    def __init__(self) -> None:
        self._first_s: float | None = None
        self._last_s = 0.0
        self._frames = 0

    def note(self, frame: Frame) -> None:
        if self._first_s is None:
            self._first_s = frame.time_s
        self._last_s = frame.time_s
        self._frames += 1

    @property
    def time_ms(self) -> int:
        return round((self._last_s - (self._first_s or 0.0)) * 1000)

    @property
    def fps(self) -> float:
        """Frames a second so far, 0 before the second frame."""
        passed = self._last_s - (self._first_s or 0.0)
        return (self._frames - 1) / passed if passed > 0 else 0.0


def _raw_hands(tracks: HandTracks, seen: list[SeenHand]) -> Array:
    raw, _ = tracks.update(seen)
    return raw


def _obey(key: str, recorder: WindowRecorder, plan: RecordingPlan, say: Callable[[str], None]) -> bool:
    """Do what a key asks for; whether it asked to end."""
    if key == "q":
        return True
    if key == "u":
        say("last window dropped" if recorder.drop() else "no window to drop")
    elif key.isdigit() and 0 < int(key) <= len(plan.labels) and not recorder.busy:
        recorder.begin(plan.labels[int(key) - 1])
    return False


def _instructions(plan: RecordingPlan, every_s: float | None) -> str:
    if every_s is not None:
        return (
            f"a window of {plan.frames} frames every {every_s:g} s: {', '.join(plan.labels)} in turn; u undoes, q ends"
        )
    keys = ", ".join(f"{number}: {label}" for number, label in enumerate(plan.labels, start=1))
    return f"press a key to record {plan.frames} frames ({keys}); u undoes, q ends"


@contextlib.contextmanager
def _pressed_keys() -> Iterator[Callable[[], str]]:
    """What gives the key pressed since the last call, or an empty text; keys need no Enter."""
    if not sys.stdin.isatty():
        yield lambda: ""
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield lambda: sys.stdin.read(1) if select.select([sys.stdin], [], [], 0)[0] else ""
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
