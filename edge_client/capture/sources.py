"""Where frames come from: a camera, a stream, a video file, or a recording of landmarks. Nothing looks into them here.

A live source (camera, URL; ``live_source.py``) gives the newest frame and opens itself again; a file gives every frame,
at its own pace. ``pipeline.py`` iterates; times are seconds of the monotonic clock at which the frame was there.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_client.capture.frames import Frame, Image, Source, SourceError
from edge_client.capture.live_source import LiveSource
from edge_client.capture.status import URL_SCHEMES
from edge_client.settings import Capture
from landmarks.files.video_length import describe_missing_frames
from landmarks.hands import HANDS, POINTS
from landmarks.recording import Recording, read_recording
from landmarks.tracking.hand_identity import SIDES, SeenHand
from landmarks.tracking.vision_libraries import import_library

__all__ = [
    "Frame",
    "Image",
    "LiveSource",
    "RecordingSource",
    "Source",
    "SourceError",
    "VideoSource",
    "check_whole",
    "open_source",
    "throttle_to_realtime",
    "to_detections",
]

REST_SECONDS: Final = 1.5
DEFAULT_FPS: Final = 30.0
HIGHEST_FPS: Final = 1000.0
INDEX_DIGITS: Final = 3


def open_source(settings: Capture) -> Source:
    """The source that ``settings.source`` names.

    Raises:
        SourceError: a file that is missing or can't be read. A camera or stream that is away is retried instead.
        RecordingError: a recording that can't be read.
        LibraryError: OpenCV, which all but recordings need, is missing.
    """
    name = settings.source
    if name.isascii() and name.isdecimal() and len(name) <= INDEX_DIGITS:
        return LiveSource(int(name), settings)
    scheme, separator, rest = name.partition("://")
    if separator and scheme.lower() in URL_SCHEMES:
        return LiveSource(f"{scheme.lower()}://{rest}", settings)
    if separator:
        raise SourceError(f"{scheme[:60]}:// found, expected rtsp://, rtsps://, http:// or https://, or no URL")
    path = Path(name)
    try:
        # A camera that is away now comes back under its name.
        if name.startswith("/dev/") or path.is_char_device():
            return LiveSource(name, settings)
        if name and path.is_dir():
            raise SourceError(f"{name} is a folder, expected a video file or a recording (.npz)")
        if not name or not path.is_file():
            raise SourceError(
                f"{name or 'an empty name'} is no camera index, no /dev/ device, no URL, and no file that exists"
            )
    except OSError as error:
        raise SourceError(f"{name} can't be read: {error.strerror or error}") from error
    if path.suffix.lower() == ".npz":
        return RecordingSource(read_recording(path))
    return VideoSource(path)


def check_whole(source: Source) -> None:
    """After a source's last frame, check that a file gave all that it promised.

    Raises:
        SourceError: it is cut off or damaged.
    """
    if isinstance(source, VideoSource) and source.damage:
        raise SourceError(source.damage)


class VideoSource:
    """Every frame of a video file, as fast as it is read; ``paced`` slows it to its own rate.

    ``damage`` says, once it has ended by itself, how many of its frames were missing; empty for a whole file.
    """

    def __init__(self, path: Path) -> None:
        self._cv2: Any = import_library("cv2")
        self._path = path
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            raise SourceError(f"{path} can't be read: {error.strerror or error}") from error
        self._video = self._cv2.VideoCapture(str(path))
        if not self._video.isOpened():
            raise SourceError(f"{path} can't be opened as a video")
        fps = float(self._video.get(self._cv2.CAP_PROP_FPS))
        self.fps = fps if 0 < fps <= HIGHEST_FPS else DEFAULT_FPS  # false for NaN too
        self.damage = ""
        self._closed = threading.Event()
        # Whoever closes waits for a read to end: OpenCV must not be torn down under it.
        self._decoding = threading.Lock()

    def frames(self) -> Iterator[Frame]:
        started = time.monotonic()
        index = 0
        while (image := self._decode()) is not None:
            yield Frame(started + index / self.fps, image)
            index += 1
        if not self._closed.is_set():
            promised = float(self._video.get(self._cv2.CAP_PROP_FRAME_COUNT))
            missing = describe_missing_frames(index, int(promised) if math.isfinite(promised) else 0)
            self.damage = f"{self._path}: {missing}" if missing else ""

    def close(self) -> None:
        self._closed.set()
        with self._decoding:
            self._video.release()

    def _decode(self) -> Image | None:
        with self._decoding:
            if self._closed.is_set():
                return None
            there, image = self._video.read()
            return np.asarray(self._cv2.cvtColor(image, self._cv2.COLOR_BGR2RGB), np.uint8) if there else None


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


def throttle_to_realtime(frames: Iterator[Frame], sleep: Callable[[float], object] = time.sleep) -> Iterator[Frame]:
    """Give each frame no earlier than its time, as a camera would."""
    for frame in frames:
        wait = frame.time_s - time.monotonic()
        if wait > 0:
            sleep(wait)
        yield frame
