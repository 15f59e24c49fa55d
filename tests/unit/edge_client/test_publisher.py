"""Events on their way: what is posted, and a listener that is slow, down or failing never holds up the client."""

import threading

import pytest

from edge_client.publisher import Publisher
from edge_client.settings import Publish
from edge_client.types import Event
from testkit.edge.http_service import Reply, Request, http_service
from testkit.waiting import DEADLINE_S, wait_until


def event(sequence: int = 1) -> Event:
    return Event(
        gesture="hello",
        character="hello",
        key="Start",
        score=0.97,
        session_id="s",
        sequence=sequence,
        latency_ms=12.5,
        timestamp=1_790_000_000.0,
        source="cloud",
        hand="right",
    )


def test_an_event_is_posted_with_every_field() -> None:
    with http_service(lambda _: Reply()) as service, Publisher(Publish(url=service.url + "/gestures/x")) as publisher:
        publisher.publish(event())
        wait_until(lambda: publisher.delivery.sent == 1)
        request = service.requests[0]
    assert (request.method, request.path) == ("POST", "/gestures/x")
    assert request.json() == {
        "gesture": "hello",
        "character": "hello",
        "key": "Start",
        "score": 0.97,
        "session_id": "s",
        "sequence": 1,
        "latency_ms": 12.5,
        "timestamp": 1_790_000_000.0,
        "source": "cloud",
        "hand": "right",
    }


def test_events_arrive_in_order_and_closing_sends_what_waits() -> None:
    with http_service(lambda _: Reply()) as service:
        with Publisher(Publish(url=service.url)) as publisher:
            for sequence in (1, 2, 3):
                publisher.publish(event(sequence))
        assert [request.json()["sequence"] for request in service.requests] == [1, 2, 3]


def test_a_slow_listener_drops_the_oldest_and_never_holds_up_the_caller() -> None:
    release = threading.Event()
    reached = threading.Event()

    def answer(_: Request) -> Reply:
        reached.set()
        release.wait(DEADLINE_S)
        return Reply()

    with http_service(answer) as service, Publisher(Publish(url=service.url, timeout=DEADLINE_S)) as publisher:
        publisher.publish(event(1))
        assert reached.wait(DEADLINE_S)
        for sequence in range(2, 9):
            publisher.publish(event(sequence))
        assert publisher.delivery.dropped == 3
        release.set()
        wait_until(lambda: publisher.delivery.sent == 5)
        assert [request.json()["sequence"] for request in service.requests] == [1, 5, 6, 7, 8]


def test_a_listener_slower_than_the_timeout_is_given_up_on() -> None:
    release = threading.Event()

    def answer(request: Request) -> Reply:
        if request.json()["sequence"] == 1:
            release.wait(DEADLINE_S)
        return Reply()

    with http_service(answer) as service, Publisher(Publish(url=service.url, timeout=0.1)) as publisher:
        publisher.publish(event(1))
        publisher.publish(event(2))
        wait_until(lambda: publisher.delivery.sent == 1)
        assert publisher.delivery.failed == 1
        release.set()


@pytest.mark.parametrize("status", [301, 404, 500])
def test_a_listener_that_refuses_counts_as_failed(status: int) -> None:
    with http_service(lambda _: Reply(status)) as service, Publisher(Publish(url=service.url)) as publisher:
        publisher.publish(event())
        wait_until(lambda: publisher.delivery.failed == 1)
        assert publisher.delivery.sent == 0


def test_a_listener_that_says_too_much_has_the_event_all_the_same() -> None:
    with http_service(lambda _: Reply(body=b"x" * 200_000)) as service:
        with Publisher(Publish(url=service.url)) as publisher:
            publisher.publish(event(1))
            publisher.publish(event(2))
            wait_until(lambda: publisher.delivery.sent == 2)
        assert publisher.delivery.failed == 0


def test_events_go_through_again_once_the_listener_is_back() -> None:
    with http_service(lambda _: Reply()) as service:
        port = int(service.url.rsplit(":", 1)[1])
    with Publisher(Publish(url=service.url)) as publisher:
        publisher.publish(event(1))
        wait_until(lambda: publisher.delivery.failed == 1)
        with http_service(lambda _: Reply(), port) as back:
            publisher.publish(event(2))
            wait_until(lambda: publisher.delivery.sent == 1)
            assert back.requests[0].json()["sequence"] == 2
