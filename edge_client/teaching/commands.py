"""``teach``, ``forget`` and ``gestures``: a vocabulary on this machine and on the service, changed and described."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from edge_client.recognition.local_model import LocalModel
from edge_client.service.model_download import fetch_model
from edge_client.service.vocabulary_client import open_root_client
from edge_client.settings import Settings
from edge_client.teaching.recorder import record_lesson
from edge_client.teaching.stored_vocabulary import (
    Say,
    add_windows,
    load_existing,
    merge_vocabularies,
    open_vocabulary,
    store_vocabulary,
)
from edge_client.teaching.words import WORDS, count_recordings
from edge_client.types import LessonState
from landmarks.hands import FEATURE_DIM_XYZ
from landmarks.models.card import ModelError
from landmarks.models.vocabulary import (
    Vocabulary,
    VocabularyError,
    adapt,
    check_base,
    check_recording,
    list_gestures,
    remove_label,
    teach,
)
from landmarks.models.vocabulary_advice import Language, advise
from landmarks.models.vocabulary_report import report_vocabulary
from landmarks.recording import NONE, Recording

DEFAULT_FOLDER: Final = "models/gesture"
USUAL_FPS: Final = 30.0
# By which share the camera's rate may differ from the recordings' before it is said.
RATE_TOLERANCE: Final = 0.25

Settle = Literal["fetch", "merge"]


@dataclass(frozen=True, slots=True)
class TeachRequest:
    """What to teach: ``more`` adds to recordings that are there, ``keep`` replaces the base's words that go on."""

    gesture: str
    count: int = 5
    more: bool = False
    keep: tuple[str, ...] | None = None
    vocabulary: str | None = None


def teach_gesture(
    settings: Settings,
    request: TeachRequest,
    *,
    language: Language,
    say: Say,
    show: Callable[[LessonState], object],
) -> Vocabulary:
    """Record a gesture, teach it, keep the vocabulary here and on the service, and say what it is like.

    Raises:
        VocabularyError, SettingsError, ModelError, ServiceError, SourceError: before anything is changed.
    """
    words = WORDS[language]
    gesture = request.gesture.strip()
    with open_vocabulary(settings, request.vocabulary) as local:
        model = open_base_model(settings)
        there = local.load(settings.cloud.timeout)
        if gesture == NONE and there is None:
            raise VocabularyError(words["none_first"])
        keep = request.keep if request.keep is not None else (there.keep if there else ())
        frames = there.recording.hands.shape[1] if there else model.shape.seq_len
        # What can't be taught is said before anyone stands in front of the camera.
        planned = np.ones((request.count, frames, FEATURE_DIM_XYZ), np.float32)
        check_teachable(add_windows(there, gesture, planned, USUAL_FPS, more=request.more), model, keep)
        intro = words["intro_none" if gesture == NONE else "intro"]
        say(
            intro.format(
                recordings=count_recordings(request.count, language), gesture=gesture, seconds=frames / USUAL_FPS
            )
        )
        replaced = 0 if there is None or request.more else int((there.recording.label == gesture).sum())
        if replaced:
            say(words["replaces"].format(recordings=count_recordings(replaced, language), gesture=gesture))
        windows, fps = record_lesson(settings, gesture, request.count, frames, show)
        if len(windows) < request.count:
            recordings = count_recordings(request.count, language)
            raise VocabularyError(words["unfinished"].format(found=len(windows), recordings=recordings))
        if there is not None and abs(fps / there.recording.fps - 1) > RATE_TOLERANCE:
            say(words["rate"].format(found=fps, there=there.recording.fps))
        recording = add_windows(there, gesture, np.stack(windows), fps, more=request.more)
        vocabulary = teach(recording, model.session, keep)
        recordings = count_recordings(int((recording.label == gesture).sum()), language)
        taught = words["none_taught" if gesture == NONE else "taught"]
        say(taught.format(gesture=gesture, recordings=recordings, name=local.name, gestures=_list(vocabulary)))
        store_vocabulary(settings, local, vocabulary, language=language, say=say)
        for line in advise(report_vocabulary(vocabulary, model.session), language):
            say(line)
    return vocabulary


