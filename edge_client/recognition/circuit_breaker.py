"""A circuit breaker: failures in a row stop requests to the service, until a probe reaches it again.

No thread and no clock of its own: ``recogniser.py`` tells it what happened, and when.
"""

from typing import Final, Literal

LONGEST_PAUSE_S: Final = 3.0

State = Literal["closed", "open", "half-open"]


class CircuitBreaker:
    """Closed: ask the service. Open: don't, but probe now and then. Half-open: a probe succeeded, one failure reopens.

    Times are seconds of any clock that only goes forward, given by the caller.
    """

    def __init__(self, failures: int, probe_every: float) -> None:
        self._limit = failures
        self._probe_every = probe_every
        self._failures = 0
        self._next_probe_s = 0.0
        self.state: State = "closed"

    def fail(self, now_s: float, retry_after_s: float = 0.0) -> None:
        """A request failed; ``retry_after_s`` is the pause that was asked for.

        Within a pause of more than ``LONGEST_PAUSE_S`` no windows are sent, but the service is looked for: who names
        half a minute guesses, and is often back before.
        """
        self._failures += 1
        if self.state == "half-open" or self._failures >= self._limit or retry_after_s > 0:
            self.open(now_s, retry_after_s)

    def succeed(self) -> None:
        """A request or a probe succeeded."""
        self._failures = 0
        self.state = "half-open" if self.state == "open" else "closed"

    def open(self, now_s: float, retry_after_s: float = 0.0) -> None:
        """Failures in a row, or a probe that failed: the next probe is due after a pause."""
        self.state = "open"
        self._next_probe_s = now_s + max(self._probe_every, min(retry_after_s, LONGEST_PAUSE_S))

    def until_probe(self, now_s: float) -> float:
        """Seconds until the next probe is due, 0 when it is."""
        return max(0.0, self._next_probe_s - now_s)
