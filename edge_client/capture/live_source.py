"""A camera or stream that is read in a thread of its own, and opened again when it fails or stalls.

Only the thread that reads an opening releases it: a video must not be torn down under a read. A read that hangs is left
to itself, and another thread opens the device anew.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from edge_client.capture.frames import Driver, DriverError, Frame, Image, SourceEnded
from edge_client.settings import Capture

log = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 0.5
LONGEST_RETRY_S: Final = 5.0
# A camera may take this long to open or to close, and a server that was away to say so.
OPENING_S: Final = 10.0
# Reads that hang at the same time; with so many, nothing is opened until one of them ends.
MAX_STUCK: Final = 3
LONGEST_CHECK_S: Final = 1.0
# After as long without a frame whoever waits for one is called, and again and again.
QUIET_S: Final = 1.0


class LiveSource:
    """The newest frame of what a driver opens; frames that nobody took in time are dropped.

    When nothing comes for ``stall`` seconds, or reading fails, it is opened again, at once and then less and less
    often. The log says what is wrong once, and when it gives frames again.
    """

    def __init__(
        self, driver: Driver, settings: Capture, transform: Callable[[Image], Image] = lambda image: image
    ) -> None:
        """``transform`` makes each picture what the client looks at."""
        self.driver = driver
        self.transform = transform
        self.fps = settings.fps
        self._stall = settings.stall
        self._changed = threading.Condition()
        self._newest: Frame | None = None
        self._closed = threading.Event()
        self._over = False
        # Why there are no frames now, to be read after the source's name; empty while there are.
        self.problem = ""
        # What was wrong with a source that ended by itself; empty where nothing was.
        self.damage = ""
        self._stuck: list[_Reader] = []
        self._reader = _Reader(self, settings.stall)
        self._reader.start()

    @property
    def trouble(self) -> str:
        """What is wrong with it; empty while it gives frames, or before it failed to."""
        return f"{self.driver.name} {self.problem}" if self.problem else ""

    @property
    def alive(self) -> bool:
        """Whether it can still open itself: not where too many calls into the driver hang for that."""
        return not self._reader.hangs or sum(reader.is_alive() for reader in self._stuck) < MAX_STUCK

    def frames(self, on_quiet: Callable[[], object] = lambda: None) -> Iterator[Frame]:
        """Frames until it is closed; ``on_quiet`` is called once a ``QUIET_S`` while none comes, by who takes them."""
        check_s = min(LONGEST_CHECK_S, self._stall / 4)
        quiet_at_s = time.monotonic() + QUIET_S
        while not self._closed.is_set() and not (self._over and self._newest is None):
            with self._changed:
                self._changed.wait_for(
                    lambda: self._newest is not None or self._over or self._closed.is_set(), timeout=check_s
                )
                frame, self._newest = self._newest, None
            if frame is not None:
                yield frame
                quiet_at_s = time.monotonic() + QUIET_S
            elif not (self._closed.is_set() or self._over):
                self._replace_stuck_reader()
                if time.monotonic() >= quiet_at_s:
                    on_quiet()
                    quiet_at_s = time.monotonic() + QUIET_S

    def close(self) -> None:
        with self._changed:
            self._closed.set()
            self._reader.ended.set()
            self._changed.notify_all()
        self._reader.join(timeout=self._stall + 1)

    def end(self, reader: "_Reader", damage: str) -> None:
        """Take it that nothing comes any more, so that ``frames`` ends after the frame that waits."""
        with self._changed:
            if reader is self._reader:
                self.damage = f"{self.driver.name} {damage}" if damage else ""
                self._over = True
                self._changed.notify_all()

    def give(self, reader: "_Reader", frame: Frame) -> None:
        """Take a frame of the reader that counts; one that was given up may still bring its last."""
        with self._changed:
            if reader is not self._reader:
                return
            if self.problem:
                log.warning("%s gives frames", self.driver.name)
                self.problem = ""
            self._newest = frame
            self._changed.notify()

    def fail(self, reader: "_Reader", problem: str) -> None:
        """Keep, and log once, why there are no frames."""
        with self._changed:
            if reader is self._reader and problem != self.problem and not self._closed.is_set():
                log.warning("%s %s; trying again, less and less often", self.driver.name, problem)
                self.problem = problem

    def _replace_stuck_reader(self) -> None:
        """Open it anew in another thread where a call into the driver hangs."""
        self._stuck = [reader for reader in self._stuck if reader.is_alive()]
        if not self._reader.hangs or len(self._stuck) >= MAX_STUCK:
            return
        with self._changed:
            if self._closed.is_set():
                return
            self._reader.ended.set()
            self._stuck.append(self._reader)
            if not self.problem:
                self.problem = f"has given no frame for {self._stall:g} s"
                log.warning("%s %s: opening it again", self.driver.name, self.problem)
            self._reader = _Reader(self, self._stall)
            self._reader.start()


class _Reader(threading.Thread):
    """Opens a device, reads it until it fails, releases it and opens it again, until it is told that it has ended."""

    def __init__(self, source: LiveSource, stall: float) -> None:
        super().__init__(name="capture", daemon=True)
        self.ended = threading.Event()
        self._source = source
        self._stall = stall
        self._call_ends_s = math.inf

    @property
    def hangs(self) -> bool:
        """Whether a call into the driver takes longer than it may."""
        return time.monotonic() > self._call_ends_s

    def run(self) -> None:
        wait_s = FIRST_RETRY_S
        while not self.ended.is_set():
            try:
                any_frame, problem = self._read_until_failure()
            except SourceEnded as end:
                self._source.end(self, str(end))
                return
            except Exception as error:  # the thread must not die: nobody else opens the camera again
                any_frame, problem = False, f"fails: {type(error).__name__}: {error}"
            self._call_ends_s = math.inf
            self._source.fail(self, problem)
            wait_s = FIRST_RETRY_S if any_frame else wait_s
            self.ended.wait(wait_s)
            wait_s = min(wait_s * 2, LONGEST_RETRY_S)

    def _read_until_failure(self) -> tuple[bool, str]:
        """Read until it fails; whether there was a frame at all, and what went wrong."""
        self._call_ends_s = time.monotonic() + max(self._stall, OPENING_S)
        video = self._source.driver.open(self.ended)
        if video is None:
            self._call_ends_s = math.inf
            return False, self._source.driver.describe_failure()
        any_frame = False
        try:
            while not self.ended.is_set():
                self._call_ends_s = time.monotonic() + self._stall
                image = video.read()
                if image is None:
                    break
                any_frame = True
                self._source.give(self, Frame(time.monotonic(), self._source.transform(image)))
        except DriverError as error:
            return any_frame, str(error)
        finally:
            self._call_ends_s = time.monotonic() + max(self._stall, OPENING_S)
            video.release()
        return any_frame, "gives no more frames" if any_frame else "is open, but gives no frames"
