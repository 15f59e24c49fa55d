"""A vocabulary on this machine and on the service as ``commands.py`` changes it: opened, stored, merged, added to."""

import contextlib
import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from edge_client.recognition.local_model import LocalModel
from edge_client.recognition.local_vocabulary import LocalVocabulary
from edge_client.service.vocabulary_client import is_vocabulary_name, open_root_client, parse_address
from edge_client.settings import Settings, SettingsError
from edge_client.teaching.words import WORDS
from landmarks.hands import Array
from landmarks.models.vocabulary import Vocabulary, VocabularyError, teach
from landmarks.models.vocabulary_advice import Language
from landmarks.recording import TEXTS, Recording

DEFAULT_NAME: Final = "mine"
SIGNER: Final = "me"

Say = Callable[[str], object]


@contextlib.contextmanager
def open_vocabulary(settings: Settings, name: str | None) -> Iterator[LocalVocabulary]:
    """The vocabulary that the service's URL names, else ``name``, else ``mine``.

    Raises:
        SettingsError: both are named and differ, or ``name`` can't be one.
    """
    named = parse_address(settings.cloud.url).vocabulary
    if name is not None and named not in (None, name):
        raise SettingsError(f"--vocabulary is {name!r}, expected {named!r} as in the service's URL, or another URL")
    chosen = named or name or DEFAULT_NAME
    if not is_vocabulary_name(chosen):
        raise SettingsError(f"--vocabulary is {chosen[:80]!r}, expected small letters, digits, - and _, at most 64")
    local = LocalVocabulary(Path(settings.device.vocabularies), chosen, open_root_client(settings.cloud))
    try:
        yield local
    finally:
        local.close()


def load_existing(local: LocalVocabulary, settings: Settings) -> Vocabulary:
    """A vocabulary that is there.

    Raises:
        VocabularyError: there is none, here or on the service.
    """
    there = local.load(settings.cloud.timeout)
    if there is None:
        raise VocabularyError(f"there is no vocabulary {local.name}: python -m edge_client teach NAME makes one")
    return there


def store_vocabulary(
    settings: Settings,
    local: LocalVocabulary,
    vocabulary: Vocabulary,
    *,
    language: Language,
    say: Say,
    renew: bool = True,
) -> None:
    """Keep a vocabulary here and on the service, and say where it is; ``renew`` sends one that the service lost."""
    words = WORDS[language]
    root, named = parse_address(settings.cloud.url)
    url = f"{root}/vocabularies/{local.name}"
    was_gone = local.standing == "gone"
    reason = local.save(vocabulary, renew=renew)
    if local.standing == "gone":
        say(words["gone"].format(name=local.name))
    elif local.standing == "conflict":
        say(words["not_sent"].format(path=local.path, reason=reason))
    elif reason:
        say(words["not_sent"].format(path=local.path, reason=reason))
        say(words["send_later"])
    else:
        if was_gone:
            say(words["renewed"].format(name=local.name))
        say(words["sent"].format(path=local.path, url=url))
    if named is None:
        say(words["use"].format(url=url))


def merge_vocabularies(local: LocalVocabulary, settings: Settings, model: LocalModel) -> Vocabulary:
    """This machine's vocabulary and the service's as one.

    Raises:
        VocabularyError: there is none here, both have a gesture, or their recordings differ in length.
        ServiceError: the service gives none.
    """
    here = local.read()
    if here is None:
        raise VocabularyError(f"there is no vocabulary {local.name} on this machine to merge")
    there, file = local.peek(settings.cloud.timeout)
    mine, theirs = here.recording, there.recording
    if mine.hands.shape[1] != theirs.hands.shape[1]:
        found = f"{mine.hands.shape[1]} and {theirs.hands.shape[1]}"
        raise VocabularyError(f"the recordings have {found} frames, expected the same: gestures --fetch keeps one")
    # Windows that both have are of one origin: what was added to a gesture since joins it.
    known = {window.tobytes() for window in theirs.hands}
    new = np.array([window.tobytes() not in known for window in mine.hands])
    same_origin = set(mine.label[~new].tolist())
    taught = {*here.gestures, *there.gestures}
    both = {*here.gestures} & {*there.gestures} - same_origin | {*here.keep, *there.keep} & taught
    if both:
        raise VocabularyError(
            f"both have {', '.join(sorted(both))}, so they are not merged: gestures --fetch keeps the service's alone"
        )
    joined = {name: np.concatenate([getattr(theirs, name), getattr(mine, name)[new]]) for name in ("hands", *TEXTS)}
    keep = tuple(dict.fromkeys((*there.keep, *here.keep)))
    vocabulary = teach(Recording(fps=theirs.fps, **joined), model.session, keep)
    local.acknowledge(file)
    return vocabulary


def add_windows(there: Vocabulary | None, label: str, windows: Array, fps: float, *, more: bool) -> Recording:
    """The recording of a vocabulary with new windows of a label, of a sitting that is now; ``more`` keeps the old ones.

    Frames are what counts, not seconds: windows of another rate join as they are.
    """
    count = len(windows)
    session = datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
    new = Recording(windows, np.full(count, label), np.full(count, SIGNER), np.full(count, session), fps)
    if there is None:
        return new
    old = there.recording
    stays = np.full(len(old.label), True) if more else old.label != label
    if not stays.any():
        return new
    return Recording(
        np.concatenate([old.hands[stays], new.hands]),
        np.concatenate([old.label[stays], new.label]),
        np.concatenate([old.signer[stays], new.signer]),
        np.concatenate([old.session[stays], new.session]),
        old.fps,
    )
