"""When the service is away: a circuit breaker that says so, and the same model on this machine.

No thread and no clock of its own: ``live.py`` calls both.
"""

import time
from pathlib import Path
from typing import Final, Literal

from edge_client.recognition.prediction import WindowPrediction
from edge_client.windows import Window, WindowShape
from landmarks.models.repository import open_newest
from landmarks.models.session import ModelSession
from landmarks.protocol.predictions import softmax
from landmarks.protocol.tensors import LOGITS, PRESENCE, SEQUENCE

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
            self._open(now_s, retry_after_s)

    def fail_probe(self, now_s: float, retry_after_s: float = 0.0) -> None:
        """A probe failed, or the service was never reached yet."""
        self._open(now_s, retry_after_s)

    def succeed(self) -> None:
        """A request or a probe succeeded."""
        self._failures = 0
        self.state = "half-open" if self.state == "open" else "closed"

    def _open(self, now_s: float, retry_after_s: float) -> None:
        self.state = "open"
        self._next_probe_s = now_s + max(self._probe_every, min(retry_after_s, LONGEST_PAUSE_S))

    def until_probe(self, now_s: float) -> float:
        """Seconds until the next probe is due, 0 when it is."""
        return max(0.0, self._next_probe_s - now_s)


class LocalModel:
    """The service's model file, answering here: the same ONNX, the same preparation, the same softmax."""

    def __init__(self, session: ModelSession, version: str) -> None:
        card = session.card
        self._session = session
        self.version = version
        self.labels = card.class_labels
        self.sha256 = card.sha256
        self.shape = WindowShape(card.seq_len, card.min_seq_len, card.use_z, card.normalization)

    @classmethod
    def open(cls, folder: Path) -> "LocalModel":
        """Load a model's folder (``model.onnx``, ``card.json``), or the newest good version in a folder of such.

        Raises:
            ModelError: when there is none, or it can't be loaded.
        """
        return cls(*open_newest(folder, threads=1, kind="gesture"))

    def answer(self, window: Window) -> WindowPrediction:
        """Answer one window.

        Raises:
            ModelError: when ONNX Runtime refuses it.
        """
        started = time.perf_counter()
        length = self.shape.seq_len
        sequence = self.shape.prepare(window.hands[-length:])
        outputs = self._session.run({SEQUENCE: sequence[None], PRESENCE: window.presence[None, -length:]})
        probabilities = softmax(outputs[LOGITS][0] / self._session.card.temperature)
        took_ms = (time.perf_counter() - started) * 1e3
        return WindowPrediction(window, self.labels, probabilities, "device", took_ms, self.version)
