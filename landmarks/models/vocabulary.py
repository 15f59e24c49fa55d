"""Vocabulary: a person's own gestures, taught from a few recordings without training.

It keeps its recordings, so that another base model embeds them anew. ``prototypes.py`` holds the arithmetic, and
``vocabulary_files.py`` reads and writes it.
"""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from landmarks.files.arrays import read_arrays
from landmarks.hands import Array, drop_z
from landmarks.models.prototypes import (
    MIN_FRAMES,
    Embed,
    Indices,
    PrototypeHead,
    build_head,
    compute_limit,
    embed_windows,
)
from landmarks.models.session import ModelSession
from landmarks.protocol.predictions import softmax
from landmarks.protocol.tensors import EMBEDDING, PRESENCE, SEQUENCE
from landmarks.recording import NONE, TEXTS, Recording, Texts, recording_arrays

MAX_GESTURES: Final = 64
MAX_RECORDINGS: Final = 512
MAX_FRAMES: Final = 60
MAX_LABEL_CHARACTERS: Final = 64
LABELS_SHOWN: Final = 6
BACKGROUND: Final = Path(__file__).with_name("background.npz")
# Odds of a kept word beyond these tell nothing more.
MAX_LOG_ODDS: Final = 30.0
# Landmarks in pixels are smaller, and no float32 arithmetic on it overflows.
LARGEST: Final = 1e6


class VocabularyError(Exception):
    """A vocabulary can't be read or made; the message names the field, what was found and what was expected."""


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """Recordings of gestures, the head taught from them, and the SHA-256 of the base model whose embedding it reads."""

    recording: Recording
    base: str
    head: PrototypeHead
    keep: tuple[str, ...] = ()

    @property
    def gestures(self) -> tuple[str, ...]:
        """The labels that were taught, in alphabetical order."""
        return list_gestures(self.recording)

    @property
    def class_labels(self) -> tuple[str, ...]:
        """The labels of its predictions: what was taught, what is kept of the base, and ``none``."""
        return (*self.gestures, *self.keep, NONE)

    def compute_logits(self, embedding: Array, logits: Array, labels: Sequence[str], temperature: float) -> Array:
        """Logits ``(B, C)`` in the order of ``class_labels``.

        Args:
            embedding: the base's ``(B, E)``.
            logits: the base's ``(B, labels)``.
            labels: the base's labels.
            temperature: of the base's logits.
        """
        columns = [self.head.compute_logits(embedding)]
        if self.keep:
            chosen = [tuple(labels).index(label) for label in self.keep]
            probability = softmax(logits / temperature)[:, chosen].astype(np.float64)
            odds = np.log(np.maximum(probability, 1e-12)) - np.log(np.maximum(1 - probability, 1e-12))
            columns.append(np.clip(odds, -MAX_LOG_ODDS, MAX_LOG_ODDS).astype(np.float32))
        columns.append(np.zeros((len(embedding), 1), np.float32))
        return np.concatenate(columns, axis=1)


def list_gestures(recording: Recording) -> tuple[str, ...]:
    """The labels of a recording in alphabetical order, without ``none``."""
    return tuple(label for label in np.unique(recording.label).tolist() if label != NONE)


def teach(recording: Recording, session: ModelSession, keep: Sequence[str] = ()) -> Vocabulary:
    """A vocabulary from recordings of gestures, and perhaps of ``none``.

    Raises:
        VocabularyError: too few, too many or too long recordings, a label that can't be one, a model without an
            embedding, or a label to keep that the model doesn't have.
    """
    check_recording(recording)
    check_base(session, keep, list_gestures(recording))
    embed = make_embed(session)
    windows = [fit_window(window, session) for window in recording.hands]
    gestures = list_gestures(recording)
    shown = recording.label != NONE
    background = embed_background(session)
    limit = compute_limit(background)
    if not shown.all():
        rest = [window for window, is_gesture in zip(windows, shown, strict=True) if not is_gesture]
        background = np.concatenate([background, embed_windows(rest, embed)])
    chosen = [window for window, is_gesture in zip(windows, shown, strict=True) if is_gesture]
    target: Indices = np.searchsorted(np.asarray(gestures), recording.label[shown]).astype(np.int64)
    return Vocabulary(recording, session.card.sha256, build_head(chosen, target, embed, background, limit), tuple(keep))


def adapt(vocabulary: Vocabulary, session: ModelSession) -> Vocabulary:
    """The same gestures over another base model; kept labels that it lacks are left out.

    Raises:
        VocabularyError: the model has no embedding.
    """
    keep = tuple(label for label in vocabulary.keep if label in session.card.class_labels)
    # What others wrote may name a base that it wasn't made with.
    fits = vocabulary.head.prototypes.shape[1] == session.card.embedding_dim and keep == vocabulary.keep
    if fits and vocabulary.base == session.card.sha256:
        return vocabulary
    return teach(vocabulary.recording, session, keep)


