"""The service's model on this machine, which answers windows while the service is away."""

import time
from pathlib import Path

from edge_client.types import Window, WindowPrediction, WindowShape
from landmarks.models.repository import open_newest
from landmarks.models.session import ModelSession
from landmarks.protocol.predictions import softmax
from landmarks.protocol.tensors import LOGITS, PRESENCE, SEQUENCE


class LocalModel:
    """The service's model file, answering here: the same ONNX, the same preparation, the same softmax."""

    def __init__(self, session: ModelSession, version: str) -> None:
        card = session.card
        self._session = session
        self.version = version
        self.labels = card.class_labels
        self.shape = WindowShape(card.seq_len, card.min_seq_len, card.use_z, card.normalization)

    @classmethod
    def open(cls, folder: Path) -> "LocalModel":
        """Load a model's folder (``model.onnx``, ``card.json``), or the newest good version in a folder of such.

        Raises:
            ModelError: when there is none, or it can't be loaded.
        """
        return cls(*open_newest(folder, threads=1, kind="gesture"))

    def predict(self, window: Window) -> WindowPrediction:
        """Recognise one window.

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
