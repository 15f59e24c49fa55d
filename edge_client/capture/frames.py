"""The interface of capture: frames, sources of them, and drivers of cameras and streams."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from landmarks.tracking.hand_identity import SeenHand

Image = npt.NDArray[np.uint8]


class SourceError(Exception):
    """A source can't be opened or read to its end; the message says which, what was found and what to try."""


class DriverError(Exception):
    """What was opened can't go on; the message says why, to be read after the driver's name."""


class SourceEnded(Exception):
    """A live source that can't be opened again has come to its end; ``str`` is what was wrong with it, if anything."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture, RGB uint8 ``(H, W, 3)``, or the hands of a recording; ``time_s`` is when it was there."""

    time_s: float
    image: Image | None = None
    hands: tuple[SeenHand, ...] = ()


class Source(Protocol):
    """Frames until it ends or is closed; ``fps`` is its nominal rate. ``close`` may be called from any thread."""

    fps: float

    def frames(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...


class Video(Protocol):
    """An opened camera, stream or file. One thread reads and releases it."""

    def read(self) -> Image | None:
        """The next picture, RGB uint8 ``(H, W, 3)``, or ``None`` where there is no more.

        Raises:
            DriverError: there is no more, and the driver knows why.
            SourceEnded: there never will be.
        """

    def release(self) -> None: ...


class Driver(Protocol):
    """How a live source is opened, any number of times; ``name`` is what people read, without a password."""

    name: str

    def open(self, ended: threading.Event) -> Video | None:
        """Open it, or ``None`` where it can't be: ``describe_failure`` then says why.

        Once ``ended`` is set nobody wants its pictures any more: what waits for them may stop.
        """

    def describe_failure(self) -> str:
        """Why it can't be opened, to be read after its name."""
