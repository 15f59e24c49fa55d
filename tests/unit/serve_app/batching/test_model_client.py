"""One model's way through the graph, with stages that can be watched, hang or go away."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from landmarks.recording import Recording
from serve_app.batching import model_client
from serve_app.errors import NotReady, RequestError
from serve_app.gestures.client import GestureClient
from serve_app.schemas import BatchItem, ModelStatus, ResponseRow, TensorResponse, Tensors, VocabularyKey, stack
from serve_app.settings import ServiceArguments
from testkit.model_files import build_card, linear_model


class WatchedStages:
    """Answers a batch with each window's first number, and keeps the shapes that it was given."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.versions: list[str] = []
        self.hangs = False
        self.away = False
        self.fault: BaseException | None = None

    async def predict_json(self, items: Sequence[BatchItem]) -> Sequence[bytes | Exception]:
        batch = stack(items)
        self.shapes.append(batch["sequence"].shape)
        if self.hangs:
            await asyncio.sleep(60)
        return [str(window[0, 0]).encode() for window in batch["sequence"]]

    async def infer(self, items: Sequence[BatchItem]) -> Sequence[ResponseRow | Exception]:
        batch = stack(items)
        self.shapes.append(batch["sequence"].shape)
        version = self.versions.pop(0) if self.versions else "1"
        first = batch["sequence"][:, 0, 0]
        failed: dict[int, Exception] = {int(row): ValueError("minus") for row in np.flatnonzero(first < 0)}
        return TensorResponse(version, {"first": first}, failed).split_rows()

    async def reload(self) -> Sequence[ModelStatus]:
        return [await self.status()]

    async def status(self) -> ModelStatus:
        if self.fault is not None:
            raise self.fault
        if self.away:
            raise ConnectionError("the replica is gone")
        return ModelStatus("gesture", "1", "made", build_card(linear_model()))

    async def artifacts(self) -> dict[str, bytes]:
        return {}

    async def prepare(self, key: VocabularyKey, base: str) -> Sequence[bool | RequestError]:
        return [True]

    async def teach(self, recording: Recording, keep: Sequence[str], base: str) -> bytes | RequestError:
        return b""


def window(frames: int, value: float) -> Tensors:
    return {"sequence": np.full((frames, 84), value, np.float32), "presence": np.ones((frames, 2), np.float32)}


@pytest.mark.anyio
async def test_windows_of_different_length_are_stacked_apart_and_each_gets_its_own_answer() -> None:
    stages = WatchedStages()
    client = GestureClient("gesture", stages, ServiceArguments(batches_in_flight=1))
    lengths = [10, 20, 30] * 8
    answers = await asyncio.gather(
        *(client.predict_json(BatchItem(window(frames, index))) for index, frames in enumerate(lengths))
    )
    assert answers == [f"{index}.0".encode() for index in range(24)]
    assert stages.shapes == [(1, 10, 84), (8, 20, 84), (8, 30, 84), (7, 10, 84)]


@pytest.mark.anyio
async def test_a_stage_that_hangs_gives_its_slot_back_at_the_deadline() -> None:
    stages = WatchedStages()
    client = GestureClient("gesture", stages, ServiceArguments(batches_in_flight=1, request_deadline_s=0.1))
    stages.hangs = True
    with pytest.raises(TimeoutError):
        await client.predict_json(BatchItem(window(10, 1)))
    stages.hangs = False
    assert await client.predict_json(BatchItem(window(10, 2))) == b"2.0"


@pytest.mark.anyio
async def test_a_pipeline_is_not_ready_before_its_model_has_described_itself_nor_after_it_has_gone() -> None:
    stages = WatchedStages()
    client = GestureClient("gesture", stages, ServiceArguments())
    with pytest.raises(NotReady, match="the gesture model is starting"):
        client.require_ready()
    assert not client.started
    await client.refresh()
    assert client.started
    assert client.require_ready().feature_dim == 84
    stages.away = True
    await client.refresh()
    assert client.require_ready().feature_dim == 84, "one miss is no outage"
    for _ in range(2):
        await client.refresh()
    with pytest.raises(NotReady, match="the gesture model doesn't answer: the replica is gone"):
        client.require_ready()


