"""What a server must answer before it is loaded, so that no table is ever made of error pages or of another model."""

import math
from collections.abc import Sequence
from typing import Final

import httpx

from benchmarks import BenchmarkError
from benchmarks.load.request_encoders import RequestEncoder
from edge_client.service.replies import ResponseError
from landmarks.protocol.predictions import Prediction
from landmarks.synthetic import make_window

SEEDS: Final = range(8)
SUM_TOLERANCE: Final = 1e-3


def get_predictions(name: str, url: str, encoder: RequestEncoder) -> list[Prediction]:
    """A server's predictions for eight made windows.

    Raises:
        BenchmarkError: no response, another status than 200, no prediction, or one that can't be.
    """
    predictions = []
    for path, headers, body in (encoder.encode(make_window(seed=seed)) for seed in SEEDS):
        try:
            response = httpx.post(url + path, content=body, headers=headers, timeout=30, trust_env=False)
            if response.status_code != 200:
                found = f"{response.status_code} to a window, expected 200: {response.text[:200]}"
                raise BenchmarkError(f"{name} answered {found}")
            predictions.append(encoder.decode(response.content, response.headers))
        except (httpx.HTTPError, ResponseError) as error:
            raise BenchmarkError(f"{name} gave no prediction: {error!r}") from error
        check_prediction(name, predictions[-1])
    return predictions


def check_prediction(name: str, prediction: Prediction) -> None:
    """Check that the probabilities add up to 1, and that the top is theirs; else a ``BenchmarkError``."""
    total, highest = math.fsum(prediction.probabilities), max(prediction.probabilities)
    if not math.isclose(total, 1.0, abs_tol=SUM_TOLERANCE):
        raise BenchmarkError(f"{name}: the probabilities add up to {total:.4f}, expected 1")
    if prediction.top_index != prediction.probabilities.index(highest):
        raise BenchmarkError(f"{name}: top_index is {prediction.top_index}, not the index of the highest probability")
    if not math.isclose(prediction.top_probability, highest, abs_tol=SUM_TOLERANCE):
        raise BenchmarkError(f"{name}: top_probability is {prediction.top_probability}, not the highest probability")


def compare_predictions(
    name: str, found: Sequence[Prediction], other: str, expected: Sequence[Prediction], tolerance: float
) -> None:
    """Check that two servers of the same model agree on every made window, in label and, nearly, in probability.

    Raises:
        BenchmarkError: they don't.
    """
    for seed, one, two in zip(SEEDS, found, expected, strict=True):
        close = math.isclose(one.top_probability, two.top_probability, abs_tol=tolerance)
        if one.prediction != two.prediction or not close:
            raise BenchmarkError(
                f"{name} answers {one.prediction!r} ({one.top_probability:.4f}) to made window {seed}, "
                f"{other} with the same model {two.prediction!r} ({two.top_probability:.4f})"
            )
