"""Hands go to a screen in another process only once it said that it is a Helen screen and wants them."""

import logging
from typing import Any

import pytest

from edge_client.ui.state_publisher import ScreenClient
from testkit.edge.http_service import Reply, Request, http_service
from testkit.edge.raw_peer import raw_peer

STATE: dict[str, Any] = {"hands": [[[0.1, 0.2, 0.3]], None]}
HELEN = Reply(body=b'{"status":"ok","accepts":["live"]}')


def posts(requests: list[Request]) -> list[Request]:
    return [request for request in requests if request.method == "POST"]


def test_a_helen_screen_is_asked_once_and_then_gets_every_state() -> None:
    with http_service(lambda _: HELEN) as there:
        screen = ScreenClient(there.url)
        screen.show(STATE)
        screen.show(STATE)
        assert [(request.method, request.path) for request in there.requests] == [
            ("GET", "/health"),
            ("POST", "/live"),
            ("POST", "/live"),
        ]
        assert posts(there.requests)[0].json() == STATE


@pytest.mark.parametrize(
    "health",
    [
        Reply(),
        Reply(404, b"no"),
        Reply(body=b'{"status":"ok"}'),
        Reply(body=b'{"accepts":"live"}'),
        Reply(body=b'{"accepts":["events"]}'),
        Reply(body=b'{"accepts":["live"]}', status=201),
        Reply(302, HELEN.body, {"Location": "/elsewhere"}),
        Reply(body='{"accepts":["live"],"nombre":"mañana","status":"ñ"}'.encode("latin-1")[:-3]),
        Reply(body=b'{"accepts":' + b"[" * 100_000),
        Reply(body=b"x" * 1_000_000),
        Reply(body=b"<html>"),
    ],
)
def test_nobody_else_gets_hands(health: Reply) -> None:
    with http_service(lambda request: health if request.path == "/health" else HELEN) as there:
        screen = ScreenClient(there.url)
        for _ in range(3):
            screen.show(STATE)
        assert there.paths() == ["/health"]


@pytest.mark.parametrize("said", [b"", b"\x00\xff", b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n"])
def test_a_peer_that_talks_something_else_gets_no_hands(said: bytes) -> None:
    with raw_peer(said) as peer:
        ScreenClient(peer.url).show(STATE)
        assert [heard.split()[0] for heard in peer.heard] == [b"GET"]


def test_after_a_failure_the_screen_is_asked_again_before_it_gets_hands() -> None:
    answers = {"/health": HELEN, "/live": HELEN}
    with http_service(lambda request: answers[request.path]) as there:
        screen = ScreenClient(there.url, retry_after_s=0.0)
        screen.show(STATE)
        answers["/live"] = Reply(500)
        screen.show(STATE)
        answers |= {"/live": HELEN, "/health": Reply()}  # another program took the port
        screen.show(STATE)
        assert there.paths() == ["/health", "/live", "/live", "/health"]


def test_a_state_is_not_carried_to_another_host() -> None:
    def answer(request: Request) -> Reply:
        return HELEN if request.path == "/health" else Reply(307, headers={"Location": other.url + "/live"})

    with http_service(lambda _: HELEN) as other, http_service(answer) as there:
        ScreenClient(there.url).show(STATE)
        assert other.requests == []


def test_who_gets_no_hands_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with http_service(lambda _: Reply()) as there, caplog.at_level(logging.INFO):
        screen = ScreenClient(there.url, ask_again_after_s=0.0)
        screen.show(STATE)
        screen.show(STATE)
        assert there.paths() == ["/health", "/health"]
    assert caplog.text.count("is no Helen screen") == 1
