"""Linger: how long a batch that may leave waits for clients who were just answered. Pure: every time is handed in.

Clients that send again as soon as they are answered should go together once more: the first of them would else leave
alone and all others wait for it, or two groups would take turns.
"""

from collections.abc import Hashable
from typing import Final

# A batch lingers so long, and for each client who is missing a little longer. Clients that send again at once come
# faster than that; cameras with a rhythm of their own don't, at any rate that two cores can answer.
LINGER_S: Final = 0.002
LINGER_ITEM_S: Final = 0.0008
# The first of them has to come so soon after the answer; longer than a client that sends again takes on a busy machine.
EXPECT_S: Final = 0.05
# Batches that leave at once after a linger timed out. It doubles on each time-out, so that among cameras not even one
# request in a hundred waits, and halves when the clients come.
BACKOFF_BATCHES: Final = 64
MAX_BACKOFF_BATCHES: Final = 1024


class Linger:
    """The clients of one shape that are expected to send again, and until when.

    Args:
        linger_s: seconds to wait for the first client who is missing.
        item_s: seconds more for each one who is missing.
        expect_s: seconds after an answer within which the first client has to send again.
    """

    def __init__(self, linger_s: float = LINGER_S, item_s: float = LINGER_ITEM_S, expect_s: float = EXPECT_S) -> None:
        self._linger_s = linger_s
        self._item_s = item_s
        self._expect_s = expect_s
        self._shape: Hashable = None
        self._expected = 0
        self._expires_s = 0.0
        self._ends_s: float | None = None  # of the wait that is under way
        self._skip_batches = 0
        self._backoff_batches = BACKOFF_BATCHES

    def expect(self, shape: Hashable, items: int, now_s: float) -> None:
        """A batch of ``shape`` was answered, and ``items`` of it are expected: those answered and those who waited."""
        self.clear()
        if self._skip_batches:
            self._skip_batches -= 1
            return
        self._shape, self._expected = shape, items
        self._expires_s = now_s + self._expect_s

    def wait_s(self, shape: Hashable, items: int, now_s: float) -> float:
        """Seconds for which a batch of ``shape`` that has ``items`` waits for more; 0: it leaves."""
        if shape != self._shape or items >= self._expected:
            return 0.0
        if self._ends_s is None:
            if now_s >= self._expires_s:
                self.clear()
                return 0.0
            self._ends_s = now_s + self._linger_s + self._item_s * (self._expected - items)
        if now_s >= self._ends_s:
            self.time_out()
            return 0.0
        return self._ends_s - now_s

    @property
    def under_way(self) -> bool:
        """Whether a batch lingers."""
        return self._ends_s is not None

    def leave(self, shape: Hashable) -> None:
        """A batch of ``shape`` leaves; if it lingered, those who were expected came."""
        if shape != self._shape:
            return
        if self._ends_s is not None:
            self._backoff_batches = max(self._backoff_batches // 2, BACKOFF_BATCHES)
        self.clear()

    def time_out(self) -> None:
        """Those who were expected didn't come: the next batches leave at once."""
        self.clear()
        self._skip_batches = self._backoff_batches
        self._backoff_batches = min(2 * self._backoff_batches, MAX_BACKOFF_BATCHES)

    def clear(self) -> None:
        """Expect nobody."""
        self._shape, self._expected, self._ends_s = None, 0, None
