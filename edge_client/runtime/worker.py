"""Worker threads that repeat one round of work: a round that fails is logged and counted, and the next one comes.

Nothing here knows what the work is. ``app.py`` gathers the workers in a ``Health``; the screen and systemd are told.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

log = logging.getLogger(__name__)

FAILURE_PAUSE_S: Final = 0.5
SHOWN_S: Final = 10.0
STALL_S: Final = 60.0
LONGEST_REASON: Final = 200


class Worker:
    """Calls ``work`` over and over in a thread of its own, until it is stopped.

    ``work`` is one round, which waits for nothing without a deadline: one that takes longer than ``stall_s`` counts as
    dead. What it raises is logged and counted, and the next round comes after a pause.
    """

    def __init__(self, name: str, work: Callable[[], object], *, stall_s: float = STALL_S) -> None:
        self.name = name
        self.failures = 0
        self.stopping = threading.Event()
        self._work = work
        self._stall_s = stall_s
        self._fault = ""
        self._failed_s = float("-inf")
        self._round_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Let the round under way be the last, and wait for it at most ``timeout_s``."""
        self.stopping.set()
        self.join(timeout_s)

    def join(self, timeout_s: float) -> None:
        """Wait at most ``timeout_s`` for the thread to end."""
        self._thread.join(timeout_s)

    @property
    def alive(self) -> bool:
        """Whether it does its work, or was asked to stop."""
        return self.stopping.is_set() or (self._thread.is_alive() and not self._stalled)

    @property
    def trouble(self) -> str:
        """What is wrong with it, or was within the last seconds; empty when nothing is."""
        if self.stopping.is_set():
            return ""
        if not self._thread.is_alive():
            return f"the {self.name} thread has ended{': ' if self._fault else ''}{self._fault}"
        if self._stalled:
            return f"the {self.name} thread is stuck"
        if time.monotonic() - self._failed_s < SHOWN_S:
            return f"the {self.name} thread fails: {self._fault}"
        return ""

    @property
    def _stalled(self) -> bool:
        return time.monotonic() - self._round_s > self._stall_s

    def _run(self) -> None:
        while not self.stopping.is_set():
            self._round_s = time.monotonic()
            try:
                self._work()
            except Exception as error:
                self._note(error, "goes on")
                self.stopping.wait(FAILURE_PAUSE_S)
            except BaseException as error:  # something asked the thread to end, and it wasn't its owner
                self._note(error, "ends")
                return

    def _note(self, error: BaseException, then: str) -> None:
        fault = f"{type(error).__name__}: {str(error)[:LONGEST_REASON]}"
        # The same fault round after round is one traceback, not two a second.
        repeated = fault == self._fault and time.monotonic() - self._failed_s < SHOWN_S
        level = logging.DEBUG if repeated else logging.ERROR
        log.log(level, "the %s thread failed, and %s: %s", self.name, then, fault, exc_info=not repeated)
        self._fault, self._failed_s = fault, time.monotonic()
        self.failures += 1


class Part(Protocol):
    """What the client can't do its work without: a ``Worker``, a camera, or a server in this process."""

    @property
    def alive(self) -> bool: ...

    @property
    def trouble(self) -> str: ...


class Health:
    """The parts of a client that runs, and what is wrong with them."""

    def __init__(self, parts: Sequence[Part] = ()) -> None:
        self._parts = list(parts)

    def watch(self, *parts: Part) -> None:
        """Add parts."""
        self._parts += parts

    @property
    def alive(self) -> bool:
        """Whether every part does its work."""
        return all(part.alive for part in self._parts)

    @property
    def troubles(self) -> list[str]:
        """A sentence for each part with something wrong."""
        return [trouble for part in self._parts if (trouble := part.trouble)]
