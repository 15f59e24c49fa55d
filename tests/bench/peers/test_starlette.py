"""The Starlette peers answer as the bundled model does, and refuse what is no window."""

import asyncio
import importlib
import json
from collections.abc import Callable

import httpx
import pytest

from bench.answer import read_json
from bench.peer import latest_model
from bench.peers.gesture import probabilities_of
from bench.way import encode_json
from bench.window import made_window
from landmarks.hands import compute_presence
from landmarks.models.session import ModelSession

Post = Callable[[bytes], httpx.Response]


def posting_to(module: str) -> Post:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GESTURE_MODEL", str(latest_model()))
        app = importlib.import_module(module).app

    async def ask(body: bytes) -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://made") as client:
            return await client.post("/predict", content=body)

    return lambda body: asyncio.run(ask(body))


@pytest.mark.parametrize("module", ["bench.peers.starlette_onnx", "bench.peers.starlette_plain"])
def test_a_window_gets_the_models_answer(module: str) -> None:
    window = made_window(seed=1)
    reply = posting_to(module)(encode_json(window).body)
    answer = read_json("starlette", reply.status_code, reply.content, {})
    session = ModelSession.open(latest_model())
    expected = probabilities_of(session, window[None], compute_presence(window)[None])[0]
    assert answer.prediction == session.card.class_labels[expected.argmax()]
    assert answer.probabilities == pytest.approx(expected.tolist(), abs=1e-4)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"sequence": [[0.5]]}, r"sequence has shape (1, 1), expected (T, 84)"),
        ({"sequence": [[0.5] * 84]}, "sequence has 1 frames, expected 6 to 30"),
        ({"sequence": [[0.5] * 84] * 9, "mask": [[1.0]] * 9}, "mask has shape (9, 1), expected (9, 2)"),
        ({"sequence": "none"}, "Expected `array`, got `str` - at `$.sequence`"),
    ],
)
def test_what_is_no_window_is_refused(body: dict[str, object], sentence: str) -> None:
    question = json.dumps(body).encode()
    reply = posting_to("bench.peers.starlette_onnx")(question)
    assert (reply.status_code, reply.json()["error"]) == (400, sentence)
    assert posting_to("bench.peers.starlette_plain")(question).status_code == 400
