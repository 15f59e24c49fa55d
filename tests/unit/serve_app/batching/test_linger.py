"""How long a batch waits for clients who were just answered, on a clock of the test's own."""

import itertools

import pytest

from serve_app.batching.linger import BACKOFF_BATCHES, MAX_BACKOFF_BATCHES, Linger

SHAPE = "s"


def make_linger() -> Linger:
    """Lingers 2 s, and 1 s for each client who is missing, when the first comes within 6 s."""
    return Linger(linger_s=2, item_s=1, expect_s=6)


def test_with_nobody_answered_before_nobody_is_waited_for() -> None:
    assert make_linger().wait_s(SHAPE, 1, 100.0) == 0


def test_those_who_were_answered_together_are_waited_for_until_all_are_there() -> None:
    linger = make_linger()
    linger.expect(SHAPE, 4, now_s=100.0)
    assert linger.wait_s(SHAPE, 1, 101.0) == 2 + 3
    assert linger.wait_s(SHAPE, 2, 103.0) == 3, "the wait is counted from the first who came"
    assert linger.wait_s(SHAPE, 4, 103.5) == 0


def test_another_shape_waits_for_nobody() -> None:
    linger = make_linger()
    linger.expect(SHAPE, 4, now_s=100.0)
    assert linger.wait_s("other", 1, 100.0) == 0
    linger.leave("other")
    assert linger.wait_s(SHAPE, 1, 100.0) > 0, "a batch of another shape changes nothing"


@pytest.mark.parametrize("later_s", [6.0, 3600.0])
def test_a_lone_request_long_after_a_burst_leaves_at_once_and_costs_no_backoff(later_s: float) -> None:
    linger = make_linger()
    linger.expect(SHAPE, 4, now_s=100.0)
    assert linger.wait_s(SHAPE, 1, 100.0 + later_s) == 0
    linger.leave(SHAPE)
    linger.expect(SHAPE, 4, now_s=9000.0)
    assert linger.wait_s(SHAPE, 1, 9001.0) > 0


def test_a_wait_that_began_in_time_ends_at_its_own_end() -> None:
    linger = make_linger()
    linger.expect(SHAPE, 4, now_s=100.0)
    assert linger.wait_s(SHAPE, 1, 105.9) == 5
    assert linger.wait_s(SHAPE, 2, 107.9) == 3
    assert linger.wait_s(SHAPE, 3, 999.0) == 0
    assert not linger.under_way
    assert count_batches_without_linger(linger) == BACKOFF_BATCHES, "it timed out, also where no timer said so"


def count_batches_without_linger(linger: Linger) -> int:
    """Batches that leave at once until one lingers again."""
    for batch in itertools.count():
        linger.expect(SHAPE, 4, now_s=0.0)
        if linger.wait_s(SHAPE, 1, 0.0):
            return batch
    raise AssertionError


def test_after_a_time_out_batches_leave_at_once_and_twice_as_many_after_each_time_out_more() -> None:
    linger = make_linger()
    skipped = []
    for _ in range(7):
        linger.expect(SHAPE, 4, now_s=0.0)
        linger.time_out()
        skipped.append(count_batches_without_linger(linger))
    doubled = [BACKOFF_BATCHES * 2**count for count in range(7)]
    assert skipped == [min(batches, MAX_BACKOFF_BATCHES) for batches in doubled]


def test_clients_who_come_halve_the_backoff() -> None:
    linger = make_linger()
    for _ in range(3):
        linger.time_out()
        count_batches_without_linger(linger)
    for _ in range(2):
        linger.expect(SHAPE, 2, now_s=0.0)
        assert linger.wait_s(SHAPE, 1, 0.0)
        assert linger.under_way
        linger.leave(SHAPE)
        assert not linger.under_way
    linger.time_out()
    assert count_batches_without_linger(linger) == 2 * BACKOFF_BATCHES
