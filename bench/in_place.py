"""A recogniser that answers each window at once, with a model file: no network, no threads, no waiting."""

from edge_client.recognition.local_model import LocalModel
from edge_client.types import Window, WindowPrediction, WindowShape


class InPlace:
    """The recogniser's two calls, for programs whose result must not depend on the machine's speed."""

    def __init__(self, model: LocalModel) -> None:
        self._model = model
        self._answers: list[WindowPrediction] = []
        self.waiting = False

    @property
    def shape(self) -> WindowShape:
        return self._model.shape

    def submit(self, window: Window) -> None:
        self._answers.append(self._model.predict(window))

    def collect(self) -> list[WindowPrediction]:
        answers, self._answers = self._answers, []
        return answers
