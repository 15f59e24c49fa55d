"""The trigger: which answered windows make an event, and that each gesture makes one."""

from dataclasses import replace

import numpy as np
import pytest

from edge_client.settings import Thresholds
from edge_client.trigger import Gesture, HysteresisThreshold, Trigger
from edge_client.types import WindowStats
from landmarks.hands import Array

LABELS = ("none", "hello", "yes", "no")
STEP_S = 1 / 15


def output(label: str, probability: float = 0.99) -> Array:
    rest = (1 - probability) / (len(LABELS) - 1)
    return np.array([probability if name == label else rest for name in LABELS], dtype=np.float32)


def stats(
    *, episode: int = 1, presence: float = 1.0, motion: float = 0.02, area: float = 0.08, frames: int = 30
) -> WindowStats:
    return WindowStats(episode, frames, presence, motion, area)


class Stream:
    """A trigger and the time of its windows, 15 a second."""

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self.trigger = Trigger(thresholds or Thresholds(), LABELS)
        self.time_s = 0.0

    def play(self, *outputs: Array, about: WindowStats | None = None) -> list[Gesture]:
        gestures = []
        for probabilities in outputs:
            _, gesture = self.trigger.observe(about or stats(), probabilities, self.time_s)
            self.time_s += STEP_S
            if gesture:
                gestures.append(gesture)
        return gestures


def test_a_gesture_makes_one_event_however_long_it_lasts() -> None:
    assert [gesture.label for gesture in Stream().play(*[output("hello", 0.97)] * 200)] == ["hello"]


def test_the_event_comes_with_the_fourth_vote_in_a_row() -> None:
    stream = Stream()
    assert stream.play(*[output("hello", 0.97)] * 3) == []
    (gesture,) = stream.play(output("hello", 0.97))
    assert gesture.label == "hello"
    assert gesture.score == pytest.approx(0.97)
    assert gesture.time_s == pytest.approx(3 * STEP_S)


def test_votes_for_different_labels_are_not_in_a_row() -> None:
    sure = Thresholds(probability_on=0.5, margin_on=0.0, margin_off=0.0, probability_off=0.1, mean_of=1)
    outputs = [output("hello", 0.97), output("hello", 0.97), output("yes", 0.97)] * 10
    assert Stream(sure).play(*outputs) == []


def test_a_very_sure_mean_needs_one_vote_less() -> None:
    stream = Stream()
    assert stream.play(*[output("hello", 0.996)] * 2) == []
    assert [gesture.label for gesture in stream.play(output("hello", 0.996))] == ["hello"]


def test_just_under_the_early_threshold_every_vote_is_needed() -> None:
    assert Stream().play(*[output("hello", 0.994)] * 3) == []


@pytest.mark.parametrize("probability", [0.94, 0.90, 0.80])
def test_an_unsure_label_makes_no_event(probability: float) -> None:
    assert Stream().play(*[output("hello", probability)] * 50) == []


def test_the_mean_counts_and_not_a_single_output() -> None:
    stream = Stream()
    stream.play(*[output("yes", 0.6)] * 7)
    assert stream.play(*[output("hello", 0.99)] * 4) == []
    assert [gesture.label for gesture in stream.play(*[output("hello", 0.99)] * 4)] == ["hello"]


def test_a_small_margin_makes_no_event() -> None:
    loose = Thresholds(probability_on=0.5, probability_off=0.4, early=1.0)
    split = np.array([0.0, 0.65, 0.35, 0.0], dtype=np.float32)
    assert Stream(loose).play(*[split] * 20) == []
    clear = np.array([0.0, 0.72, 0.28, 0.0], dtype=np.float32)
    assert [gesture.label for gesture in Stream(loose).play(*[clear] * 20)] == ["hello"]


def test_high_entropy_makes_no_event() -> None:
    labels = tuple(f"sign_{index}" for index in range(34))
    spread = np.full(34, 0.45 / 33, dtype=np.float32)
    spread[3] = 0.55
    strict = Trigger(Thresholds(probability_on=0.5, probability_off=0.4), labels)
    loose = Trigger(Thresholds(probability_on=0.5, probability_off=0.4, entropy_on=2.5, entropy_off=2.6), labels)
    assert not any(strict.observe(stats(), spread, step)[1] for step in range(10))
    assert any(loose.observe(stats(), spread, step)[1] for step in range(10))


@pytest.mark.parametrize(
    "about",
    [stats(presence=0.84), stats(area=0.039), stats(motion=0.014)],
    ids=["hand mostly away", "hand too far", "hand at rest"],
)
def test_a_closed_gate_makes_no_event(about: WindowStats) -> None:
    assert Stream().play(*[output("hello", 0.999)] * 20, about=about) == []


@pytest.mark.parametrize(
    "about",
    [stats(presence=0.71), stats(area=0.026), stats(motion=0.006)],
    ids=["presence", "area", "motion"],
)
def test_a_gate_that_is_open_stays_open_down_to_its_lower_threshold(about: WindowStats) -> None:
    stream = Stream()
    stream.play(output("none", 0.97))
    assert [gesture.label for gesture in stream.play(*[output("hello", 0.999)] * 12, about=about)] == ["hello"]


def test_rest_labels_never_make_an_event() -> None:
    assert Stream().play(*[output("none", 0.999)] * 50) == []


def test_a_gesture_that_ended_can_start_again() -> None:
    stream = Stream()
    assert len(stream.play(*[output("hello", 0.98)] * 20)) == 1
    assert stream.play(*[output("none", 0.9)] * 20) == []
    assert len(stream.play(*[output("hello", 0.98)] * 20)) == 1


