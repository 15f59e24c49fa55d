"""One live session's state: frames in, the windows that are due out. Knows nothing of sockets, tasks or models.

``endpoint.py`` feeds it messages as they come; what they may be is in ``messages.py``. The newest window
that is due takes the place of one that nobody has taken yet. What is to be sent comes out in the order of the messages.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from landmarks.hands import HANDS, Array, apply_mask, compute_presence
from landmarks.models.card import ModelCard
from landmarks.protocol.metadata import WindowSpec
from landmarks.protocol.stream import (
    DTYPES,
    POLICY_VIOLATION,
    UNSUPPORTED_DATA,
    OpenMessage,
    ReadyMessage,
    TextMessage,
)
from serve_app.api.stream.frames import BinaryFrames
from serve_app.api.stream.messages import SessionClosed, parse_text_message
from serve_app.api.stream.window import FrameBuffer
from serve_app.errors import InvalidInput
from serve_app.validation import LARGEST, check_numbers

MAX_REJECTED: Final = 64  # messages whose errors wait to be sent, behind a window that is under way


@dataclass(frozen=True, slots=True, eq=False)
class PendingWindow:
    """A window to predict: ``number`` of its last frame, and views of ``(T, F)`` and ``(T, 2)`` that don't change.

    ``skipped``: windows that were due and whose place it took.
    """

    number: int
    sequence: Array
    presence: Array
    skipped: int


@dataclass(frozen=True, slots=True)
class RejectedMessage:
    """A message that was rejected, and why: sent when what was due before it has been."""

    number: int
    error: InvalidInput


class StreamSession:
    """The window of one session, and which prediction is due.

    Args:
        opening: the session's first message.
        card: the model's, as of then.
    """

    def __init__(self, opening: OpenMessage, card: ModelCard) -> None:
        self._opening = opening
        self._card = card
        self._first = opening.min_frames or card.min_seq_len
        self._stride = opening.stride
        self._binary = BinaryFrames(opening.encoding, card) if opening.encoding in DTYPES else None
        self._buffer = FrameBuffer(card.seq_len, card.feature_dim)
        self._since_window = self._stride
        self._absent = 0
        self._due: deque[PendingWindow | RejectedMessage] = deque()  # one window at most
        self._rejected = 0
        self._taken = 0
        self.number = 0  # of the last message, as its sender counts or else as this session counts frames
        self.frames = 0  # in the last message, also where it was rejected

    def ready(self, version: str | None) -> ReadyMessage:
        """The answer to the opening message; ``version`` is the model's."""
        agreed = msgspec.structs.asdict(self._opening) | msgspec.structs.asdict(WindowSpec.read(self._card))
        return ReadyMessage(**agreed | {"version": version, "min_frames": self._first})

    def feed_binary(self, message: bytes) -> None:
        """Take the frames of a binary message, oldest first.

        Raises:
            InvalidInput: a number isn't finite or is out of range, so that no frame of the message was taken, or the
                message asks for a prediction of too few frames.
            SessionClosed: the message isn't frames in the session's encoding.
        """
        if self._binary is None:
            raise SessionClosed(UNSUPPORTED_DATA, 'found a binary message, expected text: the encoding is "json"')
        self.frames, number = self._binary.measure(message)
        self.number = self._taken + self.frames if number is None else number
        self._take(self._binary.read(message, self.frames), number is not None)

    def feed_text(self, message: bytes) -> None:
        """Take a message in JSON.

        Raises:
            InvalidInput: as ``feed_binary``.
            SessionClosed: it isn't one of the messages of a session.
        """
        text = parse_text_message(message)
        self.frames = int(text.type == "frame")
        self.number = self._taken + self.frames if text.n is None else text.n
        if text.type == "reset":
            self._reset()
        elif text.type == "predict":
            self._ask(text.frames or self._buffer.held)
        elif self._binary is not None:
            raise SessionClosed(
                UNSUPPORTED_DATA, f'found a frame in JSON, expected binary: the encoding is "{self._opening.encoding}"'
            )
        else:
            self._take(self._checked(text), text.n is not None)

    def reject(self, error: InvalidInput) -> None:
        """Have the last message's error sent, in its turn."""
        self._due.append(RejectedMessage(self.number, error))
        self._rejected += 1

    @property
    def backlogged(self) -> bool:
        """Whether so many rejected messages wait for their turn that no more should be read until it has come."""
        return self._rejected >= MAX_REJECTED

    @property
    def due(self) -> bool:
        """Whether something is to be sent: a prediction, or an error."""
        return bool(self._due)

    def next_window(self) -> PendingWindow | RejectedMessage:
        """Take what is to be sent next, in the order of the messages; callers check ``due`` first."""
        due = self._due.popleft()
        self._rejected -= isinstance(due, RejectedMessage)
        return due

    def _checked(self, text: TextMessage) -> Array:
        width = self._card.feature_dim
        if text.frame is None or len(text.frame) != width:
            found = "missing" if text.frame is None else f"{len(text.frame)} numbers"
            raise InvalidInput(f"frame is {found}, expected {width} numbers")
        frame = to_array(text.frame)
        check_numbers("frame", frame, -LARGEST, LARGEST)
        if text.mask is None:
            return frame[None]
        if len(text.mask) != len(HANDS):
            raise InvalidInput(f"mask has {len(text.mask)} numbers, expected 2: [left, right]")
        mask = to_array(text.mask)
        check_numbers("mask", mask, 0.0, 1.0)
        return apply_mask(frame, mask)[None]

    def _take(self, block: Array, numbered: bool) -> None:
        presence = compute_presence(block)
        for frame, hands in zip(block, presence, strict=True):
            self._add(frame, hands)
        held = self._buffer.held
        if self._stride == 0:
            if numbered:
                self._ask(held)
        elif self._since_window >= self._stride and held >= self._first:
            self._make_due(held)

    def _add(self, frame: Array, hands: Array) -> None:
        self._taken += 1
        if self._opening.reset_after:
            self._absent = 0 if hands.any() else self._absent + 1
            if self._absent >= self._opening.reset_after:
                self._reset()
            if self._absent and not self._buffer.held:
                return
        self._buffer.append(frame, hands)
        self._since_window += 1

    def _ask(self, frames: int) -> None:
        held, least = self._buffer.held, self._card.min_seq_len
        if not least <= frames <= held:
            expected = f"{least} to {held}, as many as are held" if held >= least else f"{least} or more"
            raise InvalidInput(f"a prediction is asked for of {frames} frames, expected {expected}")
        self._make_due(frames)

    def _make_due(self, frames: int) -> None:
        self._since_window = 0
        skipped = 0
        for due in self._due:
            if isinstance(due, PendingWindow):
                self._due.remove(due)
                skipped = due.skipped + 1
                break
        self._due.append(PendingWindow(self.number, *self._buffer.last(frames), skipped))

    def _reset(self) -> None:
        self._buffer.clear()
        self._since_window = self._stride
        # What was due before the reset is still a right answer to its own frame.


def to_array(given: list[float]) -> Array:
    """Numbers as float32; ``check_numbers`` rejects what overflows to infinity."""
    with np.errstate(over="ignore"):
        return np.array(given, dtype=np.float32)


class FrameRate:
    """A token bucket: ``per_second`` frames a second in the mean, and as many at once. In seconds of any clock."""

    def __init__(self, per_second: float, now_s: float) -> None:
        self._per_second = per_second
        self._left = per_second
        self._seen_s = now_s

    def spend(self, frames: int, now_s: float) -> None:
        """Take note of ``frames`` at ``now_s``.

        Raises:
            SessionClosed: they are more than allowed.
        """
        refilled = self._left + (now_s - self._seen_s) * self._per_second
        self._left = min(self._per_second, refilled) - frames
        self._seen_s = now_s
        if self._left < 0:
            raise SessionClosed(POLICY_VIOLATION, f"more than {self._per_second:g} frames a second came, the limit")
