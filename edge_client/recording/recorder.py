"""Recording windows of signs for training: by key or by timer, into the file that the trainer reads.

It shows a camera's hands to nobody and asks no service. The format is ``landmarks/recording.py``; the raw landmarks
are kept, before smoothing.
"""

import contextlib
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np

from edge_client.capture.frames import Frame
from edge_client.capture.hand_tracker import find_hands, open_tracker
from edge_client.capture.sources import check_whole, open_frames, open_source
from edge_client.recording.keyboard import read_keys
from edge_client.recording.output import check_output, describe_training, save_recording
from edge_client.runtime.stop_signals import stop_on_signals
from edge_client.settings import Settings, SettingsError
from landmarks.hands import Array
from landmarks.recording import HIGHEST_FPS, LOWEST_FPS, MAX_FRAMES, RATE_TOLERANCE, Recording
from landmarks.tracking.hand_identity import HandednessTracker

COUNTDOWN_S = 1.0
LONGEST_WINDOW = 1000
KEYS = 9
# A longer time between two frames is a camera that was away, which says nothing about its rate.
LONGEST_GAP_S = 1.0


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
        for name in ("signer", "session"):
            if not getattr(self, name).strip():
                raise SettingsError(f"{name} is {getattr(self, name)!r}, expected a name")


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
    def full(self) -> bool:
        """Whether a file can't hold another window."""
        return (len(self) + 1) * self._plan.frames > MAX_FRAMES

    @property
    def busy(self) -> bool:
        """Whether a window has begun and isn't full."""
        return self._label is not None

    def begin(self, label: str) -> None:
        """Begin a window; one that isn't full is given up."""
        self._label = label
        self._frames = []

    def push(self, hands: Array) -> str | None:
        """Add a frame of raw hands ``(2, 21, 3)``; gives the label once its window is full.

        A hand with numbers that aren't finite counts as absent: a file must not have them.
        """
        if self._label is None:
            return None
        finite = np.isfinite(hands).all(axis=(1, 2), keepdims=True)
        self._frames.append(np.where(finite, hands, 0).astype(np.float32).reshape(-1))
        if len(self._frames) < self._plan.frames:
            return None
        label, self._label = self._label, None
        self._windows.append((label, np.array(self._frames, dtype=np.float32)))
        return label

    def drop(self) -> bool:
        """Drop the last window; whether there was one."""
        return bool(self._windows and self._windows.pop())

    def recording(self, fps: float) -> Recording:
        """All windows so far, as a file holds them; a rate that no file may have becomes the nearest one."""
        count = len(self._windows)
        known = LOWEST_FPS if math.isnan(fps) else fps
        return Recording(
            hands=np.array([window for _, window in self._windows], dtype=np.float32),
            label=np.array([label for label, _ in self._windows], dtype=np.str_),
            signer=np.full(count, self._plan.signer),
            session=np.full(count, self._plan.session),
            fps=min(max(known, LOWEST_FPS), HIGHEST_FPS),
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
    """Record until ``q``, the timer's end, a signal or the source's end; gives how many windows were written.

    Without ``every_s``, the keys 1, 2, 3, ... begin a window of that label and u drops the last. With it, a window
    begins every ``every_s`` seconds, ``count`` for each label, labels in turn. However it ends, what was recorded is
    written, to ``output`` or beside it; ``say`` is told where.

    Raises:
        SettingsError: nothing could be recorded this way.
        RecordingError: before the first window, ``output`` can't take them.
        SourceError: the source can't be opened.
    """
    windows = None if every_s is None else count * len(plan.labels)
    _check_plan(plan, windows)
    rate = check_output(output, plan.frames, windows)
    recorder = WindowRecorder(plan)
    pace = RecordingPace()
    with contextlib.ExitStack() as stack:
        source = open_source(settings.capture)
        stack.callback(source.close)
        stop = stack.enter_context(stop_on_signals(source.close))
        tracker = stack.enter_context(open_tracker(settings.tracking, source))
        keys = stack.enter_context(read_keys())
        turns = cycle(plan.labels)
        say(_instructions(plan, every_s))
        tracks = HandednessTracker(settings.tracking.smoothing, settings.tracking.lost_frames)
        next_s = time.monotonic() + COUNTDOWN_S
        try:
            for frame in open_frames(source):
                pace.note(frame)
                raw, _ = tracks.update(find_hands(tracker, frame, pace.started_s))
                label = recorder.push(raw)
                if label is not None:
                    say(f"{len(recorder)}: {label}")
                    if len(recorder) == 1 and rate and abs(pace.fps - rate) > RATE_TOLERANCE:
                        then = describe_training(output, plan.frames, rate, pace.fps)
                        given = f"the source gives {pace.fps:.1f} frames a second, {output} has {rate:.1f}"
                        say(f"{given}: a new file; {then}")
                if stop.is_set() or (recorder.full and not recorder.busy):
                    break
                if every_s is not None and not recorder.busy and time.monotonic() >= next_s:
                    if len(recorder) >= (windows or 0):
                        break
                    recorder.begin(next(turns))
                    next_s = time.monotonic() + every_s
                if _handle_key(keys(), recorder, plan, say):
                    break
            check_whole(source)
        finally:
            # Before the source is closed, which may take its time, and while signals still wait.
            if len(recorder):
                say(save_recording(recorder.recording(pace.fps or source.fps), output))
            else:
                say(f"no window was recorded: {output} is as it was")
    return len(recorder)


def _check_plan(plan: RecordingPlan, windows: int | None) -> None:
    if windows is None:
        if not sys.stdin.isatty():
            raise SettingsError("keys need a terminal: expected --every with the seconds between windows")
        if len(plan.labels) > KEYS:
            raise SettingsError(f"{len(plan.labels)} labels found, expected at most {KEYS} with keys: use --every")
    elif windows * plan.frames > MAX_FRAMES:
        most = MAX_FRAMES // (plan.frames * len(plan.labels))
        raise SettingsError(f"count is {windows // len(plan.labels)}, expected at most {most} for each of these labels")


class RecordingPace:
    """The frame rate that was really seen, and when the first frame came (NaN before it)."""

    def __init__(self) -> None:
        self.started_s = math.nan
        self._last_s = math.nan
        self._steps = 0
        self._steps_s = 0.0

    def note(self, frame: Frame) -> None:
        if math.isnan(self.started_s):
            self.started_s = frame.time_s
        elif frame.time_s - self._last_s <= LONGEST_GAP_S:
            self._steps += 1
            self._steps_s += frame.time_s - self._last_s
        self._last_s = frame.time_s

    @property
    def fps(self) -> float:
        """Frames a second so far, 0 before the second frame."""
        return self._steps / self._steps_s if self._steps_s > 0 else 0.0


def _handle_key(key: str, recorder: WindowRecorder, plan: RecordingPlan, say: Callable[[str], None]) -> bool:
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
