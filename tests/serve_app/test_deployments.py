"""Asking the stages again where a replica leaves a batch without an answer."""

import asyncio

import pytest
from ray.exceptions import RayActorError
from ray.serve.exceptions import BackPressureError

from serve_app import deployments
from serve_app.deployments import ATTEMPTS, asked
from serve_app.errors import NotReady, Overloaded


class Stage:
    """Meets some faults, one an attempt, before it answers 42; a fault of ``None`` hangs for good."""

    def __init__(self, *faults: Exception | None) -> None:
        self.faults = list(faults)
        self.attempts = 0

    async def __call__(self) -> int:
        self.attempts += 1
        if self.attempts > len(self.faults):
            return 42
        fault = self.faults[self.attempts - 1]
        if fault is None:
            await asyncio.Event().wait()
            raise AssertionError
        raise fault


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployments, "ATTEMPT_S", 0.01)
    monkeypatch.setattr(deployments, "PAUSE_S", 0.0)


def outcome_of(stage: Stage) -> int:
    async def story() -> int:
        async with asyncio.timeout(10):
            answer: int = await asked("gesture", stage)
            return answer

    return asyncio.run(story())


@pytest.mark.parametrize("fault", [None, RayActorError()], ids=["hangs", "died"])
def test_a_batch_that_got_no_answer_is_asked_again(fault: Exception | None) -> None:
    stage = Stage(fault)
    assert outcome_of(stage) == 42
    assert stage.attempts == 2


@pytest.mark.parametrize("fault", [None, RayActorError()], ids=["hangs", "died"])
def test_after_several_attempts_the_client_is_told_to_come_back(fault: Exception | None) -> None:
    stage = Stage(*[fault] * ATTEMPTS)
    with pytest.raises(NotReady, match="being replaced"):
        outcome_of(stage)
    assert stage.attempts == ATTEMPTS


def test_a_full_queue_is_said_at_once() -> None:
    stage = Stage(BackPressureError(num_queued_requests=64, max_queued_requests=64))
    with pytest.raises(Overloaded, match="gesture model's queue is full"):
        outcome_of(stage)
    assert stage.attempts == 1
