"""The temperature that makes a network's probabilities fit the truth, fitted on people of its training.

Only arithmetic. ``training.evaluation.cross_validation`` leaves those people out in turn,
``training.evaluation.results`` applies what is found to people who were never seen.
"""

from typing import Final

import numpy as np

from landmarks.pose import Floats
from training.evaluation.metrics import Predictions

# Outside of these bounds the predictions say nothing about how sure to be, as when all of them are right.
LOWEST: Final = 0.05
HIGHEST: Final = 20.0
_HALVINGS: Final = 60


def fit_temperature(predictions: Predictions) -> float:
    """The temperature of least mean negative log-likelihood, ``LOWEST`` to ``HIGHEST`` (Guo et al. 2017).

    The likelihood has one maximum in the inverse of the temperature, where the mean logit that the probabilities expect
    is that of the true class; it is found by halving an interval of log temperatures.

    Raises:
        ValueError: no predictions, or one to a label that was never trained.
    """
    if not len(predictions.target) or (predictions.target < 0).any():
        raise ValueError(
            f"a temperature needs predictions to trained labels, found targets {np.unique(predictions.target)}"
        )
    logits: Floats = np.log(np.maximum(predictions.probabilities, np.finfo(np.float32).tiny))
    true = logits[np.arange(len(logits)), predictions.target].mean()
    low, high = np.log(LOWEST), np.log(HIGHEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        expected = (predictions.raise_to_power(np.exp(-middle)).probabilities * logits).sum(axis=1).mean()
        if expected > true:  # surer than right: hotter
            low = middle
        else:
            high = middle
    return float(np.exp((low + high) / 2))
