"""ServedGestures: what a request for gestures is checked against and answered with, the model itself or a vocabulary.

``ServedVocabularies`` makes them of the model's status and the store, once for each state of the two.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from landmarks.models.card import ModelCard
from serve_app.errors import NotReady
from serve_app.schemas import ModelStatus, VocabularyKey
from serve_app.vocabularies.heads import build_no_embedding_error
from serve_app.vocabularies.store import VocabularyStore
from serve_app.vocabularies.stored import StoredVocabulary


@dataclass(frozen=True, slots=True, eq=False)
class ServedGestures:
    """The card to check windows against, whose labels are those of the answers; their version, and the vocabulary."""

    card: ModelCard
    version: str
    vocabulary: VocabularyKey | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    status: ModelStatus
    stored: StoredVocabulary
    served: ServedGestures


class ServedVocabularies:
    """The vocabularies over the model that is served now.

    Args:
        store: the vocabularies.
    """

    def __init__(self, store: VocabularyStore) -> None:
        self.store = store
        self._made: dict[str, _Made] = {}

    def get(self, name: str, status: ModelStatus) -> ServedGestures:
        """A vocabulary over the model with this status; the same object while neither changes.

        Raises:
            NotFound: there is none of this name.
            Conflict: it is rejected, or the model carries none.
            NotReady: there is no model.
        """
        stored = self.store.get(name)
        made = self._made.get(name)
        if made is not None and made.stored is stored and made.status is status:
            return made.served
        card, version = status.card, status.version or "-"
        if card is None:
            raise NotReady(status.reason or f"the {status.name} model is not ready")
        if card.embedding_dim is None:
            raise build_no_embedding_error(version)
        labels = stored.list_labels(card.class_labels)
        served = ServedGestures(replace(card, class_labels=labels), f"{version}-{stored.digest}", stored.key)
        if len(self._made) > len(self.store.found.served):
            self._made = {known: each for known, each in self._made.items() if known in self.store.found.served}
        self._made[name] = _Made(status, stored, served)
        return served
