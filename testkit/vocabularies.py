"""Made gestures to teach: each is a pose of both hands, drawn by chance, and every recording of it is a bit off."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from landmarks.hands import FEATURE_DIM_XYZ, Array, drop_z
from landmarks.models.session import ModelSession
from landmarks.models.vocabulary import Vocabulary, teach
from landmarks.models.vocabulary_files import SUFFIX, encode_vocabulary
from landmarks.recording import Recording
from testkit.model_files import EMBEDDING_DIM, build_card, linear_model

FRAMES = 12


def record_made_gesture(label: str, seed: int = 0, frames: int = FRAMES) -> Array:
    """A recording ``(frames, 126)`` of the gesture that ``label`` names, without depth."""
    pose = np.random.default_rng(sum(map(ord, label))).uniform(0.1, 0.9, size=(42, 3))
    noise = np.random.default_rng(seed).normal(scale=0.003, size=(frames, 42, 3))
    hands = pose + noise
    hands[..., 2] = 0
    return hands.reshape(frames, FEATURE_DIM_XYZ).astype(np.float32)


def made_gesture(label: str, seed: int = 0, frames: int = FRAMES) -> Array:
    """The same as a client sends it, ``(frames, 84)``."""
    return drop_z(record_made_gesture(label, seed, frames))


def teach_made(version: Path, labels: Sequence[str], keep: Sequence[str] = (), count: int = 2) -> Vocabulary:
    """A vocabulary of made gestures over the model in a version's folder."""
    return teach_over(ModelSession.open(version, threads=1), labels, keep, count)


def teach_embedded(labels: Sequence[str], count: int = 2) -> Vocabulary:
    """The same over a small made model."""
    model = linear_model(embedding_dim=EMBEDDING_DIM)
    return teach_over(ModelSession(model, build_card(model, embedding_dim=EMBEDDING_DIM)), labels, (), count)


def teach_over(session: ModelSession, labels: Sequence[str], keep: Sequence[str], count: int) -> Vocabulary:
    """A vocabulary of ``count`` made recordings a gesture."""
    named = [label for label in labels for _ in range(count)]
    hands = np.stack([record_made_gesture(label, seed) for seed, label in enumerate(named)])
    same = np.array(["made"] * len(named))
    return teach(Recording(hands, np.array(named), same, same, 30.0), session, keep)


def write_vocabulary_file(repository: Path, name: str, vocabulary: Vocabulary) -> Path:
    """Copy a vocabulary into a repository, as somebody with a shell would."""
    path = repository / "vocabularies" / f"{name}{SUFFIX}"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(encode_vocabulary(vocabulary))
    return path
