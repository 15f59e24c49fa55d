"""Pictures that come through a pipe: a program's output, or standard input. Every wait has a deadline."""

import os
import select
import threading
import time
from typing import Final

from edge_client.capture.frames import DriverError, Image
from edge_client.capture.piped.pictures import PictureStream

READ_BYTES: Final = 1024 * 1024
# A wait ends a little before the source takes its reader for stuck, and opens the same camera a second time.
TIMEOUT_SHARE: Final = 0.9
# How soon a wait notices that nobody wants the pictures any more.
CHECK_S: Final = 0.1
KEPT_TEXT_BYTES: Final = 4096


class PipedVideo:
    """Reads pictures from ``pipe``; ``text_pipe``, where there is one, is a program's words to people.

    The caller opens and closes both. Reads end with ``None`` once ``ended`` is set.
    """

    def __init__(
        self,
        pipe: int,
        stream: PictureStream,
        *,
        timeout_s: float,
        ended: threading.Event,
        text_pipe: int | None = None,
    ) -> None:
        self._pipe = pipe
        self._text_pipe = text_pipe
        self._stream = stream
        self._timeout_s = timeout_s
        self._ended = ended
        self._text = bytearray()
        self._poll = select.poll()
        for descriptor in (pipe, text_pipe):
            if descriptor is not None:
                self._poll.register(descriptor, select.POLLIN)

    def read(self) -> Image | None:
        """The newest picture, waited for at most ``timeout_s``.

        Raises:
            DriverError: none came in time, or the bytes are no pictures.
            EOFError: the pipe has ended.
        """
        return self.read_until(time.monotonic() + self._timeout_s)

    def read_until(self, deadline_s: float) -> Image | None:
        """The newest picture, waited for until ``deadline_s``; raises as ``read``."""
        started_s = time.monotonic()
        while not self._ended.is_set():
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise DriverError(f"has given no picture for {time.monotonic() - started_s:.1f} s")
            ready = {descriptor for descriptor, _ in self._poll.poll(min(left_s, CHECK_S) * 1000)}
            if self._text_pipe in ready:
                self.read_text()
            if self._pipe in ready:
                data = os.read(self._pipe, READ_BYTES)
                if not data:
                    raise EOFError
                image = self._stream.push(data)
                if image is not None:
                    return image
        return None

    def read_text(self) -> str:
        """What the program has said so far, the last ``KEPT_TEXT_BYTES`` of it."""
        while self._text_pipe is not None and select.select([self._text_pipe], [], [], 0)[0]:
            data = os.read(self._text_pipe, KEPT_TEXT_BYTES)
            if not data:
                self._poll.unregister(self._text_pipe)
                self._text_pipe = None
            self._text = (self._text + data)[-KEPT_TEXT_BYTES:]
        return self._text.decode(errors="replace")
