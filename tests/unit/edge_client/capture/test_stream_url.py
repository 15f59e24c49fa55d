"""Why a URL gives nothing, asked of real servers on loopback, and how a URL is shown."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edge_client.capture.stream_url import describe_failure, hide_password
from testkit.edge.http_service import Reply, http_service


@contextmanager
def rtsp_service(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server on loopback that gives one answer to whatever is asked; gives its address and what was asked."""
    asked: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            asked.append(connection.recv(4096))
            connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}", asked
    listener.close()
    thread.join(5)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(404), "answers 404 Not Found"),
        (Reply(401), "answers 401 Unauthorized: expected a user and password, as http://user:password@..."),
        (Reply(503), "answers 503 Service Unavailable"),
        (Reply(200, headers={"Content-Type": "text/html"}), "answers 200 with text/html, expected a video"),
        (Reply(200), "answers 200, but nothing that can be read as a video"),
        (Reply(302), "answers 302 Found"),
        (Reply(302, headers={"Location": "/mjpg"}), "answers 302 Found"),
        (
            Reply(302, headers={"Location": "http://[bad"}),
            "answers 302 Found and names 'http://[bad', which is no address",
        ),
        (
            Reply(301, headers={"Location": "http://ana:secret@[bad?token=secret"}),
            "answers 301 Moved Permanently and names 'http://…@[bad?token=…', which is no address",
        ),
        (
            Reply(302, headers={"Location": "http://cam:none/"}),
            "answers 302 Found and names 'http://cam:none/', which is no address",
        ),
        (
            Reply(302, headers={"Location": "ftp://cam/"}),
            "answers 302 Found and names 'ftp://cam/', expected http:// or https://",
        ),
    ],
)
def test_an_http_source_says_its_status(reply: Reply, reason: str) -> None:
    with http_service(lambda _: reply) as service:
        assert describe_failure(f"{service.url}/mjpg", 5) == reason


def test_a_redirect_is_followed_and_another_host_gets_no_password() -> None:
    with http_service(lambda _: Reply(404)) as there:
        elsewhere = there.url.replace("127.0.0.1", "localhost")
        with http_service(lambda _: Reply(302, headers={"Location": f"{elsewhere}/b"})) as here:
            name = here.url.replace("http://", "http://ana:geheim@")
            assert describe_failure(f"{name}/a", 5) == "answers 404 Not Found"
    assert [request.path for request in there.requests] == ["/b"]
    assert "authorization" in here.requests[0].headers
    assert "authorization" not in there.requests[0].headers


def test_the_user_and_password_of_a_url_are_sent() -> None:
    with http_service(lambda _: Reply(403)) as service:
        name = service.url.replace("http://", "http://ana:geheim@")
        assert describe_failure(name, 5) == "answers 403 Forbidden: the user or the password is not accepted"
    assert service.requests[0].headers["authorization"] == "Basic YW5hOmdlaGVpbQ=="


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"RTSP/1.0 404 Stream Not Found\r\nCSeq: 1\r\n\r\n", "answers 404 Stream Not Found"),
        (b"RTSP/1.0 401 Unauthorized\r\n\r\n", "answers 401 Unauthorized: expected a user and password, as rtsp://"),
        (b"RTSP/1.0 200 OK\r\n\r\n", "answers 200, but nothing that can be read as a video"),
        (b"\xff\xfe" * 4000, "answers, but not as an RTSP server"),
        (b"", "answers, but not as an RTSP server"),
    ],
)
def test_an_rtsp_source_says_its_status(answer: bytes, reason: str) -> None:
    with rtsp_service(answer) as (address, asked):
        assert describe_failure(f"rtsp://{address}/stream", 5).startswith(reason)
    assert asked[0].startswith(f"DESCRIBE rtsp://{address}/stream RTSP/1.0\r\nCSeq: 1\r\n".encode())


@pytest.mark.parametrize("scheme", ["http", "https", "rtsp", "rtsps"])
def test_a_source_that_is_not_there_says_so(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert describe_failure(f"{scheme}://127.0.0.1:{port}/x", 5) == "can't be reached: Connection refused"


@pytest.mark.parametrize("name", ["http://host:99999/", "rtsp://[::1/x", "http://"])
def test_a_url_that_is_none_says_so(name: str) -> None:
    assert "expected" in describe_failure(name, 1)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("/dev/video2", "/dev/video2"),
        ("rtsp://ana:secret@cam:554/a@b?c", "rtsp://…@cam:554/a@b?c"),
        ("rtsp://cam/live?user=ana&password=secret", "rtsp://cam/live?user=ana&password=…"),
        ("http://cam/mjpg", "http://cam/mjpg"),
    ],
)
def test_no_password_is_shown(name: str, shown: str) -> None:
    assert hide_password(name) == shown
