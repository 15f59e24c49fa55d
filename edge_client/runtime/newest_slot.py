"""The newest item from one thread to another: what nobody took in time is replaced."""

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class NewestSlot(Generic[Item]):
    """Holds one item: putting replaces what waits there, taking waits for one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: Item | None = None
        self._closed = False

    def put(self, item: Item) -> None:
        with self._changed:
            self._item = item
            self._changed.notify()

    def offer(self, item: Item) -> None:
        """Put ``item`` unless one waits already."""
        with self._changed:
            if self._item is None:
                self._item = item
                self._changed.notify()

    def take(self, timeout_s: float) -> Item | None:
        """The item, waiting at most ``timeout_s`` seconds for it; ``None`` without one or once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout_s)
            item, self._item = self._item, None
            return None if self._closed else item

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