def check_recording(recording: Recording) -> None:
    """Reject what can't be taught from.

    Raises:
        VocabularyError: no gesture, too many recordings or frames, a label that can't be one, a signer or
            session that can't be shown, or as ``check_hands``.
    """
    count, frames = recording.hands.shape[:2]
    gestures = list_gestures(recording)
    if not 1 <= len(gestures) <= MAX_GESTURES:
        raise VocabularyError(f"label names {len(gestures)} gestures, expected 1 to {MAX_GESTURES} besides {NONE}")
    if count > MAX_RECORDINGS:
        raise VocabularyError(f"hands has {count} recordings, expected at most {MAX_RECORDINGS}")
    if not MIN_FRAMES <= frames <= MAX_FRAMES:
        raise VocabularyError(f"hands has {frames} frames a recording, expected {MIN_FRAMES} to {MAX_FRAMES}")
    for label in gestures:
        if not label.strip() or "," in label or not is_printable(label):  # lists of labels have commas between
            expected = f"expected 1 to {MAX_LABEL_CHARACTERS} printable characters, no comma"
            raise VocabularyError(f"label is {label[: MAX_LABEL_CHARACTERS + 1]!r}, {expected}")
    for name in ("signer", "session"):
        for text in np.unique(getattr(recording, name)).tolist():
            if not is_printable(text):
                expected = f"expected at most {MAX_LABEL_CHARACTERS} printable characters"
                raise VocabularyError(f"{name} is {text[: MAX_LABEL_CHARACTERS + 1]!r}, {expected}")
    check_hands(recording.hands, recording.label)


def is_printable(text: str) -> bool:
    """Whether a text is short and can be shown."""
    return len(text) <= MAX_LABEL_CHARACTERS and text.isprintable()


def normalise_label(label: str) -> str:
    """A label without spaces around it, and with its letters composed (Unicode's NFC): what looks alike is alike."""
    return unicodedata.normalize("NFC", label.strip())


def check_hands(hands: Array, label: Texts) -> None:
    """Reject windows ``(N, T, F)`` that can't be of what ``label`` ``(N,)`` says.

    Raises:
        VocabularyError: a landmark is out of range, or a gesture's window shows no hand.
    """
    beyond = np.argwhere(~(np.abs(hands) <= LARGEST))
    if len(beyond):
        place = tuple(beyond[0].tolist())
        at = "".join(f"[{index}]" for index in place)
        raise VocabularyError(f"hands{at} is {hands[place]:g}, expected a number from {-LARGEST:g} to {LARGEST:g}")
    empty = ~hands.any(axis=(1, 2)) & (label != NONE)
    if empty.any():
        first = int(np.flatnonzero(empty)[0])
        raise VocabularyError(f"hands[{first}], a recording of {label[first]}, shows no hand, expected at least one")


def check_base(session: ModelSession, keep: Sequence[str], gestures: Sequence[str]) -> None:
    """Reject a model that can't carry a vocabulary.

    Raises:
        VocabularyError: it has no embedding, lacks a label to keep, or one is taught as well.
    """
    if session.card.embedding_dim is None:
        raise VocabularyError(
            f"the model {session.card.name} has the outputs {list(session.output_names)}, expected {EMBEDDING} among"
            " them: export it again"
        )
    for label in keep:
        shown = repr(label[:MAX_LABEL_CHARACTERS])
        if label == NONE:
            raise VocabularyError(f"keep has {shown}, which every vocabulary has by itself: leave it out")
        if label not in session.card.class_labels:
            some = list(session.card.class_labels[:LABELS_SHOWN])
            raise VocabularyError(f"keep has {shown}, expected labels of the base, such as {some}")
        if label in gestures:
            raise VocabularyError(f"keep has {shown}, which is taught as well: leave one out")


def make_embed(session: ModelSession) -> Embed:
    """A model's embedding as a function of ``sequence`` and ``presence``."""

    def embed(sequence: Array, presence: Array) -> Array:
        return session.run({SEQUENCE: sequence, PRESENCE: presence})[EMBEDDING]

    return embed


def fit_window(window: Array, session: ModelSession) -> Array:
    """A recorded window ``(T, 126)`` as the model's clients send it, ``(T', F)``; the newest frames of a longer one."""
    window = window[-session.card.seq_len :]
    return window if session.card.use_z else drop_z(window)


@lru_cache(4)
def embed_background(session: ModelSession) -> Array:
    """Movements that are nobody's gestures, as the model embeds them: ``(K, E)``."""
    hands = read_arrays(BACKGROUND, ("hands",))["hands"].astype(np.float32)
    return embed_windows([fit_window(window, session) for window in hands], make_embed(session))


def compute_digest(vocabulary: Vocabulary) -> str:
    """The first 8 hexadecimal digits of what tells its predictions from another vocabulary's."""
    recording = recording_arrays(vocabulary.recording)
    content = hashlib.sha256(repr((vocabulary.keep, recording["label"].tolist())).encode())
    content.update(recording["hands"].tobytes())
    return content.hexdigest()[:8]


def remove_label(recording: Recording, label: str) -> Recording:
    """A recording without the windows of one label.

    Raises:
        VocabularyError: nothing has that label, or no other gesture would be left.
    """
    others = recording.label != label
    if others.all() or not (recording.label[others] != NONE).any():
        found, shown = list(list_gestures(recording)[:LABELS_SHOWN]), repr(label[:MAX_LABEL_CHARACTERS])
        raise VocabularyError(f"{shown} can't be forgotten, the gestures are {found}: expected one of several")
    return replace(recording, **{name: getattr(recording, name)[others] for name in ("hands", *TEXTS)})