def forget_gesture(settings: Settings, gesture: str, name: str | None, *, language: Language, say: Say) -> Vocabulary:
    """Forget a gesture, or a word that was kept of the base, here and on the service.

    Raises:
        VocabularyError, SettingsError, ModelError, ServiceError: before anything is changed.
    """
    with open_vocabulary(settings, name) as local:
        model = open_base_model(settings)
        there = load_existing(local, settings)
        if there.gestures == (gesture,):
            raise VocabularyError(WORDS[language]["last"].format(gesture=gesture, name=local.name))
        if gesture in there.keep:
            keep = tuple(label for label in there.keep if label != gesture)
            vocabulary = teach(there.recording, model.session, keep)
        else:
            vocabulary = teach(remove_label(there.recording, gesture), model.session, there.keep)
        forgotten = WORDS[language]["forgotten"]
        say(forgotten.format(gesture=gesture, name=local.name, gestures=_list(vocabulary)))
        store_vocabulary(settings, local, vocabulary, language=language, say=say, renew=False)
    return vocabulary


def forget_all(settings: Settings, name: str | None, *, language: Language, say: Say) -> None:
    """Delete a vocabulary, here and on the service.

    Raises:
        VocabularyError, SettingsError, ServiceError: before anything is deleted here.
    """
    with open_vocabulary(settings, name) as local:
        load_existing(local, settings)
        local.delete()
        say(WORDS[language]["deleted"].format(name=local.name))


def list_vocabulary(
    settings: Settings, name: str | None, settle: Settle | None = None, *, language: Language, say: Say
) -> None:
    """Say what a vocabulary knows: each gesture's recordings, sittings, limit and likeness, and what to do about it.

    ``settle`` ends a conflict with another vocabulary of this name on the service before: ``fetch`` keeps that one,
    ``merge`` joins both, here and there.

    Raises:
        VocabularyError, SettingsError, ModelError, ServiceError: there is none, or no model that reads it.
    """
    words = WORDS[language]
    with open_vocabulary(settings, name) as local:
        model = open_base_model(settings)
        if settle == "fetch":
            local.fetch(settings.cloud.timeout)
        elif settle == "merge":
            merged = merge_vocabularies(local, settings, model)
            store_vocabulary(settings, local, merged, language=language, say=say)
        vocabulary = adapt(load_existing(local, settings), model.session)
        if local.standing == "gone":
            say(words["gone"].format(name=local.name))
    report = report_vocabulary(vocabulary, model.session)
    rows = [words["header"].split("|")]
    for gesture in report.gestures:
        counts = (str(gesture.recordings), str(gesture.sessions))
        rows.append([gesture.label, *counts, f"{gesture.limit:.2f}", f"{gesture.likeness:.2f}"])
    rest = vocabulary.recording.label == NONE
    if rest.any():
        sittings = len(np.unique(vocabulary.recording.session[rest]))
        rows.append([NONE, str(int(rest.sum())), str(sittings), "", ""])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if vocabulary.keep:
        say(words["kept"].format(labels=", ".join(vocabulary.keep)))
    for line in advise(report, language):
        say(line)


def open_base_model(settings: Settings) -> LocalModel:
    """The model on this machine; where there is none that carries a vocabulary, the service's, which then is kept here.

    Raises:
        ModelError, ServiceError: it can't be had from either.
    """
    folder = Path(settings.device.model or DEFAULT_FOLDER)
    with contextlib.suppress(ModelError):
        model = LocalModel.open(folder)
        if model.session.card.embedding_dim is not None:
            return model
    with contextlib.closing(open_root_client(settings.cloud)) as client:
        fetch_model(client, folder)
    return LocalModel.open(folder)


def check_teachable(recording: Recording, model: LocalModel, keep: tuple[str, ...]) -> None:
    """Reject what could not be taught once it is recorded.

    Raises:
        VocabularyError: too many recordings, a label that can't be one, or words to keep that the model lacks.
    """
    check_recording(recording)
    check_base(model.session, keep, list_gestures(recording))


def _list(vocabulary: Vocabulary) -> str:
    return ", ".join((*vocabulary.gestures, *vocabulary.keep))
