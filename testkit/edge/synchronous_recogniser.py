"""A recogniser that answers each window at once, with a model file: no network, no threads, no waiting."""

from edge_client.recognition.local_model import LocalModel
from edge_client.types import Window, WindowPrediction, WindowShape


class SynchronousRecogniser:
    """The recogniser's two calls, for programs whose result must not depend on the machine's speed."""

    def __init__(self, model: LocalModel) -> None:
        self._model = model
        self._predictions: list[WindowPrediction] = []
        self.waiting = False

    @property
    def shape(self) -> WindowShape:
        return self._model.shape

    def submit(self, window: Window) -> None:
        self._predictions.append(self._model.predict(window))

    def collect(self) -> list[WindowPrediction]:
        predictions, self._predictions = self._predictions, []
        return predictions
