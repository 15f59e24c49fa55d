import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from training.evaluation.metrics import BINS, OpenSetMetrics, Predictions, compute_auroc, pool


def held_out(*rows: tuple[list[float], int]) -> Predictions:
    return Predictions(np.array([row for row, _ in rows]), np.array([truth for _, truth in rows], dtype=np.int64))


MADE = held_out(([0.9, 0.1], 0), ([0.8, 0.2], 1), ([0.3, 0.7], 1), ([0.6, 0.4], 0))


def test_accuracy_is_the_share_of_windows_that_are_right() -> None:
    assert MADE.accuracy == 0.75


def test_confusion_has_true_labels_down_and_found_labels_across() -> None:
    assert MADE.confusion.tolist() == [[2, 0], [1, 1]]


def test_macro_f1_is_the_mean_over_classes() -> None:
    assert MADE.f1.tolist() == pytest.approx([4 / 5, 2 / 3])
    assert MADE.macro_f1 == pytest.approx((4 / 5 + 2 / 3) / 2)


def test_probabilities_raised_to_a_power_still_add_up_to_one() -> None:
    raised = held_out(([0.8, 0.2], 0), ([1.0, 0.0], 1)).raise_to_power(2)
    assert raised.probabilities.flatten().tolist() == pytest.approx([0.64 / 0.68, 0.04 / 0.68, 1, 0])
    assert raised.target.tolist() == [0, 1]


def test_calibration_error_is_the_distance_of_confidence_from_accuracy() -> None:
    assert MADE.calibration_error == pytest.approx((0.1 + 0.8 + 0.3 + 0.4) / 4)
    assert held_out(([1.0, 0.0], 0)).calibration_error == 0


def test_reliability_counts_every_window_once() -> None:
    confidence, right, count = MADE.reliability
    assert count.sum() == 4
    assert (right <= 1).all() and (confidence <= 1).all()


def test_pooling_counts_windows_and_not_people() -> None:
    assert pool([MADE, held_out(([1.0, 0.0], 0))]).accuracy == 0.8


@pytest.mark.parametrize(
    "positive, negative, area",
    [([2.0, 3.0], [0.0, 1.0], 1.0), ([1.0], [1.0], 0.5), ([0.0, 2.0], [1.0], 0.5), ([0.0], [1.0, 2.0], 0.0)],
)
def test_the_area_under_the_curve_is_the_chance_to_rank_a_pair_rightly(
    positive: list[float], negative: list[float], area: float
) -> None:
    assert compute_auroc(np.array(positive), np.array(negative)) == area


def test_an_unknown_sign_is_accepted_where_some_sign_wins_over_none_from_the_threshold_up() -> None:
    none = 0
    predictions = held_out(
        ([0.1, 0.9, 0.0], 1),  # known and right
        ([0.1, 0.0, 0.9], 1),  # known and wrong
        ([0.8, 0.1, 0.1], 1),  # known, taken for none
        ([0.05, 0.95, 0.0], 0),  # none itself: left out
        ([0.2, 0.8, 0.0], -1),  # unknown, accepted up to 0.8
        ([0.9, 0.1, 0.0], -1),  # unknown, rejected
    )
    rejection = OpenSetMetrics.from_predictions(predictions, none)
    assert len(rejection.score) == 5
    assert rejection.unknown_accepted(0.8) == 0.5
    assert rejection.unknown_accepted(0.85) == 0.0
    assert rejection.known_accepted(0.9) == pytest.approx(1 / 3)
    assert rejection.auroc == pytest.approx((2 + 2 + 0.5) / 6)


def test_without_none_every_window_counts() -> None:
    assert len(OpenSetMetrics.from_predictions(held_out(([0.4, 0.6], 1), ([0.5, 0.5], -1)), None).score) == 2


def test_rejections_of_several_folds_are_one_set() -> None:
    one = OpenSetMetrics.from_predictions(held_out(([0.4, 0.6], 1), ([0.9, 0.1], -1)), None)
    both = OpenSetMetrics.pool([one, one])
    assert both.unknown.tolist() == [False, True, False, True]


def random_predictions(seed: int, *, classes: int = 5) -> Predictions:
    """A few hundred windows of classes of which the last is never the truth, and is hardly ever predicted."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, classes - 1, 300)
    logits = rng.normal(size=(300, classes)) + 2 * np.eye(classes)[target] - 4 * np.eye(classes)[classes - 1]
    powers = np.exp(logits)
    return Predictions(powers / powers.sum(axis=1, keepdims=True), target)


@pytest.mark.parametrize("seed", range(5))
def test_metrics_are_what_their_formulas_say(seed: int) -> None:
    predictions = random_predictions(seed)
    table = np.zeros((5, 5), int)
    np.add.at(table, (predictions.target, predictions.predicted), 1)
    assert (predictions.confusion == table).all()
    f1 = 2 * table.diagonal() / np.maximum(1, table.sum(axis=0) + table.sum(axis=1))
    np.testing.assert_allclose(predictions.f1, f1, atol=1e-6)
    assert predictions.macro_f1 == pytest.approx(f1.mean(), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_area_under_the_curve_counts_pairs_and_ties_by_half(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive, negative = rng.random(80).round(1), (0.8 * rng.random(50)).round(1)
    above = (positive[:, None] > negative).mean() + 0.5 * (positive[:, None] == negative).mean()
    assert compute_auroc(positive, negative) == pytest.approx(above, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_calibration_error_is_torchmetrics_but_for_a_confidence_of_one(seed: int) -> None:
    predictions = random_predictions(seed)
    tensors = torch.from_numpy(predictions.probabilities), torch.from_numpy(predictions.target)
    expected = multiclass_calibration_error(*tensors, num_classes=5, n_bins=BINS)
    assert predictions.calibration_error == pytest.approx(float(expected), abs=1e-6)


def test_a_confidence_of_one_is_in_the_last_bin() -> None:
    one_bin = held_out(([1.0, 0.0], 0), ([0.95, 0.05], 1))
    assert one_bin.reliability[2].tolist() == [0] * (BINS - 1) + [2]
    assert one_bin.calibration_error == pytest.approx(abs(1.95 / 2 - 0.5))
