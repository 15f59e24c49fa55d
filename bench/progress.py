"""Progress of a run: one line a finished step, with the time that the rest will take at the pace so far."""

import time


class Progress:
    """``planned_s`` is what all steps should take; a step says what it should have taken when it is done."""

    def __init__(self, planned_s: float) -> None:
        self._planned_s = planned_s
        self._done_s = 0.0
        self._started_s = time.monotonic()

    def say(self, text: str) -> None:
        """A line without a step."""
        share = min(1.0, self._done_s / self._planned_s) if self._planned_s else 1.0
        print(f"[{share:>4.0%}] {text}", flush=True)

    def step(self, planned_s: float, text: str) -> None:
        """A step of so many planned seconds is done."""
        self._done_s += planned_s
        pace = (time.monotonic() - self._started_s) / self._done_s
        left_s = max(0.0, pace * (self._planned_s - self._done_s))
        self.say(f"{text}; about {left_s / 60:.1f} min left")
