"""AdmissionLimit: how many items may wait, by the settings and the pace of late. Pure: times are handed in."""

from typing import Final

PACE_WEIGHT: Final = 0.1  # of the last batch in the estimate of the pace


class AdmissionLimit:
    """The number of items that may wait for a slot.

    Args:
        max_waiting: items that may wait.
        max_wait_s: and no more than are answered in this time at the pace of late. What waits longer is of no use to a
            live client, and keeps others waiting.
        at_least: items that may wait at any pace, where ``max_waiting`` allows them.
    """

    def __init__(self, max_waiting: int, max_wait_s: float, at_least: int) -> None:
        self._max_waiting = max_waiting
        self._max_wait_s = max_wait_s
        self._at_least = at_least
        self._item_s = 0.0  # seconds an item of late, while others waited
        self._answered_s = 0.0

    @property
    def items(self) -> int:
        """Items that may wait now."""
        if self._item_s > 0 and self._max_wait_s / self._item_s < self._max_waiting:
            return min(self._max_waiting, max(int(self._max_wait_s / self._item_s), self._at_least))
        return self._max_waiting

    def record_batch(self, items: int, began_s: float, now_s: float, *, others_waited: bool) -> None:
        """Learn from a batch that others waited for: the time since the one before was answered is its own."""
        if others_waited:
            item_s = (now_s - max(began_s, self._answered_s)) / items
            self._item_s += PACE_WEIGHT * (item_s - self._item_s) if self._item_s else item_s
        self._answered_s = now_s
