"""What is read off a load beside a fault."""

import pytest

from testkit.background_load import Attempt, BackgroundLoad, background_load
from testkit.edge.http_service import Reply, http_service

ATTEMPTS = [
    Attempt(0.0, 0.1, "500"),  # before the fault
    Attempt(1.1, 1.2, "ok"),
    Attempt(1.3, 1.5, "ProtocolError"),
    Attempt(1.4, 3.0, "ok"),  # answered, but after more than a second
    Attempt(3.1, 3.2, "ok"),
]


@pytest.mark.parametrize(("attempts", "recovery_s"), [(ATTEMPTS, 2.0), (ATTEMPTS[:3], 0.5), (ATTEMPTS[:2], 0.0)])
def test_recovery_ends_with_the_last_failed_or_slow_request(attempts: list[Attempt], recovery_s: float) -> None:
    assert BackgroundLoad(raw=attempts).recovery_s(1.0) == pytest.approx(recovery_s)


def test_errors_and_losses_are_counted_by_what_came() -> None:
    load = BackgroundLoad(raw=ATTEMPTS, helen=[Attempt(0.0, 1.0, "ok"), Attempt(1.0, 2.0, "no answer")])
    assert load.errors() == {"500": 1, "ProtocolError": 1}
    assert load.failed() == {"no answer": 1}


def test_raw_requests_are_counted_with_what_came_in_the_place_of_an_answer() -> None:
    with (
        http_service(lambda _: Reply(503)) as service,
        background_load(service.url, clients=0, raw=2, rate=50, retries=0) as load,
    ):
        while len(load.raw) < 4:
            load.stopped.wait(0.01)
    assert set(load.errors()) == {"503"}
