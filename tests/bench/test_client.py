"""The line of a load client becomes a load."""

import json

import pytest

from bench import BenchError
from bench.client import parse
from bench.wrk import Load

PRINTED = {
    "predictions_per_s": 240.0,
    "p50_ms": 5.0,
    "p99_ms": 9.0,
    "errors": 1,
    "closed": 2,
    "answered": 480,
    "cpu_s": 0.5,
    "said": "429: busy",
}


def test_figures_errors_and_words_come_from_the_last_line() -> None:
    outcome = parse("warming up\n" + json.dumps(PRINTED) + "\n")
    assert outcome == (Load(240.0, 5.0, 9.0, 3), 480, "429: busy")


@pytest.mark.parametrize(
    ("output", "sentence"), [("nothing\n", "no line of JSON: nothing"), ('{"errors": 1}', "missing required field")]
)
def test_an_output_without_figures_is_refused(output: str, sentence: str) -> None:
    with pytest.raises(BenchError, match=sentence):
        parse(output)
