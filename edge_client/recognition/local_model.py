"""The service's model on this machine, which answers while the service is away, with a vocabulary or without."""

import logging
import time
from pathlib import Path

from edge_client.settings import Settings
from edge_client.types import Window, WindowPrediction, WindowShape
from landmarks.models.card import ModelError
from landmarks.models.repository import open_newest
from landmarks.models.session import ModelSession
from landmarks.models.vocabulary import Vocabulary, VocabularyError, adapt, compute_digest
from landmarks.protocol.predictions import softmax
from landmarks.protocol.tensors import EMBEDDING, LOGITS, PRESENCE, SEQUENCE

log = logging.getLogger(__name__)


class LocalModel:
    """The service's model file, answering here: the same ONNX, the same preparation, the same softmax.

    With a vocabulary it gives that one's labels, as the service does under the vocabulary's routes.
    """

    def __init__(self, session: ModelSession, version: str, vocabulary: Vocabulary | None = None) -> None:
        card = session.card
        self.session = session
        self.version = version if vocabulary is None else f"{version}-{compute_digest(vocabulary)}"
        self._base_version = version
        self.vocabulary = vocabulary
        self.labels = card.class_labels if vocabulary is None else vocabulary.class_labels
        self.sha256 = card.sha256
        self.shape = WindowShape(card.seq_len, card.min_seq_len, card.use_z, card.normalization)

    @classmethod
    def open(cls, folder: Path) -> "LocalModel":
        """Load a model's folder (``model.onnx``, ``card.json``), or the newest good version in a folder of such.

        Raises:
            ModelError: when there is none, or it can't be loaded.
        """
        return cls(*open_newest(folder, threads=1, kind="gesture"))

    def with_vocabulary(self, vocabulary: Vocabulary) -> "LocalModel":
        """The same model with a person's own gestures; a vocabulary of another model is embedded anew.

        Raises:
            VocabularyError: the model can't carry one.
        """
        return LocalModel(self.session, self._base_version, adapt(vocabulary, self.session))

    def predict(self, window: Window) -> WindowPrediction:
        """Recognise one window.

        Raises:
            ModelError: when ONNX Runtime refuses it.
        """
        started = time.perf_counter()
        length = self.shape.seq_len
        sequence = self.shape.prepare(window.hands[-length:])
        outputs = self.session.run({SEQUENCE: sequence[None], PRESENCE: window.presence[None, -length:]})
        logits, card = outputs[LOGITS], self.session.card
        if self.vocabulary is None:
            probabilities = softmax(logits[0] / card.temperature)
        else:
            embedding = outputs[EMBEDDING]
            taught = self.vocabulary.compute_logits(embedding, logits, card.class_labels, card.temperature)
            probabilities = softmax(taught[0])
        took_ms = (time.perf_counter() - started) * 1e3
        return WindowPrediction(window, self.labels, probabilities, "device", took_ms, self.version)


def open_local_model(settings: Settings, vocabulary: Vocabulary | None = None) -> LocalModel | None:
    """The local model, with a vocabulary or without; ``None`` without one, and the log says why."""
    if not settings.device.model:
        return None
    try:
        local = LocalModel.open(Path(settings.device.model))
    except ModelError as error:
        log.warning("no model on this machine, so no answers while the service is away: %s", error)
        return None
    return local if vocabulary is None else apply_vocabulary(local, vocabulary)


def apply_vocabulary(local: LocalModel, vocabulary: Vocabulary) -> LocalModel:
    """The local model with a vocabulary; as it is, where it can't carry one, and the log says why."""
    try:
        return local.with_vocabulary(vocabulary)
    except (VocabularyError, ModelError) as error:
        log.warning("the model on this machine can't carry the vocabulary: %s", error)
        return local
