"""Where frames come from: a camera, a stream, a video file, or a recording of landmarks. Nothing looks into them here.

A live source (camera, URL) gives the newest frame and opens itself again when it stalls; a file gives every frame, at
its own pace. ``pipeline.py`` iterates; times are seconds of the monotonic clock at which the frame was there.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from edge_client.settings import Capture
from landmarks.hand_tracks import SIDES, SeenHand
from landmarks.hands import HANDS, POINTS
from landmarks.recording import Recording, read_recording

log = logging.getLogger(__name__)

Image = npt.NDArray[np.uint8]

URL_SCHEMES: Final = ("rtsp://", "rtsps://", "http://", "https://")
FIRST_RETRY_S: Final = 0.5
LONGEST_RETRY_S: Final = 5.0
REST_SECONDS: Final = 1.5


class SourceError(Exception):
    """A source can't be opened; the message says which and what to try."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture, RGB uint8 ``(H, W, 3)``, or the hands of a recording; ``time_s`` is when it was there."""

    time_s: float
    image: Image | None = None
    hands: tuple[SeenHand, ...] = ()


class Source(Protocol):
    """Frames until it ends or is closed; ``fps`` is what it says of itself."""

    fps: float

    def frames(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...


def open_source(settings: Capture) -> Source:
    """The source that ``settings.source`` names.

    Raises:
        SourceError: a file that is missing or can't be read. A camera or stream that is away is retried instead.
    """
    name = settings.source
    if name.isdigit():
        return LiveSource(int(name), settings)
    if name.startswith(("/dev/video", *URL_SCHEMES)):
        return LiveSource(name, settings)
    path = Path(name)
    if not path.is_file():
        raise SourceError(f"{name} is no camera index, no /dev/video*, no URL, and no file that exists")
    if path.suffix == ".npz":
        return RecordingSource(read_recording(path))
    return VideoSource(path)


class VideoSource:
    """Every frame of a video file, as fast as it is read; ``paced`` slows it to its own rate."""

    def __init__(self, path: Path) -> None:
        import cv2

        self._cv2: Any = cv2
        self._video = cv2.VideoCapture(str(path))
        if not self._video.isOpened():
            raise SourceError(f"{path} can't be opened as a video")
        self.fps = float(self._video.get(cv2.CAP_PROP_FPS)) or 30.0

    def frames(self) -> Iterator[Frame]:
        started = time.monotonic()
        index = 0
        while True:
            there, image = self._video.read()
            if not there:
                return
            yield Frame(started + index / self.fps, self._cv2.cvtColor(image, self._cv2.COLOR_BGR2RGB))
            index += 1

    def close(self) -> None:
        self._video.release()


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
                yield Frame(started + index / self.fps, hands=seen_hands(hands))
                index += 1

    def close(self) -> None: ...


def seen_hands(hands: npt.NDArray[np.float32]) -> tuple[SeenHand, ...]:
    """The present hands of ``(2, 21, 3)``, each surely on its side."""
    return tuple(SeenHand(points, side, 1.0) for points, side in zip(hands, SIDES, strict=True) if points.any())


def paced(frames: Iterator[Frame], sleep: Callable[[float], object] = time.sleep) -> Iterator[Frame]:
    """Give each frame no earlier than its time, as a camera would."""
    for frame in frames:
        wait = frame.time_s - time.monotonic()
        if wait > 0:
            sleep(wait)
        yield frame


class LiveSource:
    """A camera or stream, read in a thread so that the newest frame is at hand and a stall is noticed.

    Frames that nobody took in time are dropped. When nothing comes for ``stall`` seconds, or reading fails, the
    device is opened again, at once and then less and less often.
    """

    def __init__(self, name: int | str, settings: Capture) -> None:
        self._name = name
        self._settings = settings
        self.fps = settings.fps
        self._changed = threading.Condition()
        self._newest: Frame | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._read, name="capture", daemon=True)
        self._thread.start()

    def frames(self) -> Iterator[Frame]:
        while not self._closed.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._newest is not None or self._closed.is_set(), timeout=1.0)
                frame, self._newest = self._newest, None
            if frame is not None:
                yield frame

    def close(self) -> None:
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(timeout=self._settings.stall + 1)

    def _read(self) -> None:
        wait_s = FIRST_RETRY_S
        while not self._closed.is_set():
            if self._read_until_stall():
                wait_s = FIRST_RETRY_S
            if self._closed.wait(wait_s):
                return
            log.warning("%s gives no frames: opening it again", self._name)
            wait_s = min(wait_s * 2, LONGEST_RETRY_S)

    def _read_until_stall(self) -> bool:
        """Read until it fails; whether there was a frame at all."""
        import cv2

        stall_ms = int(self._settings.stall * 1000)
        if isinstance(self._name, str) and self._name.startswith(URL_SCHEMES):
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, stall_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, stall_ms]
            video = cv2.VideoCapture(self._name, cv2.CAP_FFMPEG, limits)
        else:
            video = cv2.VideoCapture(self._name, cv2.CAP_V4L2)
            # MJPG: most USB cameras give 30 fps only compressed.
            video.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            video.set(cv2.CAP_PROP_FRAME_WIDTH, self._settings.width)
            video.set(cv2.CAP_PROP_FRAME_HEIGHT, self._settings.height)
            video.set(cv2.CAP_PROP_FPS, self._settings.fps)
            video.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        any_frame = False
        try:
            while not self._closed.is_set():
                there, image = video.read()
                if not there:
                    return any_frame
                any_frame = True
                self._give(Frame(time.monotonic(), np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)))
        finally:
            video.release()
        return any_frame

    def _give(self, frame: Frame) -> None:
        with self._changed:
            self._newest = frame
            self._changed.notify()
