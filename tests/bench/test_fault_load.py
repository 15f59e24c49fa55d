"""What is read off a load beside a fault."""

import pytest

from bench.fault_load import Asked, FaultLoad, fault_load
from testkit.edge.http_service import Reply, http_service

ASKED = [
    Asked(0.0, 0.1, "500"),  # before the fault
    Asked(1.1, 1.2, "ok"),
    Asked(1.3, 1.5, "ProtocolError"),
    Asked(1.4, 3.0, "ok"),  # answered, but after more than a second
    Asked(3.1, 3.2, "ok"),
]


@pytest.mark.parametrize(("asked", "recovery_s"), [(ASKED, 2.0), (ASKED[:3], 0.5), (ASKED[:2], 0.0)])
def test_recovery_ends_with_the_last_request_that_failed_or_was_slow(asked: list[Asked], recovery_s: float) -> None:
    assert FaultLoad(raw=asked).recovery_s(1.0) == pytest.approx(recovery_s)


def test_errors_and_losses_are_counted_by_what_came() -> None:
    load = FaultLoad(raw=ASKED, helen=[Asked(0.0, 1.0, "ok"), Asked(1.0, 2.0, "no answer")])
    assert load.errors() == {"500": 1, "ProtocolError": 1}
    assert load.lost() == {"no answer": 1}
    assert load.answered_since(1.0) == 3


def test_raw_requests_are_counted_with_what_came_in_the_place_of_an_answer() -> None:
    with (
        http_service(lambda _: Reply(503)) as service,
        fault_load(service.url, clients=0, raw=2, rate=50, retries=0) as load,
    ):
        while len(load.raw) < 4:
            load.stopped.wait(0.01)
    assert set(load.errors()) == {"503"}
