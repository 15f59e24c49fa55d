"""The driver of a camera: V4L2, by its index or its device."""

import errno
import math
import os
import threading
from typing import Any, Final

from edge_client.capture.opencv import OpenCvVideo, open_video
from edge_client.settings import Capture
from landmarks.tracking.vision_libraries import import_library

# How long OpenCV's V4L2 waits for a frame, read when it is loaded; its own default is 10 s.
V4L2_TIMEOUT: Final = "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"


class Camera:
    """A camera with the size and rate of the settings.

    Raises:
        LibraryError: OpenCV is missing.
    """

    def __init__(self, device: int | str, settings: Capture) -> None:
        os.environ.setdefault(V4L2_TIMEOUT, str(math.ceil(settings.stall)))
        self.name = f"camera {device}" if isinstance(device, int) else device
        self._cv2: Any = import_library("cv2")
        self._device = device
        self._settings = settings

    def open(self, _: threading.Event) -> OpenCvVideo | None:
        cv2, settings = self._cv2, self._settings
        video = open_video(self._device, cv2.CAP_V4L2)
        if video is not None:
            # MJPG: most USB cameras give 30 fps only compressed.
            video.capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            video.capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width)
            video.capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height)
            video.capture.set(cv2.CAP_PROP_FPS, settings.fps)
            video.capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return video

    def describe_failure(self) -> str:
        return describe_failure(self._device)


def describe_failure(device: int | str) -> str:
    """Why a camera can't be opened, to be read after its name: OpenCV doesn't tell."""
    try:
        os.close(os.open(f"/dev/video{device}" if isinstance(device, int) else device, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
            return "is not there: is it plugged in?"
        if error.errno in (errno.EACCES, errno.EPERM):
            return "may not be opened by this user: sudo usermod -aG video $USER, then log in again"
        return f"can't be opened: {error.strerror or error}"
    return "can't be opened: it is no camera, or another program uses it"
