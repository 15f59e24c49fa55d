import numpy as np
import pytest

from training.evaluation.outcomes import Outcome, judge

LABELS = ("none", "yes", "no")
LOGITS = np.array([[0, 9, 0], [0, 1, 0], [1, 0.5, 0], [0, 0, 9], [9, 0, 0], [0, 5, 0]], np.float32)
TRUTH = np.array(["yes", "yes", "yes", "yes", "wave", "wave"])


def test_a_window_is_named_from_none_up_and_accepted_from_the_triggers_probability() -> None:
    outcome = judge(LOGITS, LABELS, TRUTH)
    assert outcome.known.tolist() == [True] * 4 + [False] * 2
    assert outcome.right == 0.5
    assert outcome.named.tolist() == [True, True, False, True, False, True]
    assert outcome.count(outcome.named) == (0.5, 0.25, 0.5)
    assert outcome.count(outcome.accepted) == (0.25, 0.25, 0.5)


def test_of_taught_gestures_the_nearest_counts_as_right_whether_it_is_named_or_not() -> None:
    outcome = judge(LOGITS, LABELS, TRUTH, closed=True)
    assert outcome.right == 0.75
    assert outcome.count(outcome.named) == (0.5, 0.25, 0.5)


def test_shares_at_the_limit_of_the_other_side() -> None:
    known = np.arange(20.0)
    unknown = np.array([-2.0, -1.0, 1.5, 1.9])
    flags = np.ones(24, np.bool_)
    outcome = Outcome(np.concatenate([known, unknown]), flags, np.arange(24) < 20, flags, flags)
    assert outcome.unknown_at_90 == 0.0  # from score 2 up, 18 of 20
    assert outcome.known_at_5 == 0.9
    assert outcome.auroc == pytest.approx((20 * 2 + 18 * 2) / 80)


def test_without_enough_right_ones_no_limit_accepts_nine_tenths() -> None:
    score = np.array([5.0, 4.0, 0.0])
    outcome = Outcome(score, np.array([True, False, False]), np.array([True, True, False]), score > 0, score > 0)
    assert outcome.unknown_at_90 == 1.0
