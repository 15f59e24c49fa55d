"""Streams over bare TCP and UDP, from real sockets: pictures, and why there are none."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_client.capture import live_source
from edge_client.capture.frames import SourceError, Video
from edge_client.capture.live_source import LiveSource
from edge_client.capture.piped import sockets
from edge_client.capture.piped.sockets import FFMPEG_OPTIONS, SocketStream
from edge_client.capture.sources import open_source
from edge_client.settings import Capture
from testkit.edge.rpicam import encode_jpeg
from testkit.service import free_ports
from testkit.waiting import DEADLINE_S

cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed here: see edge_client/README.md")

PACKET_BYTES = 1400
PICTURES_A_SECOND = 30


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    """Ends the sender at the end of a test."""
    stopping = threading.Event()
    yield stopping
    stopping.set()


def send_pictures(send: Callable[[bytes], object], stop: threading.Event, limit: int = 10**6) -> None:
    for number in range(limit):
        try:
            send(encode_jpeg(np.full((240, 320, 3), number % 256, dtype=np.uint8)))
        except OSError:
            return  # the client went away
        if stop.wait(1 / PICTURES_A_SECOND):
            return


def serve_tcp(stop: threading.Event, limit: int = 10**6) -> int:
    """Send pictures to each who connects, one after the other; gives the port."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.1)

    def serve() -> None:
        with server:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    send_pictures(connection.sendall, stop, limit)

    threading.Thread(target=serve, daemon=True).start()
    return int(server.getsockname()[1])


def send_udp(stop: threading.Event) -> int:
    """Send pictures in packets to a port; gives the port."""
    port = free_ports(1)[0]

    def serve() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

            def send(picture: bytes) -> None:
                for start in range(0, len(picture), PACKET_BYTES):
                    sender.sendto(picture[start : start + PACKET_BYTES], ("127.0.0.1", port))

            send_pictures(send, stop)

    threading.Thread(target=serve, daemon=True).start()
    return port


def take(url: str, count: int) -> None:
    """Take so many pictures, newest first; fails where they don't come."""
    source = open_source(Capture(source=url))
    assert isinstance(source, LiveSource)
    timer = threading.Timer(DEADLINE_S, source.close)
    timer.start()
    shapes = []
    for frame in source.frames():
        assert frame.image is not None
        shapes.append(frame.image.shape)
        if len(shapes) == count:
            break
    trouble = source.trouble
    timer.cancel()
    source.close()
    assert shapes == [(240, 320, 3)] * count, trouble


def test_pictures_come_over_tcp(stop: threading.Event) -> None:
    take(f"tcp://127.0.0.1:{serve_tcp(stop)}", 5)


def test_pictures_come_over_udp(stop: threading.Event) -> None:
    take(f"udp://127.0.0.1:{send_udp(stop)}", 5)


def test_a_stream_over_tcp_that_ends_is_opened_again(stop: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_source, "FIRST_RETRY_S", 0.01)
    port = serve_tcp(stop, limit=PICTURES_A_SECOND * 2)
    source = open_source(Capture(source=f"TCP://127.0.0.1:{port}"))
    assert isinstance(source, LiveSource)
    timer = threading.Timer(DEADLINE_S, source.close)
    timer.start()
    seen_problem = False
    for _ in source.frames(on_quiet=lambda: None):
        if seen_problem:
            break
        deadline_s = time.monotonic() + DEADLINE_S
        while not seen_problem and time.monotonic() < deadline_s:
            seen_problem = source.problem == "has closed the connection"
            time.sleep(0.005)
    timer.cancel()
    source.close()
    assert seen_problem


def open_once(url: str, settings: Capture | None = None) -> tuple[Video | None, str]:
    driver = SocketStream(url, settings or Capture(stall=0.5))
    return driver.open(threading.Event()), driver.describe_failure()


