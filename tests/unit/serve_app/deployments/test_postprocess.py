"""From logits to what a client reads."""

import asyncio
import json
import threading

import numpy as np
import pytest

from serve_app.api.docs.examples import example_shot
from serve_app.deployments.postprocess import Postprocess
from serve_app.errors import InvalidInput, RequestError
from serve_app.schemas import ModelOutput
from serve_app.shots import analysis
from serve_app.shots.request import parse_shot

LABELS = ("none", "hello", "yes")


def scored(logits: list[list[float]], temperature: float = 1.0) -> ModelOutput:
    return ModelOutput("7", LABELS, temperature, {"logits": np.array(logits, dtype=np.float32)})


def answers(message: ModelOutput) -> list[dict[str, object]]:
    return [json.loads(answer) for answer in asyncio.run(Postprocess().predict(message)) if isinstance(answer, bytes)]


def test_each_row_becomes_the_answer_of_its_own_window() -> None:
    first, second = answers(scored([[0.0, 2.0, 0.0], [3.0, 0.0, 0.0]]))
    assert (first["prediction"], first["top_index"]) == ("hello", 1)
    assert (second["prediction"], second["top_index"]) == ("none", 0)


def test_an_answer_has_every_field_and_its_probabilities_add_up() -> None:
    (answer,) = answers(scored([[0.0, 1.0, 0.0]]))
    e = np.e
    assert answer == {
        "prediction": "hello",
        "probabilities": pytest.approx([1 / (e + 2), e / (e + 2), 1 / (e + 2)], abs=1e-6),
        "top_index": 1,
        "top_probability": pytest.approx(e / (e + 2), abs=1e-6),
        "model_version": "7",
    }


def test_the_temperature_divides_the_logits() -> None:
    (cool,) = answers(scored([[0.0, 2.0, 0.0]], temperature=2.0))
    (plain,) = answers(scored([[0.0, 1.0, 0.0]]))
    assert cool["probabilities"] == plain["probabilities"]


@pytest.mark.anyio
@pytest.mark.parametrize("bad", [np.nan, np.inf])
async def test_a_row_that_is_not_finite_fails_alone(bad: float) -> None:
    good, failed = await Postprocess().predict(scored([[0.0, 1.0, 0.0], [0.0, bad, 0.0]]))
    assert isinstance(good, bytes)
    assert isinstance(failed, RequestError)
    assert "not finite" in failed.message


@pytest.mark.anyio
async def test_a_batch_of_shots_that_nobody_waits_for_ends_after_the_shot_at_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[int] = []
    go_on = threading.Event()

    def slow(_: object) -> dict[str, object]:
        begun.append(1)
        assert go_on.wait(10)
        raise InvalidInput("frames show no shot")

    monkeypatch.setattr(analysis, "analyze_with_rules", slow)
    shots = [parse_shot(json.dumps(example_shot()).encode(), "es")] * 8

    analyzing = asyncio.ensure_future(Postprocess().analyze(shots, None))
    async with asyncio.timeout(10):
        while not begun:
            await asyncio.sleep(0.001)
        analyzing.cancel()
        await asyncio.gather(analyzing, return_exceptions=True)
    go_on.set()
    await asyncio.sleep(0.02)
    assert len(begun) == 1
