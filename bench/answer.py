"""What a server must answer before it is loaded, so that no table is ever made of error pages or of another model.

Every server gets the same made windows; servers of the same model must give the same label and probability, in
whatever way they are asked.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import httpx
import msgspec

from bench import BenchError
from edge_client.service.replies import ResponseError
from edge_client.service.request_encoding import decode_fp16
from landmarks.protocol.open_inference import HEADER_LENGTH

SEEDS: Final = range(8)
SUM_TOLERANCE: Final = 1e-3


class Prediction(msgspec.Struct, frozen=True):
    """The five fields of an answer to ``POST /predict``."""

    prediction: str
    probabilities: list[float]
    top_index: int
    top_probability: float
    elapsed_ms: float


def post(name: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes, dict[str, str]]:
    """Ask once: the answer's status, body and headers (names in lower case).

    Raises:
        BenchError: when no answer comes.
    """
    try:
        response = httpx.post(url, content=body, headers=dict(headers), timeout=30.0, trust_env=False)
    except httpx.HTTPError as error:
        raise BenchError(f"{name} did not answer a window: {error!r}") from error
    return response.status_code, response.content, dict(response.headers)


def read_json(name: str, status: int, content: bytes, _: Mapping[str, str]) -> Prediction:
    """Decode the five fields of an answer to ``POST /predict``.

    Raises:
        BenchError: another status than 200, a field that is missing or of another type, or no prediction.
    """
    _refuse_unless_200(name, status, content)
    try:
        return check(name, msgspec.json.decode(content, type=Prediction))
    except msgspec.DecodeError as error:
        raise BenchError(f"{name} answered without the five fields: {error}: {_excerpt(content)}") from error


def read_tensors(name: str, status: int, content: bytes, headers: Mapping[str, str]) -> Prediction:
    """Decode the tensors ``probabilities`` and ``label`` of an Open Inference v2 answer.

    Raises:
        BenchError: another status than 200, or no prediction.
    """
    _refuse_unless_200(name, status, content)
    try:
        answer = decode_fp16(content, headers.get(HEADER_LENGTH.lower()))
    except ResponseError as error:
        raise BenchError(f"{name}: {error}: {_excerpt(content)}") from error
    return check(
        name,
        Prediction(
            answer.prediction,
            list(answer.probabilities),
            answer.top_index,
            answer.top_probability,
            answer.elapsed_ms,
        ),
    )


def check(name: str, answer: Prediction) -> Prediction:
    """Check that an answer can be a prediction.

    Raises:
        BenchError: probabilities that don't add up to 1, or a top that isn't theirs.
    """
    total = math.fsum(answer.probabilities)
    if not math.isclose(total, 1.0, abs_tol=SUM_TOLERANCE):
        raise BenchError(f"{name}: the probabilities add up to {total:.4f}, expected 1")
    if answer.top_index != answer.probabilities.index(max(answer.probabilities)):
        raise BenchError(f"{name}: top_index is {answer.top_index}, not the index of the highest probability")
    if not math.isclose(answer.top_probability, max(answer.probabilities), abs_tol=SUM_TOLERANCE):
        raise BenchError(f"{name}: top_probability is {answer.top_probability}, not the highest probability")
    return answer


def compare(
    name: str, answers: Sequence[Prediction], other: str, expected: Sequence[Prediction], tolerance: float
) -> None:
    """Check that two servers of the same model agree on every made window.

    Raises:
        BenchError: when a label differs, or its probability by more than ``tolerance``.
    """
    for seed, answer, expectation in zip(SEEDS, answers, expected, strict=True):
        if answer.prediction != expectation.prediction or not math.isclose(
            answer.top_probability, expectation.top_probability, abs_tol=tolerance
        ):
            raise BenchError(
                f"{name} answers {answer.prediction!r} ({answer.top_probability:.4f}) to made window {seed}, "
                f"{other} with the same model {expectation.prediction!r} ({expectation.top_probability:.4f})"
            )


def _refuse_unless_200(name: str, status: int, content: bytes) -> None:
    if status != 200:
        raise BenchError(f"{name} answered {status} to a window, expected 200: {_excerpt(content)}")


def _excerpt(content: bytes) -> str:
    return content[:200].decode(errors="replace")
