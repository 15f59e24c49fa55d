"""Signs that are taught and played live: which are taught, which are played, and what is counted."""

import numpy as np
import pytest

from benchmarks.edge.taught_signs import (
    HEADER,
    Person,
    Play,
    Score,
    draw_taught,
    format_score,
    make_lesson,
    measure_false_rate,
    resample_nearest,
    score_taught,
    select_windows,
)
from edge_client.recognition.local_model import LocalModel
from edge_client.settings import Settings, Thresholds
from landmarks.recording import join_recordings
from serve_app.settings import PROJECT_ROOT
from testkit.edge.player import FPS, REST_FRAMES, PlayedSign, Player
from testkit.edge.vocabularies import perform, record_gestures

# Made hands are alike: at 0.95 the client would rather miss one.
EASY = Settings(trigger=Thresholds(probability_on=0.8))
RECORDING = record_gestures("wave", "grab", "lift", takes=6)


@pytest.fixture(scope="module")
def model() -> LocalModel:
    return LocalModel.open(PROJECT_ROOT / "models" / "gesture")


def test_every_second_label_is_taught_with_so_many_windows() -> None:
    lesson = make_lesson(RECORDING, draw_taught(RECORDING, 4))
    assert sorted(lesson.label.tolist()) == ["grab"] * 4 + ["wave"] * 4
    assert lesson.hands.shape == (8, 30, 126)


def test_two_sessions_are_taught_alike() -> None:
    both = join_recordings(RECORDING, record_gestures("wave", "grab", "lift", takes=6, session="tuesday"))
    lesson = make_lesson(both, draw_taught(both, 5))
    assert sorted(zip(lesson.label.tolist(), lesson.session.tolist(), strict=True)) == [
        *(("grab", "monday"), ("grab", "monday"), ("grab", "monday")),
        *(("grab", "tuesday"), ("grab", "tuesday"), ("grab", "tuesday")),
        *(("wave", "monday"), ("wave", "monday"), ("wave", "monday")),
        *(("wave", "tuesday"), ("wave", "tuesday"), ("wave", "tuesday")),
    ]


def test_a_window_without_a_hand_is_not_taught() -> None:
    empty = RECORDING.hands.copy()
    empty[::2] = 0
    recording = select_windows(RECORDING, np.arange(len(empty)))
    recording.hands[:] = empty
    assert set(draw_taught(recording, 6).tolist()) <= set(range(1, len(empty), 2))


def test_another_number_of_frames_takes_the_nearest_ones() -> None:
    window = np.arange(10, dtype=np.float32)[:, None]
    assert resample_nearest(window, 4).ravel().tolist() == [0, 3, 6, 9]
    assert resample_nearest(window, 10).ravel().tolist() == list(range(10))


def test_what_is_taught_is_not_played_and_other_signs_make_no_event(model: LocalModel) -> None:
    person = Person("made", RECORDING, RECORDING)
    score = score_taught(person, model, 4, Play(30, 50, [perform("lift")], EASY))
    assert score.gestures == 2
    assert sorted(sign.label for sign in score.signs) == ["grab", "grab", "wave", "wave"]
    assert all(sign.events == [sign.label] for sign in score.signs)
    assert (score.own_false, score.foreign_false) == (0, 0)


def test_false_events_are_counted_by_the_minute(model: LocalModel) -> None:
    person = Person("made", RECORDING, RECORDING)
    score = score_taught(person, model, 4, Play(30, 0, [perform("wave", 99)], EASY))
    assert score.foreign_false == pytest.approx(60 * FPS / (30 + REST_FRAMES))
    assert measure_false_rate(Player(model), []) == 0.0


def test_a_row_counts_right_missed_repeated_and_wrong_events() -> None:
    signs = [
        PlayedSign("a", "a", ["a"], 0.5),
        PlayedSign("a", "a", [], 0.0),
        PlayedSign("a", "b", ["b"], 0.7),
        PlayedSign("a", "a", ["a", "a"], 0.9),
    ]
    row = format_score("who", Score(1, signs, 0.25, 0.5))
    assert len(row) == len(HEADER)
    assert row == ["who", "1", "4", "75.0%", "25.0%", "1", "1", "1", "0.50", "0.25", "0.50"]