@pytest.mark.anyio
async def test_a_watched_pipeline_notices_by_itself_when_its_model_returns() -> None:
    stages = WatchedStages()
    stages.away = True
    client = GestureClient("gesture", stages, ServiceArguments())
    async with client.watched(lambda _: None):
        await asyncio.sleep(0.1)
        assert client.status.card is None
        stages.away = False
        while client.status.card is None:
            await asyncio.sleep(0.05)


class Unspeakable(Exception):
    """An error that can't even be told."""

    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.anyio
@pytest.mark.parametrize("fault", [Unspeakable(), asyncio.CancelledError("by Serve"), KeyError("a bug")])
async def test_whatever_a_refresh_raises_the_watch_goes_on(
    fault: BaseException, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(model_client, "REFRESH_S", 0.001)
    failures: list[str] = []

    stages = WatchedStages()
    client = GestureClient("gesture", stages, ServiceArguments())
    stages.fault = fault
    async with client.watched(failures.append):
        await asyncio.sleep(0.05)
        assert client.status.card is None
        stages.fault = None
        async with asyncio.timeout(5):
            while client.status.card is None:
                await asyncio.sleep(0.001)
    assert bool(failures) == isinstance(fault, Unspeakable)
    assert "gesture model" in caplog.text


@pytest.mark.anyio
async def test_a_watch_that_has_ended_shows_as_not_ready() -> None:
    client = GestureClient("gesture", WatchedStages(), ServiceArguments())
    async with client.watched(lambda _: None):
        while client.status.card is None:
            await asyncio.sleep(0.001)
        (watch,) = (task for task in asyncio.all_tasks() if task.get_name() == "watch over the gesture model")
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await asyncio.sleep(0)
        assert not client.ready
        with pytest.raises(NotReady, match="the watch over the gesture model has ended; restart the service"):
            client.require_ready()


@pytest.mark.anyio
async def test_a_watch_that_is_left_leaves_the_model_as_it_was() -> None:
    client = GestureClient("gesture", WatchedStages(), ServiceArguments())
    async with client.watched(lambda _: None):
        while client.status.card is None:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0)
    assert client.ready


@pytest.mark.anyio
async def test_tensor_and_json_requests_share_no_batch_and_no_slot_and_each_gets_its_own_kind_of_answer() -> None:
    stages = WatchedStages()
    client = GestureClient("gesture", stages, ServiceArguments(batches_in_flight=1))
    first = asyncio.ensure_future(client.predict_json(BatchItem(window(10, 1))))
    both = asyncio.gather(client.infer([window(10, 2), window(10, 3)]), client.infer([window(10, 5)]))
    last = await client.predict_json(BatchItem(window(10, 4)))
    (version, tensors), (_, lone) = await both
    assert (await first, version, tensors["first"].tolist(), last) == (b"1.0", "1", [2, 3], b"4.0")
    assert lone["first"].tolist() == [5]
    assert sorted(stages.shapes) == [(1, 10, 84), (1, 10, 84), (1, 10, 84), (2, 10, 84)]


@pytest.mark.anyio
async def test_a_row_that_fails_fails_its_own_request_alone() -> None:
    stages = WatchedStages()
    client = GestureClient("gesture", stages, ServiceArguments(batches_in_flight=1))
    answers = await asyncio.gather(*(client.infer([window(10, value)]) for value in (1, -2, 3)), return_exceptions=True)
    assert isinstance(answers[1], ValueError)
    assert [answers[index][1]["first"].tolist() for index in (0, 2)] == [[1], [3]]  # type: ignore[index]


@pytest.mark.anyio
async def test_rows_of_one_request_are_never_answered_by_two_versions() -> None:
    stages = WatchedStages()
    arguments = ServiceArguments(batches_in_flight=1, max_batch_size=1)
    client = GestureClient("gesture", stages, arguments)
    stages.versions = ["1", "2"]
    version, tensors = await client.infer([window(10, 1), window(10, 2)])
    assert (version, tensors["first"].tolist()) == ("1", [1, 2]), "asked again, and one version answered both"
    stages.versions = ["1", "2", "1", "2"]
    with pytest.raises(NotReady, match="is being replaced"):
        await client.infer([window(10, 1), window(10, 2)])