@pytest.mark.parametrize(("dip", "events"), [(0.80, 0), (0.60, 1)])
def test_a_dip_ends_a_gesture_only_below_the_lower_probability(dip: float, events: int) -> None:
    stream = Stream()
    stream.play(*[output("hello", 0.98)] * 20)
    stream.play(*[output("hello", dip)] * 7)
    assert len(stream.play(*[output("hello", 0.98)] * 20)) == events


def test_another_gesture_may_follow_without_a_rest() -> None:
    stream = Stream()
    labels = [gesture.label for gesture in stream.play(*[output("hello", 0.98)] * 20, *[output("yes", 0.98)] * 20)]
    assert labels == ["hello", "yes"]


def test_no_two_events_within_the_cooldown() -> None:
    stream = Stream(Thresholds(mean_of=1, early_votes=1))
    outputs = [output("hello", 0.999), output("yes", 0.999)] * 30
    times = [gesture.time_s for gesture in stream.play(*outputs)]
    assert len(times) > 1
    assert min(np.diff(times)) >= 1.0


def test_hands_that_left_end_a_gesture_and_what_was_believed() -> None:
    stream = Stream()
    stream.play(*[output("hello", 0.98)] * 20)
    stream.time_s += 2
    assert stream.play(*[output("hello", 0.98)] * 3, about=stats(episode=2)) == []
    assert len(stream.play(output("hello", 0.98), about=stats(episode=2))) == 1


def test_the_complete_sign_has_the_last_word() -> None:
    stream = Stream()
    assert stream.play(*[output("yes", 0.6)] * 5, output("hello", 0.97)) == []
    complete = replace(stats(), complete=True)
    assert stream.play(*[output("hello", 0.97)] * 3, about=complete) == []
    assert [gesture.label for gesture in stream.play(output("hello", 0.97), about=complete)] == ["hello"]


@pytest.mark.parametrize(
    ("thresholds", "doubtful"),
    [
        (Thresholds(mean_of=1, probability_off=0.0, entropy_off=20), [0.0, 0.55, 0.45, 0.0]),
        (
            Thresholds(mean_of=1, probability_off=0.0, margin_off=0.0, entropy_on=0.5, entropy_off=0.9),
            [0.2, 0.5, 0.2, 0.1],
        ),
        (Thresholds(mean_of=1, margin_off=0.0, entropy_off=20), [0.1, 0.7, 0.1, 0.1]),
    ],
    ids=["margin", "entropy", "probability"],
)
def test_each_lower_threshold_ends_a_gesture(thresholds: Thresholds, doubtful: list[float]) -> None:
    stream = Stream(thresholds)
    stream.play(*[output("hello", 0.99)] * 4)
    assert stream.trigger.active_gesture == "hello"
    stream.play(np.array(doubtful, dtype=np.float32))
    assert stream.trigger.active_gesture is None


@pytest.mark.parametrize(
    "about", [stats(presence=0.80, episode=2), stats(area=0.03, episode=2), stats(motion=0.01, episode=2)]
)
def test_gates_begin_closed_in_every_episode(about: WindowStats) -> None:
    stream = Stream()
    stream.play(*[output("none", 0.97)] * 5)
    stream.time_s += 2
    assert stream.play(*[output("hello", 0.98)] * 10, about=about) == []


def test_a_gesture_that_lasts_when_the_hands_leave_is_not_repeated() -> None:
    stream = Stream()
    assert len(stream.play(*[output("hello", 0.97)] * 8)) == 1
    stream.time_s += 2
    assert stream.play(*[output("hello", 0.97)] * 4, about=replace(stats(), complete=True)) == []


def test_the_lasting_gesture_is_named_while_it_lasts() -> None:
    stream = Stream()
    assert stream.trigger.active_gesture is None
    stream.play(*[output("hello", 0.98)] * 5)
    assert stream.trigger.active_gesture == "hello"
    stream.play(*[output("none", 0.98)] * 7)
    assert stream.trigger.active_gesture is None


def test_a_hand_held_still_does_not_end_a_gesture() -> None:
    stream = Stream()
    stream.play(*[output("hello", 0.98)] * 5)
    stream.play(*[output("hello", 0.98)] * 60, about=stats(motion=0.0))
    assert stream.play(*[output("hello", 0.98)] * 60) == []


def test_the_belief_says_what_the_last_outputs_say_together() -> None:
    trigger = Trigger(Thresholds(mean_of=2), LABELS)
    trigger.observe(stats(), output("hello", 0.7), 0.0)
    belief, _ = trigger.observe(stats(), output("yes", 0.9), 0.1)
    assert belief.label == "yes"
    assert belief.probability == pytest.approx((0.9 + 0.1) / 2)
    assert belief.margin == pytest.approx(0.5 - (0.7 + 0.1 / 3) / 2)
    expected = (output("hello", 0.7) + output("yes", 0.9)) / 2
    assert belief.entropy == pytest.approx(-(expected * np.log(expected)).sum(), abs=1e-5)


def test_the_same_stream_gives_the_same_events() -> None:
    generator = np.random.default_rng(5)
    outputs = [output(str(generator.choice(LABELS)), float(generator.uniform(0.5, 1))) for _ in range(20)]
    outputs = [one for one in outputs for _ in range(10)]
    assert Stream().play(*outputs) == Stream().play(*outputs)


def test_an_output_of_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 4 probabilities"):
        Stream().play(np.ones(3, dtype=np.float32))


def test_a_gate_has_hysteresis() -> None:
    gate = HysteresisThreshold(on=0.8, off=0.5)
    assert [gate.update(value) for value in (0.7, 0.8, 0.6, 0.5, 0.4, 0.7)] == [False, True, True, True, False, False]
