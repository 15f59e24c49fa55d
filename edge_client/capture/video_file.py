"""A video file as a source of frames."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from edge_client.capture.frames import Frame, Image, SourceError
from edge_client.capture.opencv import open_video
from landmarks.files.video_length import describe_missing_frames
from landmarks.tracking.vision_libraries import import_library

DEFAULT_FPS: Final = 30.0
HIGHEST_FPS: Final = 1000.0


class VideoSource:
    """Every frame of a video file, as fast as it is read; ``throttle_to_realtime`` slows it to its own rate.

    ``damage`` says, once it has ended by itself, how many of its frames were missing; empty for a whole file.
    """

    def __init__(self, path: Path, transform: Callable[[Image], Image] = lambda image: image) -> None:
        """``transform`` makes each picture what the client looks at."""
        cv2: Any = import_library("cv2")
        self._path = path
        self._transform = transform
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            raise SourceError(f"{path} can't be read: {error.strerror or error}") from error
        video = open_video(str(path))
        if video is None:
            raise SourceError(f"{path} can't be opened as a video")
        self._video = video
        fps = float(video.capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if 0 < fps <= HIGHEST_FPS else DEFAULT_FPS  # false for NaN too
        self._frame_count: int = cv2.CAP_PROP_FRAME_COUNT
        self.damage = ""
        self._closed = threading.Event()
        # Whoever closes waits for a read to end: OpenCV must not be torn down under it.
        self._decoding = threading.Lock()

    def frames(self) -> Iterator[Frame]:
        started = time.monotonic()
        index = 0
        while (image := self._decode()) is not None:
            yield Frame(started + index / self.fps, self._transform(image))
            index += 1
        if not self._closed.is_set():
            promised = float(self._video.capture.get(self._frame_count))
            missing = describe_missing_frames(index, int(promised) if math.isfinite(promised) else 0)
            self.damage = f"{self._path}: {missing}" if missing else ""

    def close(self) -> None:
        self._closed.set()
        with self._decoding:
            self._video.release()

    def _decode(self) -> Image | None:
        with self._decoding:
            return None if self._closed.is_set() else self._video.read()
