"""A batch that fails, times out or is left by its callers: slots are respected, and nothing runs for nobody."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from serve_app.batching.batcher import MicroBatcher
from testkit.stages.echo_backend import EchoBackend, build_batcher, let_others_run, submit_all


async def start_batch(
    run: EchoBackend, target: MicroBatcher[object, object], items: Sequence[object]
) -> list[asyncio.Task[object]]:
    """The callers of a batch of several items that is in flight, at a closed gate."""
    holder = asyncio.ensure_future(target.submit("holder of the slot", "holder"))
    await let_others_run()
    callers = [asyncio.create_task(target.submit(item, "s")) for item in items]
    await let_others_run()
    holder.cancel()
    await let_others_run()
    assert run.batches[1:] == [list(items)]
    return callers


@pytest.mark.anyio
async def test_the_items_of_a_batch_that_failed_run_alone_and_within_the_slots() -> None:
    run = EchoBackend()
    run.gate.clear()
    items = [*range(30), "poison", 31]
    answers = asyncio.ensure_future(submit_all(build_batcher(run, size=32, slots=2, waiting=64), [-1, *items]))
    await let_others_run()
    run.gate.set()
    alone = await answers
    assert [answer for answer in alone if isinstance(answer, int)] == [2 * item for item in (-1, *range(30), 31)]
    assert sum(isinstance(answer, RuntimeError) for answer in alone) == 1
    assert run.batches[2:] == [[item] for item in items]
    assert run.most_running == 2


@pytest.mark.anyio
async def test_items_that_run_alone_take_turns_with_what_waits() -> None:
    run = EchoBackend()
    run.gate.clear()
    target = build_batcher(run, size=4)
    suspects = await start_batch(run, target, ["poison", 1, 2, 3])
    others = asyncio.ensure_future(submit_all(target, range(10, 18), shape="other"))
    await let_others_run()
    run.batches.clear()
    run.gate.set()
    await asyncio.gather(others, *suspects, return_exceptions=True)
    assert run.batches == [[10, 11, 12, 13], ["poison"], [14, 15, 16, 17], [1], [2], [3]]
    assert run.most_running == 1


@pytest.mark.anyio
@pytest.mark.parametrize("fault", [TimeoutError("too late"), ConnectionError("a bug")])
async def test_a_batch_that_timed_out_is_not_run_again_and_another_failure_is(fault: Exception) -> None:
    batches: list[list[object]] = []

    async def fails(items: Sequence[object]) -> Sequence[object]:
        batches.append(list(items))
        await asyncio.sleep(0)
        raise fault

    target: MicroBatcher[object, object] = MicroBatcher(fails, max_batch_size=8, max_in_flight=1, max_waiting=8)
    assert await submit_all(target, [1, 2, 3]) == [fault] * 3
    again = [] if isinstance(fault, TimeoutError) else [[2], [3]]
    assert batches == [[1], [2, 3], *again]


@pytest.mark.anyio
async def test_whose_caller_has_gone_is_not_run_again_when_its_batch_fails() -> None:
    run = EchoBackend()
    run.gate.clear()
    callers = await start_batch(run, build_batcher(run), ["poison", 1, 2])
    for gone in callers[:2]:
        gone.cancel()
    await let_others_run()
    run.batches.clear()
    run.gate.set()
    assert await callers[2] == 4
    assert run.batches == [[2]]


@pytest.mark.anyio
@pytest.mark.parametrize("together", [False, True])
async def test_a_batch_whose_callers_have_all_gone_gives_its_slot_back(together: bool) -> None:
    run = EchoBackend()
    run.gate.clear()
    target = build_batcher(run, slots=1)
    if together:
        gone: list[asyncio.Task[Any]] = [asyncio.create_task(target.submit_all(["hangs", "hangs"], "s"))]
    else:
        gone = [asyncio.create_task(target.submit("hangs", "s"))]
    await let_others_run()
    next_one = asyncio.ensure_future(target.submit(1, "s"))
    await let_others_run()
    assert run.running == 1
    for caller in gone:
        caller.cancel()
    await let_others_run()
    assert (run.running, run.batches[-1]) == (1, [1]), "the slot is the next one's"
    run.gate.set()
    assert await next_one == 2


@pytest.mark.anyio
async def test_a_batch_that_one_caller_still_waits_for_goes_on() -> None:
    run = EchoBackend()
    run.gate.clear()
    gone, stays = await start_batch(run, build_batcher(run), [1, 2])
    gone.cancel()
    await let_others_run()
    run.gate.set()
    assert await stays == 4
    assert run.batches[1:] == [[1, 2]]


@pytest.mark.anyio
@pytest.mark.parametrize("together", [False, True])
async def test_who_has_gone_leaves_room_for_others_to_wait(together: bool) -> None:
    run = EchoBackend()
    run.gate.clear()
    target = build_batcher(run, slots=1, waiting=2)
    first = asyncio.ensure_future(target.submit(0, "s"))
    await let_others_run()
    if together:
        gone: list[asyncio.Task[Any]] = [asyncio.create_task(target.submit_all([1, 2], "s"))]
    else:
        gone = [asyncio.create_task(target.submit(item, "s")) for item in (1, 2)]
    await let_others_run()
    assert target.waiting == 2
    for caller in gone:
        caller.cancel()
    await let_others_run()
    assert target.waiting == 0
    later = [asyncio.ensure_future(target.submit(item, "s")) for item in (3, 4)]
    await let_others_run()
    run.gate.set()
    assert await asyncio.gather(first, *later) == [0, 6, 8]
    assert run.batches == [[0], [3, 4]]
