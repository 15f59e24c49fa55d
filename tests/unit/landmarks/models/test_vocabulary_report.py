"""What a vocabulary's recordings say when each is left out: right, confused, odd, and how it is said."""

import numpy as np
import pytest

from landmarks.hands import Array
from landmarks.models.session import ModelSession
from landmarks.models.vocabulary import teach
from landmarks.models.vocabulary_advice import SENTENCES, advise
from landmarks.models.vocabulary_report import VocabularyReport, find_odd, report_views, report_vocabulary
from landmarks.recording import Recording, join_recordings
from serve_app.settings import PROJECT_ROOT
from testkit.edge.vocabularies import perform, record_gestures


def spread(*angles: float) -> Array:
    """Unit vectors at angles in radians: the cosine of two is that of their difference."""
    return np.array([[np.cos(angle), np.sin(angle)] for angle in angles], dtype=np.float32)


def report(
    angles: dict[str, list[float]], *, limit: float = 0.9, sessions: list[str] | None = None
) -> VocabularyReport:
    """Recordings of one view each, by gesture."""
    target = np.repeat(np.arange(len(angles)), [len(found) for found in angles.values()])
    views = spread(*(angle for found in angles.values() for angle in found))
    texts = np.array(sessions or ["monday"] * len(target))
    return report_views(
        views, np.arange(len(target)), target, list(angles), texts, np.full(len(angles), limit, np.float32)
    )


def test_recordings_that_lie_together_are_named_right_by_the_others() -> None:
    found = report({"a": [0.0, 0.05, 0.1], "b": [1.5, 1.52]})
    assert (found.right, found.accepted) == (1.0, 1.0)
    assert found.confusion.tolist() == [[3, 0], [0, 2]]
    assert found.inseparable == ()
    assert [gesture.tried for gesture in found.gestures] == [3, 2]
    assert found.gestures[0].likeness == pytest.approx(np.cos(0.05), abs=1e-5)


def test_a_recording_is_never_named_by_its_own_views() -> None:
    views = spread(0.0, 0.0, 1.0, 1.0)
    found = report_views(
        views, np.array([0, 0, 1, 1]), np.array([0, 0]), ["a"], np.array(["m", "m"]), np.array([0.9], np.float32)
    )
    assert found.gestures[0].right == 2
    assert found.gestures[0].accepted == 0
    assert found.gestures[0].likeness == pytest.approx(np.cos(1.0), abs=1e-5)


def test_what_also_looks_like_nobodys_gesture_is_not_accepted() -> None:
    arguments = (spread(0.0, 0.1), np.arange(2), np.zeros(2, np.int64), ["a"], np.array(["m", "m"]))
    limit = np.array([0.9], np.float32)
    accepted = [report_views(*arguments, limit, spread(angle)).gestures[0].accepted for angle in (3.0, 0.5)]
    assert accepted == [2, 0]


def test_what_is_taken_for_another_gesture_is_counted() -> None:
    found = report({"a": [0.0, 0.05, 1.0], "b": [1.01, 1.02, 1.03]})
    assert found.list_confusions() == [("a", "b", 1)]
    assert found.right == pytest.approx(5 / 6)
    assert found.inseparable == ()
    assert found.gestures[1].right == 3  # an odd recording names no other


def test_gestures_in_one_place_are_inseparable() -> None:
    assert report({"a": [0.0, 0.1, 0.2], "b": [0.05, 0.15, 0.25], "c": [2.0, 2.1]}).inseparable == (("a", "b"),)
    assert report({"a": [0.0], "b": [0.01]}).inseparable == (("a", "b"),)
    assert report({"a": [0.0], "b": [1.5]}).inseparable == ()


def test_a_single_recording_says_nothing_of_how_well_it_is_recognised() -> None:
    found = report({"a": [0.0], "b": [1.5]})
    assert np.isnan(found.right)
    assert np.isnan(found.accepted)
    assert [gesture.tried for gesture in found.gestures] == [0, 0]
    assert sum("one recording" in line for line in advise(found)) == 2


@pytest.mark.parametrize(
    ("likeness", "odd"),
    [([0.9, 0.9, 0.5], 2), ([0.9, 0.85, 0.8], None), ([0.9, 0.5], None), ([0.5, 0.52, 0.9], None)],
)
def test_the_odd_recording_is_the_one_unlike_all_others(likeness: list[float], odd: int | None) -> None:
    assert find_odd(np.array(likeness, np.float32)) == odd


def test_the_advice_says_what_is_confused_odd_and_taught_in_one_sitting() -> None:
    lines = advise(report({"a": [0.0, 0.05, 1.0], "b": [1.5, 1.55]}, sessions=["m", "m", "m", "m", "t"]))
    assert "Recording 3 of a is the odd one out: it is unlike the other 2. Record it again." in lines
    assert lines[-1].startswith("All recordings of a are from one sitting.")
    assert any("a was taken for b 1 of 3 times" in line for line in lines)
    assert not any("one sitting" in line for line in advise(report({"a": [0.0, 0.1]}, sessions=["m", "t"])))


def test_a_gesture_that_differs_each_time_is_said_so() -> None:
    lines = advise(report({"a": [0.0, 0.8, 1.6], "b": [4.0, 4.05]}))
    assert "a is performed differently each time: 0 of 3 recordings are near enough." in lines


def test_both_languages_have_every_sentence_with_the_same_fields() -> None:
    assert SENTENCES["en"].keys() == SENTENCES["es"].keys()
    found = report({"a": [0.0, 0.05, 1.0], "b": [1.01, 1.02], "c": [5.0]})
    assert len(advise(found, "es")) == len(advise(found, "en"))
    assert any("se tomó por b" in line for line in advise(found, "es"))


def test_a_vocabularys_report_finds_the_gesture_recorded_under_the_wrong_name() -> None:
    session = ModelSession.open(PROJECT_ROOT / "models" / "gesture" / "1")
    good = record_gestures("wave", "grab", takes=4)
    wrong = Recording(perform("grab", 50)[None], np.array(["wave"]), np.array(["ana"]), np.array(["monday"]), 30.0)
    fine = report_vocabulary(teach(good, session), session)
    assert (fine.right, fine.inseparable) == (1.0, ())
    mixed = report_vocabulary(teach(join_recordings(good, wrong), session), session)
    assert mixed.list_confusions() == [("wave", "grab", 1)]
    (wave,) = [gesture for gesture in mixed.gestures if gesture.label == "wave"]
    assert (wave.recordings, wave.odd, wave.sessions) == (5, 4, 1)
