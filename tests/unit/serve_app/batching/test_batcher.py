"""The batcher: what waits becomes one batch, shapes stay apart, and a bad item fails alone."""

import asyncio
from collections.abc import Sequence

import pytest

from serve_app.batching.batcher import MicroBatcher
from serve_app.errors import NotReady, Overloaded
from testkit.stages.echo_backend import EchoBackend, build_batcher, let_others_run, submit_all


@pytest.mark.anyio
async def test_a_lone_item_leaves_at_once_in_a_batch_of_its_own() -> None:
    run = EchoBackend()
    assert await submit_all(build_batcher(run), [1]) == [2]
    assert run.batches == [[1]]


@pytest.mark.anyio
async def test_what_came_while_the_slot_was_taken_becomes_one_batch() -> None:
    run = EchoBackend()
    run.gate.clear()
    target = build_batcher(run, slots=1)
    answers = asyncio.ensure_future(submit_all(target, [1, 2, 3, 4]))
    await let_others_run()
    assert run.batches == [[1]]
    assert target.waiting == 3
    run.gate.set()
    assert await answers == [2, 4, 6, 8]
    assert run.batches == [[1], [2, 3, 4]]
    assert target.waiting == 0


@pytest.mark.anyio
async def test_a_batch_is_never_larger_than_its_limit_and_slots_are_never_exceeded() -> None:
    run = EchoBackend()
    run.gate.clear()
    waiting = asyncio.ensure_future(submit_all(build_batcher(run, size=3, slots=2), list(range(20))))
    await let_others_run()
    run.gate.set()
    answers = await waiting
    assert answers == [2 * item for item in range(20)]
    assert max(len(batch) for batch in run.batches) <= 3
    assert run.most_running == 2


@pytest.mark.anyio
async def test_while_a_batch_is_in_flight_only_a_full_one_or_another_shape_takes_the_second_slot() -> None:
    run = EchoBackend()
    run.gate.clear()
    target = build_batcher(run, size=3, slots=2)
    first = asyncio.ensure_future(submit_all(target, [1]))
    await let_others_run()
    more = [asyncio.ensure_future(submit_all(target, [item])) for item in (2, 3)]
    await let_others_run()
    assert run.batches == [[1]]
    other = asyncio.ensure_future(submit_all(target, ["b"], shape="other"))
    await let_others_run()
    assert run.batches == [[1], ["b"]]
    run.gate.set()
    assert await asyncio.gather(first, *more, other) == [[2], [4], [6], ["bb"]]
    assert run.batches == [[1], ["b"], [2, 3]]


@pytest.mark.anyio
async def test_a_full_batch_takes_the_second_slot_of_its_own_shape() -> None:
    run = EchoBackend()
    run.gate.clear()
    target = build_batcher(run, size=3, slots=2)
    answers = asyncio.ensure_future(submit_all(target, [1, 2, 3, 4, 5]))
    await let_others_run()
    assert run.batches == [[1], [2, 3, 4]]
    run.gate.set()
    assert await answers == [2, 4, 6, 8, 10]


@pytest.mark.anyio
async def test_items_of_different_shape_never_share_a_batch_and_none_starves() -> None:
    run = EchoBackend()
    run.gate.clear()
    target = build_batcher(run, size=2, slots=1)
    long = asyncio.ensure_future(submit_all(target, ["a"] * 7, shape=30))
    await let_others_run()
    short = asyncio.ensure_future(submit_all(target, ["b"], shape=6))
    await let_others_run()
    run.gate.set()
    assert await long == ["aa"] * 7
    assert await short == ["bb"]
    assert all(len(set(batch)) == 1 for batch in run.batches)
    assert run.batches.index(["b"]) == 2, "the short window waited behind more than one batch of the long ones"


@pytest.mark.anyio
async def test_an_item_whose_answer_is_an_exception_fails_alone() -> None:
    run = EchoBackend()
    run.gate.clear()
    answers = asyncio.ensure_future(submit_all(build_batcher(run), [0, 1, "bad", 3]))
    await let_others_run()
    run.gate.set()
    first, second, bad, fourth = await answers
    assert [first, second, fourth] == [0, 2, 6]
    assert isinstance(bad, ValueError)
    assert run.batches == [[0], [1, "bad", 3]]


@pytest.mark.anyio
async def test_an_item_that_makes_its_whole_batch_fail_fails_alone() -> None:
    run = EchoBackend()
    run.gate.clear()
    answers = asyncio.ensure_future(submit_all(build_batcher(run), [0, 1, "poison", 3]))
    await let_others_run()
    run.gate.set()
    first, second, poison, fourth = await answers
    assert [first, second, fourth] == [0, 2, 6]
    assert isinstance(poison, RuntimeError)


