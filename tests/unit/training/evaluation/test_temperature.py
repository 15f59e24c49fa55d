import numpy as np
import pytest

from training.evaluation.metrics import Predictions
from training.evaluation.temperature import HIGHEST, LOWEST, fit_temperature


def answered(*, sharper: float) -> Predictions:
    """Answers whose truth was drawn from their own probabilities, which were then raised to the power ``sharper``."""
    draw = np.random.default_rng(0)
    logits = 2 * draw.standard_normal((4000, 5))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (honest.cumsum(axis=1) < draw.random((4000, 1))).sum(axis=1)
    return Predictions(honest, truth).raise_to_power(sharper)


@pytest.mark.parametrize("sharper", [0.5, 1.0, 2.0])
def test_the_temperature_undoes_what_made_the_probabilities_too_sure_or_too_shy(sharper: float) -> None:
    predictions = answered(sharper=sharper)
    temperature = fit_temperature(predictions)
    assert temperature == pytest.approx(sharper, rel=0.05)
    assert predictions.raise_to_power(1 / temperature).calibration_error < 0.02


def test_no_temperature_beside_it_is_likelier() -> None:
    predictions = answered(sharper=1.6)

    def likelihood(temperature: float) -> float:
        probabilities = predictions.raise_to_power(1 / temperature).probabilities
        return float(np.log(probabilities[np.arange(len(probabilities)), predictions.target]).mean())

    best = fit_temperature(predictions)
    assert likelihood(best) > max(likelihood(best * 1.02), likelihood(best / 1.02))


@pytest.mark.parametrize("truth, bound", [(0, LOWEST), (2, HIGHEST)])
def test_answers_that_are_all_right_or_all_wrong_stay_at_the_bounds(truth: int, bound: float) -> None:
    predictions = Predictions(np.array([[0.6, 0.3, 0.1]] * 4), np.full(4, truth))
    assert fit_temperature(predictions) == pytest.approx(bound, rel=1e-6)


def test_a_probability_of_zero_for_the_truth_leaves_the_temperature_finite() -> None:
    predictions = Predictions(np.array([[1.0, 0.0], [0.9, 0.1], [0.2, 0.8]]), np.array([1, 0, 1]))
    assert LOWEST <= fit_temperature(predictions) <= HIGHEST


@pytest.mark.parametrize("targets", [[], [0, -1]])
def test_what_can_not_say_how_sure_to_be_is_refused(targets: list[int]) -> None:
    with pytest.raises(ValueError, match="trained labels"):
        fit_temperature(Predictions(np.full((len(targets), 2), 0.5), np.array(targets, dtype=np.int64)))
