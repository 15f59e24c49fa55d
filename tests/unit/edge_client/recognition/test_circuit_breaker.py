"""The circuit breaker's states."""

import pytest

from edge_client.recognition.circuit_breaker import LONGEST_PAUSE_S, CircuitBreaker


def test_the_breaker_opens_after_three_failures_in_a_row() -> None:
    breaker = CircuitBreaker(failures=3, probe_every=2.0)
    states = []
    for outcome in "ffsfff":
        breaker.fail(0.0) if outcome == "f" else breaker.succeed()
        states.append(breaker.state)
    assert states == ["closed"] * 5 + ["open"]


def test_an_open_breaker_is_probed_now_and_then() -> None:
    breaker = CircuitBreaker(failures=1, probe_every=2.0)
    breaker.fail(10.0)
    assert breaker.until_probe(10.5) == pytest.approx(1.5)
    assert breaker.until_probe(12.0) == 0.0
    breaker.open(12.0)
    assert breaker.state == "open"
    assert breaker.until_probe(12.0) == pytest.approx(2.0)


def test_a_probe_that_succeeds_half_opens_and_an_answer_closes() -> None:
    breaker = CircuitBreaker(failures=3, probe_every=2.0)
    breaker.open(0.0)
    states = []
    for _ in range(2):
        breaker.succeed()
        states.append(breaker.state)
    assert states == ["half-open", "closed"]


def test_one_failure_reopens_a_half_open_breaker() -> None:
    breaker = CircuitBreaker(failures=3, probe_every=2.0)
    breaker.open(0.0)
    breaker.succeed()
    breaker.fail(5.0)
    assert breaker.state == "open"


@pytest.mark.parametrize(
    ("probe_every", "asked_s", "paused_s"),
    [
        (2.0, 2.5, 2.5),
        (2.0, 1.0, 2.0),
        (2.0, 30.0, LONGEST_PAUSE_S),
        (0.1, 86_400.0, LONGEST_PAUSE_S),
        (60.0, 30.0, 60.0),
    ],
)
def test_a_service_that_asks_for_a_pause_gets_it_and_is_looked_for_before_a_long_one_ends(
    probe_every: float, asked_s: float, paused_s: float
) -> None:
    for fails in (CircuitBreaker.fail, CircuitBreaker.open):
        breaker = CircuitBreaker(failures=3, probe_every=probe_every)
        fails(breaker, 100.0, asked_s)
        assert breaker.state == "open"
        assert breaker.until_probe(100.0) == pytest.approx(paused_s)
