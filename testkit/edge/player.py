"""The client without a service: it plays windows of landmarks as a live stream, and a model file answers at once."""

from typing import NamedTuple

import numpy as np

from edge_client.capture.frames import Frame
from edge_client.capture.recording import to_detections
from edge_client.pipeline import Pipeline
from edge_client.recognition.local_model import LocalModel
from edge_client.settings import Settings
from edge_client.types import Window, WindowStats
from landmarks.hands import HANDS, POINTS, Array, compute_presence
from testkit.edge.synchronous_recogniser import SynchronousRecogniser

FPS = 30.0
REST_FRAMES = 45


class PlayedSign(NamedTuple):
    """A sign that was played: its label, the model's for the whole window, the events, and seconds to the last one."""

    label: str
    classified: str
    events: list[str]
    delay_s: float


class Player:
    """A client with the model in place, and the time of its stream."""

    def __init__(self, model: LocalModel, settings: Settings | None = None) -> None:
        self._model = model
        recogniser = SynchronousRecogniser(model)
        self._pipeline = Pipeline(settings or Settings(), recogniser, None, publish=lambda event: None)
        self._time_s = 0.0

    def play(self, hands: Array, label: str = "") -> PlayedSign:
        """Play a window ``(T, 126)`` and a rest."""
        events = []
        began_s, last_s = self._time_s, self._time_s
        frames = hands.reshape(-1, len(HANDS), POINTS, 3)
        absent = np.zeros((REST_FRAMES, *frames.shape[1:]), dtype=np.float32)
        for frame in (*frames, *absent):
            for event in self._pipeline.step(Frame(self._time_s, hands=to_detections(frame))):
                events.append(event.gesture)
                last_s = self._time_s
            self._time_s += 1 / FPS
        window = Window(hands, compute_presence(hands), WindowStats(0, len(hands), 1.0, 1.0, 1.0), 0.0)
        prediction = self._model.predict(window)
        classified = prediction.labels[int(prediction.probabilities.argmax())]
        return PlayedSign(label, classified, events, last_s - began_s)
