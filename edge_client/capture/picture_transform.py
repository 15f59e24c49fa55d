"""What the settings do to each picture before anyone looks at it: turn it, mirror it, cut a part out of it."""

from typing import Final

import numpy as np

from edge_client.capture.frames import Image
from edge_client.settings import Capture

SMALLEST_SIDE: Final = 16


class PictureTransform:
    """``rotate`` clockwise, then ``mirror``, then keep ``roi``: x, y, width, height in shares of what there is then."""

    def __init__(self, settings: Capture) -> None:
        self._quarter_turns = settings.rotate // 90
        self._mirror = settings.mirror
        self._roi = settings.roi

    def __call__(self, image: Image) -> Image:
        """A picture ``(H, W, 3)``, as it shall be; never smaller than ``SMALLEST_SIDE`` where it was not."""
        image = np.rot90(image, -self._quarter_turns)
        if self._mirror:
            image = image[:, ::-1]
        height, width = image.shape[:2]
        rows = _cut(self._roi[1], self._roi[3], height)
        columns = _cut(self._roi[0], self._roi[2], width)
        return np.ascontiguousarray(image[rows, columns])


def _cut(start: float, share: float, size: int) -> slice:
    length = max(min(SMALLEST_SIDE, size), round(share * size))
    first = min(round(start * size), size - length)
    return slice(first, first + length)
