"""The driver of standard input: Motion JPEG that another program pipes in. Once it ends, the source has ended."""

import os
import stat
import threading
from typing import Final

from edge_client.capture.frames import Image, SourceEnded, SourceError
from edge_client.capture.piped.pictures import JpegStream
from edge_client.capture.piped.video import TIMEOUT_SHARE, PipedVideo
from edge_client.settings import Capture
from landmarks.tracking.vision_libraries import import_library

NAME: Final = "standard input"
EXPECTED: Final = "expected Motion JPEG: rpicam-vid -n -t 0 --codec mjpeg -o - | python -m edge_client run --source -"


class StandardInput:
    """Motion JPEG from ``descriptor``, which is opened again as often as it stalls, and goes on where it was.

    Raises:
        SourceError: it is closed, or nothing that pictures come through.
        LibraryError: OpenCV is missing.
    """

    def __init__(self, settings: Capture, descriptor: int = 0) -> None:
        self.name = NAME
        self.any_picture = False
        self._descriptor = descriptor
        self._timeout_s = settings.stall * TIMEOUT_SHARE
        import_library("cv2")
        try:
            is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        except OSError as error:
            raise SourceError(f"{NAME} can't be read: {error.strerror or error}") from error
        if is_folder or os.isatty(descriptor):
            raise SourceError(f"{NAME} is a {'folder' if is_folder else 'terminal'}, {EXPECTED}")

    def open(self, ended: threading.Event) -> "StandardInputVideo":
        return StandardInputVideo(
            self, PipedVideo(self._descriptor, JpegStream(), timeout_s=self._timeout_s, ended=ended)
        )

    def describe_failure(self) -> str:
        return "can't be read"  # it is open from the start


class StandardInputVideo:
    """One opening of standard input."""

    def __init__(self, driver: StandardInput, video: PipedVideo) -> None:
        self._driver = driver
        self._video = video

    def read(self) -> Image | None:
        try:
            image = self._video.read()
        except EOFError:
            raise SourceEnded("" if self._driver.any_picture else f"has ended without a picture, {EXPECTED}") from None
        self._driver.any_picture |= image is not None
        return image

    def release(self) -> None: ...
