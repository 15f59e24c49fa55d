"""What a server must answer before it is loaded, so that no table is ever made of error pages or of another model.

Every server gets the same made windows; servers of the same model must give the same label and probability.
"""

import math
from collections.abc import Sequence
from typing import Final

import httpx
import msgspec

from bench import BenchError
from bench.window import json_body, made_window

SEEDS: Final = range(8)
# Float32 sums in another order, through a batch of another size, differ far less; another model differs far more.
TOLERANCE: Final = 1e-3


class Prediction(msgspec.Struct, frozen=True):
    """The five fields of an answer to ``POST /predict``."""

    prediction: str
    probabilities: list[float]
    top_index: int
    top_probability: float
    elapsed_ms: float


def ask(name: str, url: str) -> list[Prediction]:
    """Post each made window once to ``url`` and check each answer.

    Raises:
        BenchError: when an answer isn't a 200 with the five fields, each plausible.
    """
    with httpx.Client(timeout=30.0, trust_env=False) as client:
        answers = []
        for seed in SEEDS:
            body = json_body(made_window(seed))
            try:
                response = client.post(url, content=body, headers={"Content-Type": "application/json"})
            except httpx.HTTPError as error:
                raise BenchError(f"{name} did not answer a window: {error!r}") from error
            answers.append(check(name, response.status_code, response.content))
    return answers


def check(name: str, status: int, content: bytes) -> Prediction:
    """Decode one answer and check that it can be a prediction.

    Raises:
        BenchError: another status than 200, a field that is missing or of another type, probabilities that don't add
            up to 1, or a top that isn't theirs.
    """
    if status != 200:
        raise BenchError(f"{name} answered {status} to a window, expected 200: {_excerpt(content)}")
    try:
        answer = msgspec.json.decode(content, type=Prediction)
    except msgspec.DecodeError as error:
        raise BenchError(f"{name} answered without the five fields: {error}: {_excerpt(content)}") from error
    total = math.fsum(answer.probabilities)
    if not math.isclose(total, 1.0, abs_tol=TOLERANCE):
        raise BenchError(f"{name}: the probabilities add up to {total:.4f}, expected 1")
    if answer.top_index != answer.probabilities.index(max(answer.probabilities)):
        raise BenchError(f"{name}: top_index is {answer.top_index}, not the index of the highest probability")
    if not math.isclose(answer.top_probability, max(answer.probabilities), abs_tol=TOLERANCE):
        raise BenchError(f"{name}: top_probability is {answer.top_probability}, not the highest probability")
    return answer


def compare(name: str, answers: Sequence[Prediction], other: str, expected: Sequence[Prediction]) -> None:
    """Check that two servers of the same model agree on every made window.

    Raises:
        BenchError: when a label differs, or its probability by more than ``TOLERANCE``.
    """
    for seed, answer, expectation in zip(SEEDS, answers, expected, strict=True):
        if answer.prediction != expectation.prediction or not math.isclose(
            answer.top_probability, expectation.top_probability, abs_tol=TOLERANCE
        ):
            raise BenchError(
                f"{name} answers {answer.prediction!r} ({answer.top_probability:.4f}) to made window {seed}, "
                f"{other} with the same model {expectation.prediction!r} ({expectation.top_probability:.4f})"
            )


def _excerpt(content: bytes) -> str:
    return content[:200].decode(errors="replace")
