"""Calling the stages of a model: again where a replica died with the call, once where it is only slow."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

import numpy as np
import pytest
from ray.exceptions import ActorUnavailableError, RayActorError
from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle

from landmarks.protocol.tensors import POSES
from landmarks.shots.keypoints import PoseTrack
from serve_app.deployments import ray_client
from serve_app.deployments.ray_client import ATTEMPTS, RayInferenceClient, RayShotInferenceClient, call_with_retries
from serve_app.errors import NotReady, Overloaded
from serve_app.schemas import BatchItem, TensorGroup, TensorResponse, VocabularyKey
from serve_app.shots.request import ShotRequest

DIED = (RayActorError(), ActorUnavailableError("the connection broke", None))
SLOW_S = 9.0


class Replica:
    """The deployment of one stage, for a handle: meets some faults, one a call, before it answers.

    A fault that is a number is slow by as many seconds, of a loop whose clock it puts forward.
    """

    def __init__(self, *faults: Exception | float, answer: object = 42) -> None:
        self.faults = list(faults)
        self.answer = answer
        self.calls: list[tuple[object, ...]] = []
        self.cancelled = 0

    def options(self, **_: object) -> "Replica":
        return self

    def remote(self, *arguments: object) -> "asyncio.Task[Any]":
        """As of a handle: the call is under way before anybody awaits it."""
        return asyncio.ensure_future(self(*arguments))

    async def __call__(self, *arguments: object) -> Any:
        self.calls.append(arguments)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, Exception):
            raise fault
        try:
            if fault is not None:
                loop = asyncio.get_running_loop()
                assert isinstance(loop, AheadLoop)
                loop.ahead_s += fault
                await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.answer


class AheadLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock a test may put forward."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_client, "PAUSE_S", 0.0)


def run_ahead(call: Callable[[], Awaitable[Any]]) -> Any:
    """Await what ``call`` gives on a clock that runs ahead of the machine's, with a deadline."""

    async def run() -> Any:
        async with asyncio.timeout(60):
            return await call()

    with asyncio.Runner(loop_factory=AheadLoop) as runner:
        return runner.run(run())


def make_stages(model: Replica, postprocess: Replica, kind: Any = RayInferenceClient) -> Any:
    return kind("gesture", cast("DeploymentHandle[Any]", model), cast("DeploymentHandle[Any]", postprocess))


def make_shot(poses: bool) -> ShotRequest:
    points = np.zeros((6, 33, 3), np.float32)
    track = PoseTrack(points, np.arange(6) / 30, tuple(range(6)))
    return ShotRequest(track, 0.0, None, 500, 200, "es", poses=points if poses else None)


WINDOWS = [BatchItem({"sequence": np.zeros((6, 84), np.float32)})] * 2
SHOTS = [make_shot(poses=True)] * 2


@pytest.mark.parametrize("fault", DIED, ids=repr)
def test_a_call_whose_replica_died_is_made_again(fault: Exception) -> None:
    stage = Replica(fault)
    assert run_ahead(lambda: call_with_retries("gesture", stage)) == 42
    assert len(stage.calls) == 2


@pytest.mark.parametrize("fault", DIED, ids=repr)
def test_after_several_attempts_the_client_is_told_to_come_back(fault: Exception) -> None:
    stage = Replica(*[fault] * ATTEMPTS)
    with pytest.raises(NotReady, match="being replaced"):
        run_ahead(lambda: call_with_retries("gesture", stage))
    assert len(stage.calls) == ATTEMPTS


def test_a_full_queue_is_said_at_once() -> None:
    stage = Replica(BackPressureError(num_queued_requests=64, max_queued_requests=64))
    with pytest.raises(Overloaded, match="gesture model's queue is full"):
        run_ahead(lambda: call_with_retries("gesture", stage))
    assert len(stage.calls) == 1


@pytest.mark.parametrize("slow", ["model", "postprocess"])
@pytest.mark.parametrize(("kind", "batch"), [(RayInferenceClient, WINDOWS), (RayShotInferenceClient, SHOTS)])
def test_a_batch_that_is_slow_is_computed_once(slow: str, kind: type, batch: list[Any]) -> None:
    model, postprocess = (Replica(*([SLOW_S] if slow == name else [])) for name in ("model", "postprocess"))
    assert run_ahead(lambda: make_stages(model, postprocess, kind).predict_json(batch)) == 42
    assert (len(model.calls), len(postprocess.calls)) == (1, 1)


@pytest.mark.parametrize("fault", DIED, ids=repr)
@pytest.mark.parametrize("method", ["predict_json", "infer"])
def test_only_the_stage_whose_replica_died_is_called_again_and_it_is_given_values(
    method: str, fault: Exception
) -> None:
    """A pending response as an argument would be resolved for ever by Serve's router, once its replica has died."""
    tensors = TensorResponse("1", {"label": np.array([b"yes", b"no"])}, {})
    answered = tensors if method == "predict_json" else [TensorGroup(tensors)]
    model, postprocess = Replica(fault, answer="output"), Replica(fault, answer=answered)
    answer = run_ahead(lambda: getattr(make_stages(model, postprocess), method)(WINDOWS))
    assert answer is tensors if method == "predict_json" else [row.row for row in answer] == [0, 1]
    (batch, outputs), (again, _) = model.calls
    assert batch is again
    assert outputs == ("logits",)
    assert cast("Any", batch)["sequence"].shape == (2, 6, 84)
    assert postprocess.calls == [("output", ())] * 2


@pytest.mark.parametrize("method", ["predict_json", "infer"])
def test_a_batch_names_its_vocabularies_and_asks_for_the_embedding_only_where_one_is_named(method: str) -> None:
    mine = VocabularyKey("mine", "0" * 64)
    model, postprocess = Replica(answer="output"), Replica(answer=[])
    batch = [WINDOWS[0], WINDOWS[0]._replace(vocabulary=mine), WINDOWS[0]._replace(outputs=("logits", "extra"))]
    with suppress(KeyError):  # the made answer has no rows
        run_ahead(lambda: getattr(make_stages(model, postprocess), method)(batch))
    assert [outputs for _, outputs in cast("Any", model.calls)] == [("logits", "embedding", "extra")]
    assert postprocess.calls == [("output", (None, mine, None))]


def test_shots_without_poses_don_t_ask_the_model() -> None:
    model, postprocess = Replica(), Replica()
    shots = [make_shot(poses=False)]
    assert run_ahead(lambda: make_stages(model, postprocess, RayShotInferenceClient).predict_json(shots)) == 42
    assert (model.calls, postprocess.calls) == ([], [(shots, None)])


def test_shots_with_poses_are_analyzed_with_what_the_model_gave_for_them() -> None:
    model, postprocess = Replica(answer="output"), Replica()
    run_ahead(lambda: make_stages(model, postprocess, RayShotInferenceClient).predict_json(SHOTS))
    ((batch,),) = model.calls
    assert cast("Any", batch)[POSES].shape == (2, 6, 33, 3)
    assert postprocess.calls == [(SHOTS, "output")]


@pytest.mark.parametrize("slow", ["model", "postprocess"])
def test_a_batch_that_is_given_up_is_cancelled_where_it_is(slow: str) -> None:
    model, postprocess = (Replica(*([SLOW_S] if slow == name else [])) for name in ("model", "postprocess"))

    async def call() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SLOW_S / 2):
                await make_stages(model, postprocess).predict_json(WINDOWS)

    run_ahead(call)
    assert (model.cancelled, postprocess.cancelled) == ((1, 0) if slow == "model" else (0, 1))
