"""A live source: it comes back after failures and hangs, and gives the newest frame."""

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from edge_client.capture import live_source, stream_url
from edge_client.capture.live_source import LiveSource
from edge_client.capture.sources import open_source
from edge_client.settings import Capture
from testkit.waiting import wait_until
from tests.unit.edge_client.capture.fake_opencv import Camera


@pytest.mark.parametrize(
    ("name", "opened_as"),
    [
        ("0", 0),
        ("/dev/video2", "/dev/video2"),
        ("/dev/v4l/by-id/usb-Cam_1234-video-index0", "/dev/v4l/by-id/usb-Cam_1234-video-index0"),
        ("rtsp://camera/stream", "rtsp://camera/stream"),
        ("RTSP://Camera/Stream", "rtsp://Camera/Stream"),
        ("http://camera/mjpg", "http://camera/mjpg"),
        ("HTTPS://camera/mjpg", "https://camera/mjpg"),
    ],
)
def test_a_live_source_comes_back_after_it_failed(
    with_camera: Callable[[list[int]], Camera], name: str, opened_as: str | int
) -> None:
    camera = with_camera([3, 0, 2])
    source = open_source(Capture(source=name))
    assert isinstance(source, LiveSource)
    for _ in source.frames():
        if camera.opened == 4:
            break
    source.close()
    assert camera.opened == 4
    assert set(camera.names) == {opened_as}


def test_a_camera_that_hangs_is_opened_again_after_the_stall(
    with_camera: Callable[[list[int]], Camera], caplog: pytest.LogCaptureFixture
) -> None:
    camera = with_camera([Camera.HANGS])
    source = open_source(Capture(source="0", stall=0.05))
    assert next(source.frames()).image is not None, "a second opening gave frames while the first read hangs"
    assert camera.opened == 2
    assert camera.released_in == []
    assert "camera 0 has given no frame for 0.05 s: opening it again" in caplog.messages
    camera.hang.set()
    wait_until(lambda: camera.released_in == ["capture"])
    source.close()
    wait_until(lambda: camera.released_in == ["capture", "capture"])
    assert not camera.released_while_read


def test_a_camera_that_always_hangs_takes_few_threads(with_camera: Callable[[list[int]], Camera]) -> None:
    camera = with_camera([Camera.HANGS] * 100)
    source = open_source(Capture(source="0", stall=0.01))
    threading.Timer(0.5, source.close).start()
    assert list(source.frames()) == []
    assert 2 <= camera.opened <= 1 + live_source.MAX_STUCK
    camera.hang.set()
    wait_until(lambda: "capture" not in [thread.name for thread in threading.enumerate()])


def test_only_the_reading_thread_releases(with_camera: Callable[[list[int]], Camera]) -> None:
    camera = with_camera([])
    for _ in range(20):
        source = open_source(Capture(source="0"))
        next(source.frames())
        source.close()
    assert camera.released_in == ["capture"] * 20
    assert not camera.released_while_read


def test_what_is_wrong_is_said_once_and_again_when_it_changes(
    with_camera: Callable[[list[int]], Camera], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    camera = with_camera([0, 0, 0, 0, 2, 0, 0])
    reasons = iter(["answers 404", "answers 404", "answers 503", "answers 503"])
    monkeypatch.setattr(stream_url, "describe_failure", lambda url, timeout_s: next(reasons, "answers 404"))
    monkeypatch.setattr(live_source, "LONGEST_RETRY_S", 0.01)
    source = open_source(Capture(source="http://ana:secret@camera/mjpg"))
    for _ in source.frames():
        if camera.opened > 7:
            break
    source.close()
    again = "; trying again, less and less often"
    assert caplog.messages == [
        f"http://…@camera/mjpg answers 404{again}",
        f"http://…@camera/mjpg answers 503{again}",
        "http://…@camera/mjpg gives frames",
        f"http://…@camera/mjpg gives no more frames{again}",
        f"http://…@camera/mjpg answers 404{again}",
        "http://…@camera/mjpg gives frames",
    ]


def test_a_reader_that_trips_goes_on(
    with_camera: Callable[[list[int]], Camera], caplog: pytest.LogCaptureFixture
) -> None:
    with_camera([])
    tripped = iter([True])

    def trip(image: Any, _: Any) -> Any:
        if next(tripped, False):
            raise RuntimeError("OpenCV(5.0.0) error: (-215:Assertion failed)")
        return image

    sys.modules["cv2"].__dict__["cvtColor"] = trip
    source = open_source(Capture(source="0"))
    assert next(source.frames()).image is not None
    source.close()
    assert any("camera 0 fails: RuntimeError: OpenCV(5.0.0) error" in message for message in caplog.messages)


def test_a_live_source_gives_the_newest_frame(with_camera: Callable[[list[int]], Camera]) -> None:
    with_camera([])
    source = open_source(Capture(source="0"))
    frames = source.frames()
    first = next(frames)
    wait_until(lambda: time.monotonic() - first.time_s > 0.2)
    second = next(frames)
    source.close()
    assert second.time_s - first.time_s > 0.15


def test_closing_a_live_source_ends_its_frames_and_its_thread(with_camera: Callable[[list[int]], Camera]) -> None:
    with_camera([0] * 1000)
    source = open_source(Capture(source="0"))
    threading.Timer(0.05, source.close).start()
    assert list(source.frames()) == []
    wait_until(lambda: "capture" not in [thread.name for thread in threading.enumerate()])