@pytest.mark.anyio
async def test_a_stage_that_is_away_fails_the_batch_without_trying_each_item_again() -> None:
    run = EchoBackend()
    run.gate.clear()
    answers = asyncio.ensure_future(submit_all(build_batcher(run), [0, "away", 2]))
    await let_others_run()
    run.gate.set()
    assert [type(answer) for answer in (await answers)[1:]] == [NotReady, NotReady]
    assert run.batches == [[0], ["away", 2]]


@pytest.mark.anyio
async def test_one_item_more_than_may_wait_is_refused_at_once_and_the_others_are_answered() -> None:
    run = EchoBackend()
    run.gate.clear()
    target = build_batcher(run, slots=1, waiting=2)
    accepted = asyncio.ensure_future(submit_all(target, [1, 2, 3]))
    await let_others_run()
    with pytest.raises(Overloaded, match="2 requests are waiting"):
        await target.submit(4, "s")
    run.gate.set()
    assert await accepted == [2, 4, 6]


@pytest.mark.anyio
async def test_an_item_whose_caller_has_gone_is_not_run() -> None:
    run = EchoBackend()
    run.gate.clear()
    target = build_batcher(run, slots=1)
    first = asyncio.ensure_future(target.submit(1, "s"))
    gone = asyncio.ensure_future(target.submit(2, "s"))
    last = asyncio.ensure_future(target.submit(3, "s"))
    await let_others_run()
    gone.cancel()
    await let_others_run()
    run.gate.set()
    assert [await first, await last] == [2, 6]
    assert run.batches == [[1], [3]]
    assert target.waiting == 0


@pytest.mark.anyio
async def test_a_stage_that_loses_an_answer_is_an_error_for_each_item_and_never_a_wrong_answer() -> None:
    async def short(items: Sequence[object]) -> Sequence[object]:
        return items[1:]

    target: MicroBatcher[object, object] = MicroBatcher(short, max_batch_size=8, max_in_flight=1, max_waiting=8)
    answers = await submit_all(target, [1, 2, 3])
    assert all(isinstance(answer, RuntimeError) for answer in answers)


@pytest.mark.anyio
async def test_items_that_belong_together_are_admitted_together_or_not_at_all() -> None:
    run = EchoBackend()
    run.gate.clear()
    target = build_batcher(run, slots=1, waiting=3)
    lone = asyncio.ensure_future(target.submit(1, "s"))
    await let_others_run()
    together = asyncio.ensure_future(target.submit_all([2, 3], "s"))
    await let_others_run()
    with pytest.raises(Overloaded, match="2 requests are waiting"):
        await target.submit_all([4, 5], "s")
    assert target.waiting == 2
    run.gate.set()
    assert (await lone, await together) == (2, [4, 6])


@pytest.mark.anyio
async def test_of_items_that_belong_together_the_first_that_fails_is_raised() -> None:
    async def one_fails(items: Sequence[object]) -> Sequence[object]:
        return [ValueError(str(item)) if item in (2, 3) else item for item in items]

    target: MicroBatcher[object, object] = MicroBatcher(one_fails, max_batch_size=8, max_in_flight=1, max_waiting=8)
    with pytest.raises(ValueError, match="2"):
        await target.submit_all([1, 2, 3], "s")
    assert await target.submit_all([1, 4], "s") == [1, 4]


@pytest.mark.anyio
async def test_no_more_may_wait_than_are_answered_within_the_longest_wait_at_the_pace_of_late() -> None:
    async def slow(items: Sequence[object]) -> Sequence[object]:
        await asyncio.sleep(0.02)
        return items

    target: MicroBatcher[object, object] = MicroBatcher(
        slow, max_batch_size=1, max_in_flight=1, max_waiting=100, max_wait_s=0.02
    )
    assert len(await submit_all(target, range(12))) == 12  # before any pace is known, the count alone limits
    answers = await submit_all(target, range(12))
    # One is under way, and two full batches may always wait.
    assert [answer for answer in answers if not isinstance(answer, Overloaded)] == [0, 1, 2]
    assert target.waiting == 0


@pytest.mark.anyio
async def test_a_full_queue_refuses_before_anything_is_read() -> None:
    run = EchoBackend()
    run.gate.clear()

    target = build_batcher(run, size=1, waiting=1)
    target.check_capacity()
    asked = [asyncio.create_task(target.submit(number, "s")) for number in range(2)]
    await let_others_run()
    with pytest.raises(Overloaded):
        target.check_capacity()
    run.gate.set()
    assert await asyncio.gather(*asked) == [0, 2]
    target.check_capacity()
