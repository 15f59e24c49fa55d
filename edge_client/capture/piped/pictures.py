"""Pictures out of bytes: one JPEG after the other, or raw YUV 4:2:0. It reads nothing (``video.py`` does).

The bytes are a program's or a stranger's: what is kept of them is bounded, and what is no picture is passed over.
"""

import logging
import re
from typing import Any, Final, Protocol

import numpy as np

from edge_client.capture.frames import DriverError, Image
from landmarks.tracking.vision_libraries import import_library

log = logging.getLogger(__name__)

MAX_JPEG_BYTES: Final = 8 * 1024 * 1024
# A picture is told broken by its decoder. After so many without a whole one between, the stream is.
MAX_BROKEN: Final = 30
# Raspberry Pi's ISP pads the rows of a raw picture to this.
ROW_BYTES: Final = 64

_START: Final = b"\xff\xd8\xff"
_START_OF_IMAGE: Final = 0xD8
_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
_END: Final = b"\xff\xd9"
_END_OR_START: Final = re.compile(rb"\xff\xd9|\xff\xd8\xff")
_MARKERS_ALONE: Final = frozenset((0x01, *range(0xD0, 0xD8)))  # without a length; ITU-T T.81, B.1.1.3


class PictureStream(Protocol):
    """Takes a stream's bytes as they come."""

    def push(self, data: bytes) -> Image | None:
        """The newest whole picture, RGB uint8 ``(H, W, 3)``; ``None`` where ``data`` completes none.

        Raises:
            DriverError: these bytes are no such stream.
        """


class JpegStream:
    """Motion JPEG as ``rpicam-vid --codec mjpeg -o -`` gives it: whole JPEG files, nothing between them."""

    def __init__(self, max_bytes: int = MAX_JPEG_BYTES) -> None:
        self._cv2: Any = import_library("cv2")
        self._buffer = bytearray()
        self._max_bytes = max_bytes
        self._skipped = 0
        self._broken = 0

    def push(self, data: bytes) -> Image | None:
        self._buffer += data
        newest: bytes | None = None
        while (picture := self._cut_picture()) is not None:
            newest = picture
        if len(self._buffer) > self._max_bytes:
            raise DriverError(f"sends a JPEG picture of more than {self._max_bytes} bytes: it has no end")
        return None if newest is None else self._decode(newest)

    def _cut_picture(self) -> bytes | None:
        """Take the first whole JPEG out of the buffer, and what stands before it."""
        while (start := self._buffer.find(_START)) >= 0:
            self._skip(start)
            found = find_jpeg_end(self._buffer)
            if found is None:
                return None
            end, whole = found
            if whole:
                picture = bytes(self._buffer[:end])
                del self._buffer[:end]
                self._skipped = 0
                return picture
            self._skip(end)
        self._skip(max(0, len(self._buffer) - len(_START) + 1))  # a start may be cut in two
        return None

    def _skip(self, count: int) -> None:
        del self._buffer[:count]
        self._skipped += count
        if self._skipped > self._max_bytes:
            raise DriverError(f"sent {self._skipped} bytes without a JPEG picture, expected Motion JPEG")

    def _decode(self, picture: bytes) -> Image | None:
        cv2 = self._cv2
        image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            self._broken += 1
            log.debug("a JPEG picture of %d bytes can't be read", len(picture))
            if self._broken > MAX_BROKEN:
                raise DriverError(f"sent {self._broken} JPEG pictures in a row that can't be read")
            return None
        self._broken = 0
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


class Yuv420Stream:
    """Raw planar YUV 4:2:0 pictures of one size, as ``rpicam-vid --codec yuv420 -o -`` gives them."""

    def __init__(self, width: int, height: int) -> None:
        """``width`` is a multiple of ``ROW_BYTES`` and ``height`` of 2, so that no row is padded."""
        self._cv2: Any = import_library("cv2")
        self._shape = (height * 3 // 2, width)
        self._size_bytes = width * height * 3 // 2
        self._buffer = bytearray()

    def push(self, data: bytes) -> Image | None:
        self._buffer += data
        whole = len(self._buffer) // self._size_bytes
        if not whole:
            return None
        picture = bytes(self._buffer[(whole - 1) * self._size_bytes : whole * self._size_bytes])
        del self._buffer[: whole * self._size_bytes]
        planes = np.frombuffer(picture, np.uint8).reshape(self._shape)
        return np.asarray(self._cv2.cvtColor(planes, self._cv2.COLOR_YUV2RGB_I420), np.uint8)


def find_jpeg_end(data: bytearray) -> tuple[int, bool] | None:
    """Where the JPEG that ``data`` begins with ends, and whether it is whole; ``None`` while neither is known.

    One that isn't is to be passed over that far. The segments of its header are passed by their lengths: an embedded
    thumbnail has an end of its own.
    """
    position = 2
    while position + 2 <= len(data):
        marker = data[position + 1]
        if data[position] != 0xFF or marker == _START_OF_IMAGE:
            return 2, False  # no header: the next picture begins somewhere in it
        if marker == _END_OF_IMAGE:
            return position + 2, True
        if marker == 0xFF or marker in _MARKERS_ALONE:
            position += 1 if marker == 0xFF else 2
            continue
        length = data[position + 2 : position + 4]
        if len(length) < 2:
            return None
        position += 2 + int.from_bytes(length)
        if marker == _START_OF_SCAN:
            # Coded pixels, where 0xFF is followed by 0.
            found = _END_OR_START.search(data, position)
            if found is None:
                return None
            return (found.end(), True) if found[0] == _END else (found.start(), False)
    return None
