"""``WS /stream`` with everything behind it but Ray and the network: answers, order, limits, close codes."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette

from landmarks.hands import compute_presence
from landmarks.models.session import ModelSession
from landmarks.protocol.stream import FRAME_NUMBER
from serve_app.api.stream import endpoint as stream
from serve_app.api.stream.session import MAX_REJECTED, StreamSession
from serve_app.errors import NotReady
from testkit.model_files import LABELS, made_window
from testkit.stages.gated_stages import GatedStages, serving
from testkit.stages.local_stages import local_app
from testkit.websocket_client import LiveSocket, accepted_socket

FRAMES = made_window(60, seed=2)
PACKED = [frame.astype("<f2").tobytes() for frame in FRAMES]


async def closed_with(socket: LiveSocket) -> tuple[int, str]:
    """The code and reason of the close that the app sends next."""
    event = await socket.event()
    assert event["type"] == "websocket.close", event
    return event["code"], event["reason"]


def expected_labels(repository: Path, windows: list[Any]) -> list[str]:
    session = ModelSession.open(repository / "gesture" / "1")
    logits = [session.run({"sequence": w[None], "presence": compute_presence(w)[None]})["logits"][0] for w in windows]
    return [LABELS[int(row.argmax())] for row in logits]


@pytest.mark.anyio
async def test_a_session_is_told_what_to_send_and_gets_an_answer_a_frame_in_order(repository: Path) -> None:
    async with serving(repository) as (app, _), accepted_socket(app) as socket:
        ready = await socket.opened()
        assert ready == {
            "type": "ready",
            "version": "1",
            "model": "gesture",
            "encoding": "fp16",
            "stride": 1,
            "min_frames": 6,
            "reset_after": 0,
            "seq_len": 30,
            "min_seq_len": 6,
            "feature_dim": 84,
            "use_z": False,
            "normalization": "image",
            "num_classes": 5,
            "class_labels": list(LABELS),
        }
        socket.send(b"".join(PACKED[:5]))
        answers = []
        for number, frame in enumerate(PACKED[5:], 1000):
            socket.send(FRAME_NUMBER.pack(number) + frame)
            answers.append(await socket.answer())
        assert [answer["frame"] for answer in answers] == list(range(1000, 1055))
        assert [answer["frames"] for answer in answers] == [min(count, 30) for count in range(6, 61)]
        assert {answer["skipped"] for answer in answers} == {0}
        sent = FRAMES.astype("<f2").astype(np.float32)
        windows = [sent[max(0, count - 30) : count] for count in range(6, 61)]
        assert [answer["prediction"] for answer in answers] == expected_labels(repository, windows)
        fields = {"prediction", "probabilities", "top_index", "top_probability", "model_version", "elapsed_ms"}
        assert set(answers[0]) == fields | {"frame", "frames", "skipped"}


@pytest.mark.anyio
async def test_under_load_one_prediction_is_in_flight_and_the_newest_window_is_next(repository: Path) -> None:
    async with serving(repository) as (app, stages), accepted_socket(app) as socket:
        await socket.opened()
        stages.gate.clear()
        for frame in PACKED[:6]:
            socket.send(frame)
        while stages.batches == 0:
            await asyncio.sleep(0.001)
        for frame in PACKED[6:40]:
            socket.send(frame)
        while not socket.to_app.empty():
            await asyncio.sleep(0.001)
        assert stages.batches == 1
        stages.gate.set()
        first, second = await socket.answer(), await socket.answer()
        assert (first["frame"], first["frames"], first["skipped"]) == (6, 6, 0)
        assert (second["frame"], second["frames"], second["skipped"]) == (40, 30, 33)
        newest = FRAMES[10:40].astype("<f2").astype(np.float32)
        assert [second["prediction"]] == expected_labels(repository, [newest])


@pytest.mark.anyio
async def test_a_bad_frame_is_named_and_the_session_goes_on(repository: Path) -> None:
    async with (
        serving(repository) as (app, _),
        accepted_socket(app, headers=[("x-request-id", "pi-7.42")]) as socket,
    ):
        await socket.opened(encoding="json")
        socket.send({"frame": [0.1] * 83})
        assert await socket.answer() == {
            "type": "error",
            "error": "frame is 83 numbers, expected 84 numbers",
            "code": "invalid_input",
            "request_id": "pi-7.42",
            "frame": 1,
        }
        for frame in FRAMES[:6]:
            socket.send({"frame": frame.tolist()})
        assert (await socket.answer())["frame"] == 6


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("messages", "code", "slug"),
    [
        ([PACKED[0]], 1003, "unsupported_data"),
        (["good day"], 1007, "invalid_input"),
        ([{"stride": -1}], 1007, "invalid_input"),
        ([{}, PACKED[0][:-1]], 1007, "invalid_input"),
        ([{}, "good day"], 1007, "invalid_input"),
        ([{"encoding": "json"}, PACKED[0]], 1003, "unsupported_data"),
        ([{}, b"".join(PACKED[:31])], 1009, "message_too_large"),
        ([{}, b"".join(PACKED[:30])], 1008, "too_many_frames"),
        ([{}, *(['{"type":"reset"}'] * 500)], 1008, "too_many_frames"),
        ([], 4408, "idle"),
        ([{}], 4408, "idle"),
    ],
)
async def test_a_session_that_can_t_go_on_is_told_why_and_closed_with_a_code(
    repository: Path, messages: list[Any], code: int, slug: str
) -> None:
    async with serving(repository, session_frames_per_s=1, session_idle_s=0.2 if code == 4408 else 60) as (app, _):
        async with accepted_socket(app) as socket:
            for message in messages:
                socket.send(message)
            event = await socket.event()
            while event["type"] == "websocket.send" and "code" not in json.loads(event["text"]):
                event = await socket.event()
            told = json.loads(event["text"])
            assert (told["type"], told["code"]) == ("error", slug)
            assert told["request_id"]
            assert await closed_with(socket) == (code, told["error"])
        assert not app.state.service.sessions


class AheadLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock a test may put forward."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s


def test_a_session_that_sends_is_not_idle_however_long_it_lasts(repository: Path) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, AheadLoop)
        async with local_app(GatedStages(repository)) as app, accepted_socket(app) as socket:
            await socket.opened(stride=0)
            for number in range(10):
                loop.ahead_s += 40  # of the 60 s that a session may be silent
                socket.send(FRAME_NUMBER.pack(number) + b"".join(PACKED[:6]))
                assert (await socket.answer())["frame"] == number

    with asyncio.Runner(loop_factory=AheadLoop) as runner:
        runner.run(story())


@pytest.mark.anyio
async def test_a_window_that_fails_is_told_and_the_next_one_is_answered(repository: Path) -> None:
    async with serving(repository) as (app, stages), accepted_socket(app) as socket:
        await socket.opened()
        for fault, code in ((NotReady("away"), "not_ready"), (ValueError("a bug"), "internal")):
            stages.fault = fault
            socket.send(b"".join(PACKED[:6]))
            told = await socket.answer()
            assert (told["type"], told["code"]) == ("error", code)
            assert "bug" not in told["error"]
        stages.fault = None
        socket.send(PACKED[6])
        assert (await socket.answer())["frame"] == 13


@pytest.mark.anyio
async def test_a_stage_that_hangs_costs_its_window_alone(repository: Path) -> None:
    async with serving(repository, request_deadline_s=0.2) as (app, stages), accepted_socket(app) as socket:
        await socket.opened()
        stages.gate.clear()
        socket.send(b"".join(PACKED[:6]))
        assert (await socket.answer())["code"] == "deadline_exceeded"
        stages.gate.set()
        told: dict[str, Any] = {"code": "deadline_exceeded"}
        while "code" in told:  # on a busy machine a good window may be late too
            socket.send(PACKED[6])
            told = await socket.answer()
        assert told["frame"] >= 7


@pytest.mark.anyio
async def test_a_model_with_other_labels_ends_the_sessions_so_that_none_reads_answers_by_the_old_ones(
    repository: Path,
) -> None:
    async with serving(repository) as (app, stages), accepted_socket(app) as socket:
        await socket.opened()
        card = stages.model_status.card
        assert card is not None
        stages.model_status = replace(stages.model_status, version="2", card=type(card)(**{**describe_session(card)}))
        await app.state.service.gesture.refresh()
        socket.send(b"".join(PACKED[:6]))
        assert (await socket.answer())["frame"] == 6, "another version of the same shape is no reason to end"
        other = {**describe_session(card), "class_labels": tuple(reversed(card.class_labels))}
        stages.model_status = replace(stages.model_status, version="3", card=type(card)(**other))
        await app.state.service.gesture.refresh()
        socket.send(PACKED[6])
        assert (await socket.answer())["code"] == "model_changed"
        assert (await closed_with(socket))[0] == 1012


@pytest.mark.anyio
@pytest.mark.parametrize("frames", [PACKED[0], b"".join(PACKED[:30])])
async def test_frames_of_refused_messages_count_as_many_as_they_are(repository: Path, frames: bytes) -> None:
    count = len(frames) // len(PACKED[0])
    refused = frames[:-2] + np.array(np.nan, "<f2").tobytes()

    # A second's frames are two messages, so that a slow machine has half a second for the third.
    async with serving(repository, session_frames_per_s=2 * count) as (app, _), accepted_socket(app) as socket:
        await socket.opened()
        for _round in range(2):
            socket.send(refused)
            assert "is nan" in (await socket.answer())["error"]
        socket.send(refused)
        assert (await socket.answer())["code"] == "invalid_input"
        assert (await socket.answer())["code"] == "too_many_frames"
        assert (await closed_with(socket))[0] == 1008


@pytest.mark.anyio
@pytest.mark.parametrize("kept", [1, 30])
async def test_frames_of_fp32_in_a_session_of_fp16_end_it_with_the_first_one(repository: Path, kept: int) -> None:
    async with serving(repository) as (app, _), accepted_socket(app) as socket:
        await socket.opened()
        for frame in FRAMES[:kept]:
            socket.send(frame.astype("<f4").tobytes())
        told = await socket.answer()
        assert (told["code"], "frame" in told) == ("invalid_input", False)
        assert "numbers of fp32, expected fp16" in told["error"]
        assert (await closed_with(socket))[0] == 1007


NOT_FINITE = np.full(84, np.nan, "<f2").tobytes()


@pytest.mark.anyio
async def test_answers_and_errors_come_in_the_order_of_the_frames(repository: Path) -> None:
    async with serving(repository) as (app, stages), accepted_socket(app) as socket:
        await socket.opened()
        stages.gate.clear()
        for number, frame in enumerate(PACKED[:6], 1):
            socket.send(FRAME_NUMBER.pack(number) + frame)
        while stages.batches == 0:
            await asyncio.sleep(0.001)
        for number, frame in ((7, NOT_FINITE), (8, PACKED[6]), (9, NOT_FINITE), (10, PACKED[7]), (11, NOT_FINITE)):
            socket.send(FRAME_NUMBER.pack(number) + frame)
        while not socket.to_app.empty():
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        assert socket.from_app.empty(), "the error to a later frame came before the answer to an earlier one"
        stages.gate.set()
        told = [await socket.answer() for _ in range(5)]
        assert [(answer["frame"], answer.get("code")) for answer in told] == [
            (6, None),
            (7, "invalid_input"),
            (9, "invalid_input"),
            (10, None),
            (11, "invalid_input"),
        ]
        assert told[3]["skipped"] == 1


@pytest.mark.anyio
async def test_a_flood_of_refused_messages_is_read_no_faster_than_it_is_told(repository: Path) -> None:
    flood = 5 * MAX_REJECTED

    async with serving(repository) as (app, stages), accepted_socket(app) as socket:
        await socket.opened()
        stages.gate.clear()
        socket.send(FRAME_NUMBER.pack(0) + b"".join(PACKED[:6]))
        while stages.batches == 0:
            await asyncio.sleep(0.001)
        for number in range(1, flood + 1):
            socket.send(FRAME_NUMBER.pack(number) + NOT_FINITE)
        await asyncio.sleep(0.05)
        assert socket.to_app.qsize() == flood - MAX_REJECTED
        stages.gate.set()
        told = [await socket.answer() for _ in range(flood + 1)]
        assert [answer["frame"] for answer in told] == list(range(flood + 1))


@pytest.mark.anyio
async def test_what_was_refused_is_told_before_the_session_is_closed(repository: Path) -> None:
    async with serving(repository) as (app, stages), accepted_socket(app) as socket:
        await socket.opened()
        stages.gate.clear()
        socket.send(b"".join(PACKED[:6]))
        while stages.batches == 0:
            await asyncio.sleep(0.001)
        socket.send(FRAME_NUMBER.pack(7) + NOT_FINITE)
        socket.send("good day")
        assert (await socket.answer())["frame"] == 7
        assert "frame" not in await socket.answer()
        assert (await closed_with(socket))[0] == 1007


def count_failures(app: Starlette) -> float:
    value = app.state.service.metrics.registry.get_sample_value("helen_task_failures_total", {"task": "session"})
    assert isinstance(value, float)
    return value


@pytest.mark.anyio
async def test_a_server_that_refuses_an_answer_costs_that_answer_alone_and_is_counted(
    repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(repository) as (app, _), accepted_socket(app) as socket:
        await socket.opened()
        socket.fault = RuntimeError("the server is in a state of its own")
        socket.send(b"".join(PACKED[:6]))
        while socket.fault is not None:
            await asyncio.sleep(0.001)
        socket.send(PACKED[6])
        assert (await socket.answer())["frame"] == 7
        assert count_failures(app) == 1

    assert "a state of its own" in caplog.text


@pytest.mark.anyio
async def test_a_session_that_fails_is_told_so_and_closed(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise KeyError("a bug")

    async with serving(repository) as (app, _):
        async with accepted_socket(app) as socket:
            await socket.opened()
            monkeypatch.setattr(StreamSession, "feed_binary", fails)
            socket.send(PACKED[0])
            told = await socket.answer()
            assert (told["code"], "bug" in told["error"]) == ("internal", False)
            assert (await closed_with(socket))[0] == 1011
            assert count_failures(app) == 1
        assert not app.state.service.sessions


@pytest.mark.anyio
async def test_a_client_that_reads_nothing_doesn_t_keep_its_session(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "CLOSE_WITHIN_S", 0.05)

    async with serving(repository, session_idle_s=0.1) as (app, _), accepted_socket(app) as socket:
        socket.reads.clear()
        socket.send({})
        async with asyncio.timeout(5):
            while app.state.service.sessions:
                await asyncio.sleep(0.01)


def describe_session(card: Any) -> dict[str, Any]:
    return {name: getattr(card, name) for name in card.__struct_fields__}


@pytest.mark.anyio
async def test_a_client_that_hangs_up_in_the_middle_leaves_nothing_behind(repository: Path) -> None:
    async with serving(repository) as (app, stages):
        async with accepted_socket(app) as socket:
            await socket.opened()
            stages.gate.clear()
            socket.send(b"".join(PACKED[:6]))
            while stages.batches == 0:
                await asyncio.sleep(0.001)
        assert not app.state.service.sessions
        stages.gate.set()
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://helen") as client:
            assert (await client.post("/predict", json={"sequence": FRAMES[:6].tolist()})).status_code == 200
