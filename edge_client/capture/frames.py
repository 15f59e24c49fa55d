"""What a source gives, and how it fails: the words that all sources share."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from landmarks.tracking.hand_identity import SeenHand

Image = npt.NDArray[np.uint8]


class SourceError(Exception):
    """A source can't be opened or read to its end; the message says which, what was found and what to try."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture, RGB uint8 ``(H, W, 3)``, or the hands of a recording; ``time_s`` is when it was there."""

    time_s: float
    image: Image | None = None
    hands: tuple[SeenHand, ...] = ()


class Source(Protocol):
    """Frames until it ends or is closed; ``fps`` is what it says of itself. ``close`` may come from any thread."""

    fps: float

    def frames(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...
