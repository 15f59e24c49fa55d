"""Pictures by OpenCV: what the drivers of cameras and streams share with video files."""

from typing import Any

import numpy as np

from edge_client.capture.frames import Image
from landmarks.tracking.vision_libraries import import_library


class OpenCvVideo:
    """A ``cv2.VideoCapture`` that is open, read as RGB."""

    def __init__(self, capture: Any) -> None:
        self._cv2: Any = import_library("cv2")
        self.capture = capture

    def read(self) -> Image | None:
        there, image = self.capture.read()
        return np.asarray(self._cv2.cvtColor(image, self._cv2.COLOR_BGR2RGB), np.uint8) if there else None

    def release(self) -> None:
        self.capture.release()


def open_video(*arguments: Any) -> OpenCvVideo | None:
    """What ``cv2.VideoCapture(*arguments)`` opens, or ``None`` where it can't."""
    capture = import_library("cv2").VideoCapture(*arguments)
    if capture.isOpened():
        return OpenCvVideo(capture)
    capture.release()
    return None