def test_what_is_no_motion_jpeg_is_ffmpegs(stop: threading.Event, tmp_path: Path) -> None:
    video = made_mpeg_ts(tmp_path)

    def send_slowly(send: Callable[[bytes], object]) -> None:
        for start in range(0, len(video), 188 * 7):
            send(video[start : start + 188 * 7])
            if stop.wait(0.001):
                return

    server = socket.create_server(("127.0.0.1", 0))
    ends = []

    def serve() -> None:
        with server:
            connection, _ = server.accept()
            ends.append(connection)
            with connection, contextlib.suppress(OSError):
                send_slowly(connection.sendall)
                stop.wait(DEADLINE_S)

    threading.Thread(target=serve, daemon=True).start()
    opened, _ = open_once(f"tcp://127.0.0.1:{server.getsockname()[1]}", Capture())
    assert opened is not None
    image = opened.read()
    assert image is not None
    assert image.shape == (240, 320, 3)
    opened.release()
    assert len(ends) == 1, "the first connection is the one that is read"


def made_mpeg_ts(folder: Path) -> bytes:
    """An MPEG transport stream of noise, ten seconds long."""
    path = folder / "noise.ts"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 30, (320, 240))
    noise = np.random.default_rng(1)
    for _ in range(150):
        writer.write(noise.integers(0, 64, (240, 320, 3), dtype=np.uint8))
    writer.release()
    return path.read_bytes()


def test_why_nothing_comes_over_tcp(stop: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_ports(1)[0]
    assert open_once(f"tcp://127.0.0.1:{port}") == (None, "can't be reached: Connection refused")
    monkeypatch.setattr(sockets, "OPENING_S", 0.4)
    with socket.create_server(("127.0.0.1", port)):
        assert open_once(f"tcp://127.0.0.1:{port}") == (None, "answers, but gives no pictures: nothing came")


def test_a_connection_that_is_closed_at_once_is_told(stop: threading.Event) -> None:
    _, why = open_once(f"tcp://127.0.0.1:{serve_tcp(stop, limit=0)}")
    assert why == "answers, but gives no pictures: the connection was closed"


@pytest.mark.parametrize("host", ["", "@", "0.0.0.0", "127.0.0.1", "[::]", "239.1.2.3"])
def test_why_nothing_comes_over_udp(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "OPENING_S", 0.2)
    port = free_ports(1)[0]
    opened, why = open_once(f"udp://{host}:{port}")
    assert opened is None
    assert why in (
        f"gives no pictures at port {port}: nothing came",
        f"can't listen at port {port}: No such device",  # no network has the group
        f"can't listen at port {port}: Address family not supported by protocol",
        f"can't listen at port {port}: Cannot assign requested address",
    )


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("", 0))
        port = other.getsockname()[1]
        assert open_once(f"udp://:{port}") == (None, f"can't listen at port {port}: Address already in use")


def test_packets_that_are_no_video_are_told(stop: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "OPENING_S", 0.4)
    port = free_ports(1)[0]

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not stop.wait(0.01):
                sender.sendto(b"hello", ("127.0.0.1", port))

    threading.Thread(target=send, daemon=True).start()
    assert open_once(f"udp://:{port}") == (None, "sends nothing that can be read as a video")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("tcp://pi", "tcp://pi found, expected tcp://host:port"),
        ("tcp://:80", "tcp://:80 found, expected tcp://host:port"),
        ("tcp://pi:80/stream", "tcp://pi:80/stream found, expected tcp://host:port"),
        ("tcp://pi:99999", "tcp://pi:99999 is no URL (Port out of range 0-65535), expected tcp://host:port"),
        ("udp://", "udp:// found, expected udp://:port"),
    ],
)
def test_an_address_that_lacks_something_is_refused(url: str, sentence: str) -> None:
    with pytest.raises(SourceError) as refused:
        open_source(Capture(source=url))
    assert str(refused.value) == sentence


def test_ffmpeg_keeps_options_that_someone_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FFMPEG_OPTIONS[0], "timeout;1")
    SocketStream("tcp://127.0.0.1:1", Capture())
    assert os.environ[FFMPEG_OPTIONS[0]] == "timeout;1"


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_closing_ends_the_wait_for_a_sender(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if scheme == "tcp" else free_ports(1)[0]
        source = open_source(Capture(source=f"{scheme}://127.0.0.1:{port}", stall=60))
        started = time.monotonic()
        threading.Timer(0.2, source.close).start()
        assert list(source.frames()) == []
        assert time.monotonic() - started < 5
