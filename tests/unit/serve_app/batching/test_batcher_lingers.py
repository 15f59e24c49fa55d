"""The batcher lingers for clients who were just answered, so that those who ask together go together."""

import asyncio

import pytest
import uvloop

from serve_app.batching.batcher import MicroBatcher
from serve_app.batching.linger import Linger
from testkit.stages.echo_backend import EchoBackend, build_batcher, let_others_run, submit_all


async def answered_together(run: EchoBackend, linger: Linger) -> MicroBatcher[object, object]:
    """A batcher of batches of 8 that has just answered one of 4, the last of whom came when the others lingered."""
    target = build_batcher(run, linger=linger)
    run.gate.clear()
    first = asyncio.ensure_future(submit_all(target, [0]))
    await let_others_run()
    others = asyncio.ensure_future(submit_all(target, [1, 2, 3]))
    await let_others_run()
    run.gate.set()
    await first
    await asyncio.gather(others, submit_all(target, [4]))
    run.batches.clear()
    return target


@pytest.mark.anyio
async def test_those_answered_together_are_waited_for_and_go_together_again() -> None:
    run = EchoBackend()
    target = await answered_together(run, Linger(60, expect_s=60))
    answers = [asyncio.ensure_future(submit_all(target, [item])) for item in (1, 2, 3)]
    await let_others_run()
    assert run.batches == []
    answers.append(asyncio.ensure_future(submit_all(target, [4])))
    assert await asyncio.gather(*answers) == [[2], [4], [6], [8]]
    assert run.batches == [[1, 2, 3, 4]]


@pytest.mark.anyio
async def test_another_shape_than_the_one_answered_waits_for_nobody() -> None:
    run = EchoBackend()
    target = await answered_together(run, Linger(60, expect_s=60))
    assert await submit_all(target, ["b"], shape="other") == ["bb"]


@pytest.mark.anyio
async def test_who_waited_when_others_were_answered_waits_for_them_too() -> None:
    run = EchoBackend()
    target = await answered_together(run, Linger(60, expect_s=60))
    run.gate.clear()
    first = asyncio.ensure_future(submit_all(target, [1, 2, 3, 4]))
    await let_others_run()
    second = asyncio.ensure_future(submit_all(target, [5, 6]))
    await let_others_run()
    run.gate.set()
    assert await first == [2, 4, 6, 8]
    await let_others_run()
    assert run.batches == [[1, 2, 3, 4]]
    again = asyncio.ensure_future(submit_all(target, [1, 2, 3, 4]))
    assert (await second, await again) == ([10, 12], [2, 4, 6, 8])
    assert run.batches == [[1, 2, 3, 4], [5, 6, 1, 2, 3, 4]]


class AheadLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock a test may put forward."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s


def test_a_lone_request_long_after_a_burst_leaves_at_once() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, AheadLoop)
        run = EchoBackend()
        target = await answered_together(run, Linger(60, expect_s=60))
        loop.ahead_s += 3600
        answer = asyncio.ensure_future(submit_all(target, [1]))
        await let_others_run()
        assert run.batches == [[1]]
        assert await answer == [2]

    with asyncio.Runner(loop_factory=AheadLoop) as runner:
        runner.run(story())


@pytest.mark.anyio
async def test_who_is_waited_for_in_vain_holds_up_one_request_alone() -> None:
    run = EchoBackend()
    target = build_batcher(run, linger=Linger(0.01, expect_s=60))
    run.gate.clear()
    burst = asyncio.ensure_future(submit_all(target, [0, 1, 2, 3, 4]))
    await let_others_run()
    run.gate.set()
    await burst
    assert await submit_all(target, [1]) == [2]  # the others never come
    run.batches.clear()
    answer = asyncio.ensure_future(submit_all(target, [2]))
    await let_others_run()
    assert run.batches == [[2]]
    assert await answer == [4]


@pytest.mark.anyio
async def test_nobody_who_waits_and_leaves_keeps_the_timer_of_a_linger_from_ending() -> None:
    run = EchoBackend()
    target = await answered_together(run, Linger(0.01, expect_s=60))
    gone = asyncio.ensure_future(submit_all(target, [1]))
    await let_others_run()
    gone.cancel()
    async with asyncio.timeout(5):
        assert await submit_all(target, [2]) == [4]


@pytest.mark.parametrize("linger_s", [0.0004, 0.0014, 0.0024])
def test_the_wait_ends_on_a_loop_that_counts_in_milliseconds(linger_s: float) -> None:
    async def story() -> None:
        run = EchoBackend()
        target = await answered_together(run, Linger(linger_s, expect_s=60))
        async with asyncio.timeout(10):
            assert await submit_all(target, [1]) == [2]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story())
