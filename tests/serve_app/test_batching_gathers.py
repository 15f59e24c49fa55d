"""Who was just answered is waited for, so that those who ask together go together; never for long."""

import asyncio
import itertools

import pytest
import uvloop

from serve_app import batching
from serve_app.batching import MicroBatcher
from tests.serve_app.doubler import Doubler, batcher, let_others_run, submit_all, tell


async def answered_together(
    run: Doubler, monkeypatch: pytest.MonkeyPatch, gather_s: float = 60
) -> MicroBatcher[object, object]:
    """A batcher of batches of 8 that has just answered one of 4, and waits ``gather_s`` for 4 to come again."""
    monkeypatch.setattr(batching, "GATHER_S", 60)
    target = batcher(run)
    await answer_four_together(run, target)
    monkeypatch.setattr(batching, "GATHER_S", gather_s)
    return target


async def answer_four_together(run: Doubler, target: MicroBatcher[object, object]) -> None:
    """Let a batch of four form, the last of whom comes when the other three have nobody left to wait for but it."""
    run.batches.clear()
    run.gate.clear()
    first = asyncio.ensure_future(submit_all(target, [0]))
    await let_others_run()
    others = asyncio.ensure_future(submit_all(target, [1, 2, 3]))
    await let_others_run()
    run.gate.set()
    await first
    await asyncio.gather(others, submit_all(target, [4]))
    assert run.batches == [[0], [1, 2, 3, 4]]
    run.batches.clear()


def test_those_answered_together_are_waited_for_and_go_together_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        run = Doubler()
        target = await answered_together(run, monkeypatch)
        answers = [asyncio.ensure_future(submit_all(target, [item])) for item in (1, 2, 3)]
        await let_others_run()
        assert run.batches == []
        answers.append(asyncio.ensure_future(submit_all(target, [4])))
        assert await asyncio.gather(*answers) == [[2], [4], [6], [8]]
        assert run.batches == [[1, 2, 3, 4]]

    tell(story)


def test_another_shape_than_the_one_answered_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        run = Doubler()
        target = await answered_together(run, monkeypatch)
        assert await submit_all(target, ["b"], shape="other") == ["bb"]

    tell(story)


def test_who_waited_when_others_were_answered_waits_for_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        run = Doubler()
        target = await answered_together(run, monkeypatch)
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

    tell(story)


def test_nobody_is_waited_for_twice_who_did_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        run = Doubler()
        target = await answered_together(run, monkeypatch, gather_s=0.01)
        assert await submit_all(target, [1, 2]) == [2, 4]
        assert [item for batch in run.batches for item in batch] == [1, 2]
        run.batches.clear()
        monkeypatch.setattr(batching, "GATHER_S", 60)
        for item in range(batching.HOLD_OFF):
            assert await submit_all(target, [item]) == [2 * item]
        await answer_four_together(run, target)

    tell(story)


def test_the_more_often_nobody_came_the_longer_nobody_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cameras with a rhythm of their own: each wait costs them time and gains nothing."""
    monkeypatch.setattr(batching, "GATHER_S", 0.002)
    monkeypatch.setattr(batching, "HOLD_OFF", 4)
    monkeypatch.setattr(batching, "HOLD_OFF_MOST", 16)

    async def story() -> None:
        run = Doubler()
        target = batcher(run)
        waited_in_vain: list[int] = []
        go_without = target._go_without

        def counted() -> None:
            waited_in_vain.append(len(run.batches))
            go_without()

        monkeypatch.setattr(target, "_go_without", counted)

        async def cameras(batches: int) -> list[int]:
            """Let some batches go; how many went from one wait in vain to the next."""
            waited_in_vain.clear()
            until = len(run.batches) + batches
            while len(run.batches) < until:
                await submit_all(target, [0, 1])
                await submit_all(target, [2])
            return [after - before for before, after in itertools.pairwise(waited_in_vain)]

        async def one_who_asks_again() -> None:
            for item in range(60):
                await submit_all(target, [item])

        between = await cameras(80)
        assert between[0] < between[1] < between[2], between
        assert max(between) <= 16 + 2, between
        await asyncio.gather(*(one_who_asks_again() for _ in range(4)))  # those come who are waited for
        assert (await cameras(20))[0] < between[2]

    tell(story)


@pytest.mark.parametrize("gather_s", [0.0004, 0.0014, 0.0024])
def test_the_wait_ends_on_a_loop_that_counts_in_milliseconds(monkeypatch: pytest.MonkeyPatch, gather_s: float) -> None:
    async def story() -> None:
        run = Doubler()
        target = await answered_together(run, monkeypatch, gather_s)
        async with asyncio.timeout(10):
            assert await submit_all(target, [1]) == [2]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story())
