"""A person's own signs, taught from a few recordings and played through the client as a live stream.

    HELEN_DATA_DIR=... python -m benchmarks.edge.taught_signs

Of each person every second label is taught with a few windows, the other windows of those labels are played with rests
in between, and each should make exactly one event. The labels that weren't taught, and words of other people, should
make none. The client is the real one, from landmarks to events; the model answers in place with the vocabulary, so that
the table doesn't depend on this machine's speed.
"""

import argparse
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks import ROOT
from benchmarks.edge.live_signs import find_data
from benchmarks.load.results import get_percentile
from benchmarks.tables import format_table
from edge_client.recognition.local_model import LocalModel
from edge_client.settings import Settings
from landmarks.hands import Array
from landmarks.models.vocabulary import teach
from landmarks.recording import Recording, RecordingError, join_recordings, read_labelled_hands, read_recording
from testkit.edge.player import FPS, REST_FRAMES, PlayedSign, Player

Indices = npt.NDArray[np.intp]

SEED: Final = 0
TAUGHT_FRAMES: Final = 30
TUTORIALS: Final = ("asl_tutorials_24", "asl_tutorials_30")
SAME_WORDS: Final = ("hello", "thank-you")  # labels of the tutorials that are the model's words, in the same form
NO_SIGN: Final = ("idle", "none")
HEADER: Final = (
    *("who, session", "gestures", "signs", "named right", "one right event", "no event", "several", "wrong"),
    *("median s to event", "own other signs: false a minute", "foreign words: false a minute"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person's windows to teach from and to play: another session's, or the same recording less what is taught."""

    name: str
    taught: Recording
    played: Recording


@dataclass(frozen=True, slots=True)
class Score:
    """What the client made of the taught signs, and the false events a minute on own other signs and foreign words."""

    gestures: int
    signs: Sequence[PlayedSign]
    own_false: float
    foreign_false: float


def list_people(folder: Path) -> Iterator[Person]:
    """The people of the data sets.

    One who was recorded in several sessions is taught in one and played in the same or the next, or taught in two and
    played in the third.
    """
    for name in TUTORIALS:
        recording = read_recording(folder / "asl_tutorials_mit" / f"{name}.npz")
        for signer in np.unique(recording.signer).tolist():
            own = select_windows(recording, recording.signer == signer)
            yield Person(signer, own, own)
    recording = read_sessions(folder / "ksl13_hands" / "ksl13_hands.npz")
    names = np.unique(recording.session).tolist()
    sessions = [select_windows(recording, recording.session == name) for name in names]
    for index, name in enumerate(names):
        here, there, third = (sessions[(index + step) % len(sessions)] for step in range(3))
        yield Person(f"ksl13 {name}, same", here, here)
        yield Person(f"ksl13 {name}, next", here, there)
        yield Person(f"ksl13 {name} and next, third", join_recordings(here, there), third)


def read_sessions(path: Path) -> Recording:
    """A file of one signer's windows that states their sessions and no rate."""
    there = read_labelled_hands(path)
    if there.session is None:
        raise RecordingError(f"{path} states no session, expected one a window")
    return Recording(there.hands, there.label, np.full(len(there.label), "one"), there.session, FPS)


def select_windows(recording: Recording, chosen: npt.NDArray[Any]) -> Recording:
    """Some of a recording's windows."""
    columns = (recording.label[chosen], recording.signer[chosen], recording.session[chosen])
    return Recording(recording.hands[chosen], *columns, recording.fps)


def resample_nearest(window: Array, frames: int) -> Array:
    """The frames nearest in time, as a camera of another rate would catch them."""
    return window[np.round(np.linspace(0, len(window) - 1, frames)).astype(np.intp)]


def draw_taught(recording: Recording, count: int) -> Indices:
    """Which windows are taught: ``count`` of every second label, as many of each session."""
    draw = np.random.default_rng(SEED)
    usable = recording.hands.any(axis=(1, 2))
    labels = [label for label in np.unique(recording.label).tolist() if label not in NO_SIGN]
    sessions = np.unique(recording.session).tolist()
    drawn = []
    for label in labels[::2]:
        for session in sessions:
            found = np.flatnonzero((recording.label == label) & (recording.session == session) & usable)
            drawn.append(draw.permutation(found)[: math.ceil(count / len(sessions))])
    return np.concatenate(drawn)


def make_lesson(recording: Recording, chosen: Indices) -> Recording:
    """The chosen windows, as long as ``teach`` records them."""
    drawn = select_windows(recording, chosen)
    hands = np.stack([resample_nearest(window, TAUGHT_FRAMES) for window in drawn.hands])
    return Recording(hands, drawn.label, drawn.signer, drawn.session, FPS)


def read_foreign_words(folder: Path, count: int) -> list[Array]:
    """Whole recordings of words of other people, of different lengths."""
    with np.load(folder / "dgs_unknown" / "dgs_unknown.npz", allow_pickle=False) as arrays:
        recordings = zip(arrays["hands"][:count], arrays["length"], strict=False)
        return [window[:length].astype(np.float32) for window, length in recordings]


@dataclass(frozen=True, slots=True, eq=False)
class Play:
    """How signs are played: frames a sign, at most how many, what foreign words, by which settings."""

    frames: int
    limit: int
    foreign: Sequence[Array]
    settings: Settings

    def score(self, model: LocalModel, played: Recording, known: Collection[str], unseen: Indices) -> Score:
        """Play windows of a recording through the client: those of ``known`` labels, then the others."""
        player = Player(model, self.settings)
        order = np.random.default_rng(SEED).permutation(unseen)
        windows = [resample_nearest(window, self.frames) for window in played.hands[order]]
        signs = list(zip(windows, played.label[order].tolist(), strict=True))
        named = [player.play(window, label) for window, label in [s for s in signs if s[1] in known][: self.limit]]
        others = [window for window, label in signs if label not in known and label not in NO_SIGN][: self.limit]
        return Score(len(known), named, measure_false_rate(player, others), measure_false_rate(player, self.foreign))


def score_taught(person: Person, model: LocalModel, count: int, play: Play) -> Score:
    """Teach a person's signs, and play the others."""
    chosen = draw_taught(person.taught, count)
    lesson = make_lesson(person.taught, chosen)
    unseen = np.setdiff1d(np.arange(len(person.played.hands)), chosen if person.played is person.taught else [])
    taught = model.with_vocabulary(teach(lesson, model.session))
    return play.score(taught, person.played, set(lesson.label.tolist()), unseen.astype(np.intp))


def score_own_words(person: Person, model: LocalModel, play: Play) -> Score:
    """Play a person's signs to the model as it is: the words that it knows, as strangers sign them."""
    known = set(person.played.label.tolist()) & set(SAME_WORDS)
    return play.score(model, person.played, known, np.arange(len(person.played.hands)))


def measure_false_rate(player: Player, windows: Sequence[Array]) -> float:
    """Events a minute while what isn't a taught sign is played, rests included."""
    events = sum(len(player.play(window).events) for window in windows)
    minutes = sum(len(window) + REST_FRAMES for window in windows) / FPS / 60
    return events / minutes if minutes else 0.0


def format_score(name: str, score: Score) -> list[str]:
    """One row of the table."""
    signs = score.signs
    right = sum(sign.classified == sign.label for sign in signs)
    exact = [sign for sign in signs if sign.events == [sign.label]]
    counts = [len(sign.events) for sign in signs]
    return [
        *(name, str(score.gestures), str(len(signs)), f"{right / max(len(signs), 1):.1%}"),
        *(f"{len(exact) / max(len(signs), 1):.1%}", str(counts.count(0)), str(sum(count > 1 for count in counts))),
        *(str(counts.count(1) - len(exact)), f"{get_percentile([sign.delay_s for sign in exact], 0.5):.2f}"),
        *(f"{score.own_false:.2f}", f"{score.foreign_false:.2f}"),
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "gesture", help="the base model's folder")
    parser.add_argument("--recordings", type=int, default=5, help="windows of a gesture that are taught (5)")
    parser.add_argument("--frames", type=int, default=30, help="frames of a sign that is played (30)")
    parser.add_argument("--signs", type=int, default=100, help="signs a person at most, taught and others (100)")
    parser.add_argument("--foreign", type=int, default=100, help="words of other people (100)")
    options = parser.parse_args()
    folder = find_data()
    model = LocalModel.open(options.model)
    play = Play(options.frames, options.signs, read_foreign_words(folder, options.foreign), Settings())
    rows = []
    for person in list_people(folder):
        rows.append(format_score(person.name, score_taught(person, model, options.recordings, play)))
        if set(person.played.label.tolist()) & set(SAME_WORDS):
            rows.append(format_score(f"{person.name}, bundled words", score_own_words(person, model, play)))
    print(format_table(HEADER, rows))


if __name__ == "__main__":
    main()
