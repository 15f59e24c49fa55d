"""A lesson: countdown, a window that a hand begins, whether one was seen, and again where none was."""

import numpy as np
import pytest

from edge_client.teaching.lesson import Lesson
from edge_client.types import LessonState
from landmarks.hands import Array
from testkit.edge.hands import made_frame, made_hand

ABSENT = made_frame()
FPS = 10


def hand(index: int = 0) -> Array:
    return made_frame(right=made_hand(x=0.3 + index / 1000))


class Clock:
    """Pushes frames at 10 a second, as a camera of the lesson."""

    def __init__(self, lesson: Lesson) -> None:
        self.lesson = lesson
        self.frames = 0

    def push(self, *hands: Array) -> list[LessonState]:
        states = []
        for each in hands:
            states.append(self.lesson.push(each, self.frames / FPS))
            self.frames += 1
        return states


def test_a_recording_is_the_frames_from_the_first_hand_after_the_countdown() -> None:
    lesson = Lesson("wave", 1, 4, countdown_s=0.3)
    clock = Clock(lesson)
    shown = [hand(index) for index in range(20)]
    states = clock.push(*shown[:3], ABSENT, *shown[4:8])
    assert [state.phase for state in states] == ["get_ready"] * 3 + ["now"] * 4 + ["seen"]
    assert [state.progress for state in states[3:7]] == [0, 0.25, 0.5, 0.75]
    assert lesson.done
    (window,) = lesson.windows
    assert window.shape == (4, 126)
    assert np.allclose(window, np.stack(shown[4:8]).reshape(4, 126))


def test_the_countdown_counts_whole_seconds_down_to_one() -> None:
    states = Clock(Lesson("wave", 1, 4, countdown_s=3)).push(*[ABSENT] * 31)
    assert [state.seconds for state in states[::10]] == [3, 2, 1, 0]
    assert (states[29].phase, states[30].phase) == ("get_ready", "now")


def test_recordings_are_numbered_and_end_when_there_are_enough() -> None:
    lesson = Lesson("wave", 2, 2, countdown_s=0.2, result_s=0.2)
    clock, states = Clock(lesson), []
    while not lesson.done:
        states += clock.push(hand())
    assert list(dict.fromkeys((state.phase, state.number) for state in states)) == [
        *(("get_ready", 1), ("now", 1), ("seen", 1), ("get_ready", 2), ("now", 2), ("seen", 2)),
    ]
    assert len(lesson.windows) == 2
    assert all(state.count == 2 for state in states)


def test_a_recording_without_a_hand_is_repeated() -> None:
    lesson = Lesson("wave", 1, 4, countdown_s=0, result_s=0.1)
    clock = Clock(lesson)
    assert clock.push(*[ABSENT] * 21)[-1].phase == "missed"
    assert (lesson.missed, lesson.windows) == (1, [])
    assert clock.push(ABSENT, *[hand()] * 4)[-1].phase == "seen"
    assert lesson.done


def test_a_recording_with_a_hand_in_fewer_than_half_of_its_frames_is_repeated() -> None:
    lesson = Lesson("wave", 1, 4, countdown_s=0, result_s=0.1)
    clock = Clock(lesson)
    assert clock.push(hand(), ABSENT, ABSENT, ABSENT)[-1].phase == "missed"
    assert clock.push(ABSENT, hand(), hand(), ABSENT, ABSENT)[-1].phase == "seen"


def test_what_is_no_gesture_needs_no_hand() -> None:
    lesson = Lesson("none", 2, 3, countdown_s=0, result_s=0)
    Clock(lesson).push(*[ABSENT] * 6)
    assert lesson.done
    assert lesson.missed == 0


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_hand_with_odd_numbers_counts_as_absent(number: float) -> None:
    odd = hand()
    odd[1, 3, 0] = number
    lesson = Lesson("wave", 1, 2, countdown_s=0)
    clock = Clock(lesson)
    assert clock.push(odd)[-1].progress == 0
    clock.push(hand(), odd)
    assert np.isfinite(lesson.windows[0]).all()


def test_without_pauses_the_windows_of_a_recording_are_taken_one_after_the_other() -> None:
    lesson = Lesson("wave", 3, 4, countdown_s=0, result_s=0)
    takes = [[hand(10 * take + index) for index in range(4)] for take in range(3)]
    Clock(lesson).push(*(frame for take in takes for frame in (*take, *[ABSENT] * 7)))
    assert np.allclose(np.stack(lesson.windows), np.stack([np.stack(take).reshape(4, 126) for take in takes]))
