"""OpenCV's side of a camera, stream or video file, played by a script."""

import threading
import time
import types
from typing import Any

import numpy as np


class Camera:
    """OpenCV's side of a camera: ``plays`` says how many frames each opening gives before it fails.

    At ``HANGS`` a read waits until ``hang`` is set. ``released_in`` names the thread that released each opening, and
    ``released_while_read`` is whether that was ever during a read.
    """

    HANGS = -1

    def __init__(self, plays: list[int]) -> None:
        self.plays = plays
        self.opened = 0
        self.names: list[Any] = []
        self.hang = threading.Event()
        self.released_in: list[str] = []
        self.released_while_read = False

    def module(self) -> types.ModuleType:
        camera = self

        class VideoCapture:
            def __init__(self, name: Any, *_: Any) -> None:
                camera.opened += 1
                camera.names.append(name)
                self.left = camera.plays.pop(0) if camera.plays else 10**9
                self.reading = False

            def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
                return self.left != 0

            def set(self, *_: Any) -> bool:
                return True

            def get(self, *_: Any) -> float:
                return 10.0

            def read(self) -> tuple[bool, Any]:
                self.reading = True
                if self.left == Camera.HANGS:
                    camera.hang.wait(10)
                    self.left = 0
                time.sleep(0.001)
                self.left -= 1
                self.reading = False
                return self.left >= 0, np.zeros((4, 6, 3), dtype=np.uint8)

            def release(self) -> None:
                camera.released_while_read |= self.reading
                camera.released_in.append(threading.current_thread().name)

        module = types.ModuleType("cv2")
        module.__dict__.update(
            VideoCapture=VideoCapture,
            VideoWriter=types.SimpleNamespace(fourcc=lambda *_: 0),
            cvtColor=lambda image, _: image,
            **dict.fromkeys(("CAP_V4L2", "CAP_FFMPEG", "CAP_PROP_OPEN_TIMEOUT_MSEC", "CAP_PROP_READ_TIMEOUT_MSEC"), 0),
            **dict.fromkeys(("CAP_PROP_FOURCC", "CAP_PROP_FRAME_WIDTH", "CAP_PROP_FRAME_HEIGHT"), 0),
            **dict.fromkeys(("CAP_PROP_FPS", "CAP_PROP_BUFFERSIZE", "COLOR_BGR2RGB", "CAP_PROP_FRAME_COUNT"), 0),
        )
        return module
