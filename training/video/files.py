"""A video file as frames with the container's own times, upright, and a video writer for the overlay.

OpenCV decodes; the rotation that phones write into the file is applied. Nothing here looks into the pictures.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from landmarks.files.atomic import check_writable, partial_path
from landmarks.files.video_length import describe_missing_frames
from landmarks.pose import BONES, Array
from landmarks.tracking.vision_libraries import TRAINING, import_library

Image = npt.NDArray[np.uint8]

# MPEG-4 counts time in fractions whose denominator has 16 bits (ISO/IEC 14496-2, vop_time_increment_resolution).
MAX_RATE: Final = 65535

_SEEN = 0.3
_BONE = (80, 220, 80)  # BGR
_JOINT = (40, 40, 240)


class VideoError(Exception):
    """A video can't be read or written; the message says which and why."""


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """One frame: its number in the file, its time in seconds, and its picture, BGR uint8 ``(H, W, 3)``."""

    index: int
    time_s: float
    image: Image


class VideoFile:
    """A video that is open. ``fps`` is the container's average, None where it doesn't say; ``count`` an estimate.

    Raises:
        VideoError: on opening, when the file is missing, or is no video, or in a codec that this OpenCV can't decode.
        LibraryError: OpenCV is missing.
    """

    def __init__(self, path: Path) -> None:
        cv2: Any = import_library("cv2", TRAINING)
        try:
            with path.open("rb"):
                pass
        except FileNotFoundError:
            raise VideoError(f"{path} is not there, expected a video file") from None
        except OSError as error:
            raise VideoError(f"{path} can't be read as a video file: {error.strerror or error}") from error
        self._path = path
        self._cv2 = cv2
        self._read = 0
        self._capture: Any = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise VideoError(f"{path} can't be opened: it is no video, or in a container or codec that isn't supported")
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if math.isfinite(fps) and 0 < fps <= 100_000 else None
        self.count = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    @property
    def damage(self) -> str:
        """After the last frame, the sentence that says how many frames are missing; empty where the file is whole."""
        missing = describe_missing_frames(self._read, self.count)
        return f"{self._path}: {missing}" if missing else ""

    def frames(self, stride: int = 1) -> Iterator[VideoFrame]:
        """Every ``stride``-th frame, decoded; the others are passed over.

        Raises:
            VideoError: not a single frame can be decoded.
        """
        last, decoded = -math.inf, 0
        position = self._cv2.CAP_PROP_POS_MSEC
        while self._capture.grab():
            index, self._read = self._read, self._read + 1
            time_s = next_time(float(self._capture.get(position)) / 1000, last, self.fps)
            last = time_s
            if index % stride == 0:
                readable, image = self._capture.retrieve()
                if readable:
                    decoded += 1
                    yield VideoFrame(index, time_s, image)
        if not decoded:
            raise VideoError(
                f"{self._path} has no frame that can be decoded: it is cut off, or in an unsupported codec"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._capture.release()


def next_time(reported: float, last: float, fps: float | None) -> float:
    """A frame's time in seconds: the container's where it increases, else one frame after the ``last``."""
    if math.isfinite(reported) and reported > last:
        return reported
    return last + 1 / (fps or 30.0) if math.isfinite(last) else 0.0


class Overlay:
    """An MP4 with the skeleton drawn over the frames, to look at. It gets its name where its block ends without error.

    One that can't be written is given up and ends nothing else: ``problem`` then says why.

    Raises:
        LibraryError: OpenCV is missing.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.problem = ""
        self._cv2: Any = import_library("cv2", TRAINING)
        self._path = path
        # OpenCV takes the container from the ending.
        self._partial = path.with_name(partial_path(path).name + path.suffix)
        self._fps = writable_rate(fps)
        self._writer: Any = None

    def write(self, image: Image, points: Array | None) -> None:
        """Add a frame, with its pose ``(33, 3)`` where a person was found."""
        if self._writer is None and not self.problem:
            self._open_writer((image.shape[1], image.shape[0]))
        if not self.problem:
            self._writer.write(draw_pose(image, points) if points is not None else image)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if self._writer is not None:
            self._writer.release()
        try:
            if self._writer is not None and kind is None and not self.problem:
                self._partial.replace(self._path)
            self._partial.unlink(missing_ok=True)
        except OSError as failed:
            self.problem = f"{self._path} can't be written: {failed.strerror or failed}"

    def _open_writer(self, size: tuple[int, int]) -> None:
        try:
            check_writable(self._path)
        except OSError as error:
            self.problem = f"{self._path} can't be written: {error.strerror or error}"
            return
        self._writer = self._cv2.VideoWriter(str(self._partial), self._cv2.VideoWriter.fourcc(*"mp4v"), self._fps, size)
        if not self._writer.isOpened():
            self.problem = f"{self._path} can't be written: expected a path that ends in .mp4"


def writable_rate(fps: float) -> float:
    """The nearest frame rate that MPEG-4 can say: as many of three decimals as its 16 bits leave room for."""
    for decimals in (3, 2, 1, 0):
        rate = Fraction(round(fps * 10**decimals), 10**decimals)
        if 0 < rate.numerator <= MAX_RATE:
            return float(rate)
    return float(MAX_RATE) if fps > 1 else 1.0


def draw_pose(image: Image, points: Array) -> Image:
    """A copy of a BGR picture with the pose ``(33, 3)`` on it; points of visibility below 0.3 are left out."""
    cv2: Any = import_library("cv2", TRAINING)
    drawn = image.copy()
    height, width = image.shape[:2]
    pixels = [(round(float(x) * width), round(float(y) * height)) for x, y in np.clip(points[:, :2], -1, 2)]
    thick = max(1, round(height / 300))
    for first, second in BONES:
        if min(points[first, 2], points[second, 2]) >= _SEEN:
            cv2.line(drawn, pixels[first], pixels[second], _BONE, thick, cv2.LINE_AA)
    for place, visibility in zip(pixels, points[:, 2], strict=True):
        if visibility >= _SEEN:
            cv2.circle(drawn, place, thick + 1, _JOINT, -1, cv2.LINE_AA)
    return drawn
