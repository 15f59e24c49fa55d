"""BinaryFrames: the binary messages of one live session to frames, checked. Knows nothing of windows or sockets."""

from typing import Any, Final

import numpy as np

from landmarks.hands import Array
from landmarks.models.card import ModelCard
from landmarks.protocol.stream import DTYPES, FRAME_NUMBER, INVALID_DATA, TOO_BIG
from serve_app.api.stream.messages import SessionClosed
from serve_app.validation import LARGEST, check_numbers

# The upper half of an fp32 number from 0.0078 (2^-7) on reads as an fp16 number from 1 on, and two fp16 numbers below 1
# read as an fp32 number below 0.0078. Landmarks lie between 0 and 1, so that most upper halves tell which they are.
FP16_ONE: Final = 1.0
SMALLEST: Final = 2.0**-10
LARGEST_EXPECTED: Final = 4.0
MOST: Final = 0.75


class BinaryFrames:
    """Reads the frames of one session.

    Args:
        encoding: ``fp16`` or ``fp32``.
        card: the model's, for ``feature_dim`` F and ``seq_len``.
    """

    def __init__(self, encoding: str, card: ModelCard) -> None:
        self._encoding = encoding
        self._dtype = DTYPES[encoding]
        self._feature_dim = card.feature_dim
        self._frame_bytes = card.feature_dim * self._dtype.itemsize
        self._most_frames = card.seq_len
        self._proven = False  # that the client sends the encoding that it announced

    def measure(self, message: bytes) -> tuple[int, int | None]:
        """How many frames a message holds, by its length, and the number that its sender gave the last of them.

        Raises:
            SessionClosed: it doesn't hold whole frames, or more than a window's.
        """
        frames, numbered = divmod(len(message), self._frame_bytes)
        if frames > self._most_frames:
            raise SessionClosed(TOO_BIG, f"a message has {frames} frames, expected {self._most_frames} at most")
        if not frames or numbered not in (0, FRAME_NUMBER.size):
            raise SessionClosed(
                INVALID_DATA,
                f"a message has {len(message)} bytes, expected {self._frame_bytes} a frame"
                f" ({self._feature_dim} × {self._encoding}), after a frame number of 4 bytes or none",
            )
        return frames, FRAME_NUMBER.unpack_from(message)[0] if numbered else None

    def read(self, message: bytes, frames: int) -> Array:
        """The frames ``(frames, F)`` of a message that has been measured, float32, oldest first.

        Raises:
            SessionClosed: its numbers are of the other encoding.
            InvalidInput: a number isn't finite or is out of range.
        """
        numbers = memoryview(message)[len(message) - frames * self._frame_bytes :]
        if not self._proven:
            self._prove_encoding(numbers, frames)
        block = np.frombuffer(numbers, dtype=self._dtype).astype(np.float32)
        # A sum of squares that is small enough proves every number in range at once; a NaN fails the comparison.
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is looked at one by one
            within = block.dot(block) <= LARGEST * LARGEST
        rows = block.reshape(frames, self._feature_dim)
        if not within:
            check_numbers("frames", rows, -LARGEST, LARGEST)
        return rows

    def _prove_encoding(self, numbers: "memoryview[Any]", frames: int) -> None:
        """See by the session's first numbers other than zero that they are of its encoding.

        An odd number of fp16 frames can't be fp32 ones by its length. Where the length fits both, the values decide.
        """
        if self._encoding == "fp16" and frames % 2:
            self._proven = True
            return
        lower, upper = np.frombuffer(numbers, dtype=DTYPES["fp16"]).reshape(-1, 2).T
        lower, upper = lower[upper != 0], upper[upper != 0]
        if not len(upper):
            return
        share = float(np.mean(np.abs(upper) >= FP16_ONE))
        other = "fp32" if self._encoding == "fp16" else "fp16"
        # The lower halves of fp32 numbers are noise; those of fp16 are numbers like the upper ones.
        is_fp16 = float(np.mean((lower > SMALLEST) & (lower <= LARGEST_EXPECTED))) >= MOST
        if share >= MOST and not is_fp16 if other == "fp32" else 1 - share >= MOST:
            raise SessionClosed(
                INVALID_DATA,
                f"a message has numbers of {other}, expected {self._encoding}: send those, or open the session with"
                f' "encoding": "{other}"',
            )
        self._proven = True
