"""How many items may wait, by the settings and by the pace of late."""

import pytest

from serve_app.batching.admission import AdmissionLimit


def test_without_a_known_pace_the_settings_alone_limit() -> None:
    assert AdmissionLimit(100, max_wait_s=1, at_least=4).items == 100


@pytest.mark.parametrize(
    ("item_s", "items"),
    [(0.001, 100), (0.03125, 32), (10.0, 4)],
    ids=["a fast pace", "a slow pace", "a pace at which two full batches are too many"],
)
def test_no_more_wait_than_are_answered_in_the_time_that_a_request_may_have_to_wait(item_s: float, items: int) -> None:
    limit = AdmissionLimit(100, max_wait_s=1, at_least=4)
    limit.record_batch(2, began_s=5.0, now_s=5.0 + 2 * item_s, others_waited=True)
    assert limit.items == items


def test_a_batch_that_nobody_waited_for_says_nothing_of_the_pace() -> None:
    limit = AdmissionLimit(100, max_wait_s=1, at_least=4)
    limit.record_batch(1, began_s=0.0, now_s=60.0, others_waited=False)
    assert limit.items == 100


def test_the_time_before_the_last_answer_is_the_last_batchs_own() -> None:
    limit = AdmissionLimit(100, max_wait_s=1, at_least=4)
    limit.record_batch(1, began_s=0.0, now_s=9.96875, others_waited=False)
    limit.record_batch(1, began_s=0.0, now_s=10.0, others_waited=True)
    assert limit.items == 32
