"""Sources: which one a name means, what a recording plays, pace, and a live source that comes back."""

import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_client.capture import camera as camera_driver
from edge_client.capture import live_source, stream_url
from edge_client.capture.frames import Frame, SourceError
from edge_client.capture.live_source import LiveSource
from edge_client.capture.recording import RecordingSource
from edge_client.capture.sources import check_whole, open_source, throttle_to_realtime
from edge_client.capture.video_file import VideoSource
from edge_client.settings import Capture
from landmarks.recording import Recording, write_recording
from landmarks.tracking.vision_libraries import LibraryError
from testkit.edge.hands import made_frame, made_hand
from testkit.waiting import wait_until


def made_recording(windows: int = 2, frames: int = 5) -> Recording:
    window = np.stack([made_frame(right=made_hand())] * frames).reshape(frames, 126)
    names = np.array(["x"] * windows)
    return Recording(np.stack([window] * windows), names, names, names, 30.0)


@pytest.mark.parametrize("name", ["nowhere.mp4", "camera", ""])
def test_a_name_that_means_nothing_is_refused(name: str) -> None:
    with pytest.raises(SourceError, match="no file that exists"):
        open_source(Capture(source=name))


def test_a_recording_plays_its_windows_with_rests_between(tmp_path: Path) -> None:
    write_recording(made_recording(), tmp_path / "a.npz")
    source = open_source(Capture(source=str(tmp_path / "a.npz")))
    frames = list(source.frames())
    present = [bool(frame.hands) for frame in frames]
    assert present == ([True] * 5 + [False] * 45) * 2
    assert frames[0].hands[0].side == "right"
    assert np.allclose(np.diff([frame.time_s for frame in frames]), 1 / 30)


def test_frames_are_given_no_earlier_than_their_time() -> None:
    slept: list[float] = []
    start = time.monotonic()
    frames = [Frame(start - 1), Frame(start + 100)]
    assert list(throttle_to_realtime(iter(frames), slept.append)) == frames
    assert len(slept) == 1
    assert 99 < slept[0] <= 100


def test_a_video_gives_every_frame(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed here: see edge_client/README.md")
    path = tmp_path / "made.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (64, 48))
    for shade in range(0, 250, 25):
        writer.write(np.full((48, 64, 3), (shade, 0, 0), dtype=np.uint8))
    writer.release()
    source = open_source(Capture(source=str(path)))
    assert isinstance(source, VideoSource)
    assert source.fps == pytest.approx(25.0)
    images = [frame.image for frame in source.frames()]
    source.close()
    assert len(images) == 10
    assert images[-1] is not None
    assert images[-1][0, 0, 2] > 150 > images[-1][0, 0, 0], "blue is the last of RGB"


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="OpenCV is not installed here: see edge_client/README.md")
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(SourceError, match="can't be opened"):
        open_source(Capture(source=str(tmp_path / "a.mp4")))


class Camera:
    """OpenCV's side of a camera: ``plays`` says how many frames each opening gives before it fails.

    At ``HANGS`` a read waits until ``hang`` is set. ``released_in`` names the thread that released each opening, and
    ``released_while_read`` is whether that was ever during a read.
    """

    HANGS = -1

    def __init__(self, plays: list[int]) -> None:
        self.plays = plays
        self.opened = 0
        self.names: list[Any] = []
        self.hang = threading.Event()
        self.released_in: list[str] = []
        self.released_while_read = False

    def module(self) -> types.ModuleType:
        camera = self

        class VideoCapture:
            def __init__(self, name: Any, *_: Any) -> None:
                camera.opened += 1
                camera.names.append(name)
                self.left = camera.plays.pop(0) if camera.plays else 10**9
                self.reading = False

            def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
                return self.left != 0

            def set(self, *_: Any) -> bool:
                return True

            def get(self, *_: Any) -> float:
                return 10.0

            def read(self) -> tuple[bool, Any]:
                self.reading = True
                if self.left == Camera.HANGS:
                    camera.hang.wait(10)
                    self.left = 0
                time.sleep(0.001)
                self.left -= 1
                self.reading = False
                return self.left >= 0, np.zeros((4, 6, 3), dtype=np.uint8)

            def release(self) -> None:
                camera.released_while_read |= self.reading
                camera.released_in.append(threading.current_thread().name)

        module = types.ModuleType("cv2")
        module.__dict__.update(
            VideoCapture=VideoCapture,
            VideoWriter=types.SimpleNamespace(fourcc=lambda *_: 0),
            cvtColor=lambda image, _: image,
            **dict.fromkeys(("CAP_V4L2", "CAP_FFMPEG", "CAP_PROP_OPEN_TIMEOUT_MSEC", "CAP_PROP_READ_TIMEOUT_MSEC"), 0),
            **dict.fromkeys(("CAP_PROP_FOURCC", "CAP_PROP_FRAME_WIDTH", "CAP_PROP_FRAME_HEIGHT"), 0),
            **dict.fromkeys(("CAP_PROP_FPS", "CAP_PROP_BUFFERSIZE", "COLOR_BGR2RGB", "CAP_PROP_FRAME_COUNT"), 0),
        )
        return module


@pytest.fixture
def with_camera(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[list[int]], Camera]]:
    cameras = []

    def plug_in(plays: list[int]) -> Camera:
        camera = Camera(plays)
        cameras.append(camera)
        monkeypatch.setitem(sys.modules, "cv2", camera.module())
        monkeypatch.setattr(live_source, "FIRST_RETRY_S", 0.01)
        monkeypatch.setattr(camera_driver, "describe_failure", lambda device: "is away")
        monkeypatch.setattr(stream_url, "describe_failure", lambda url, timeout_s: "is away")
        return camera

    yield plug_in
    for camera in cameras:
        camera.hang.set()


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


def test_a_link_to_a_camera_is_a_camera(with_camera: Callable[[list[int]], Camera], tmp_path: Path) -> None:
    with_camera([])
    (tmp_path / "cam").symlink_to("/dev/null")
    source = open_source(Capture(source=str(tmp_path / "cam")))
    assert isinstance(source, LiveSource)
    source.close()


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


def test_a_file_is_not_released_while_it_is_read(with_camera: Callable[[list[int]], Camera], tmp_path: Path) -> None:
    camera = with_camera([Camera.HANGS])
    (tmp_path / "a.mp4").write_bytes(b"a video")
    source = open_source(Capture(source=str(tmp_path / "a.mp4")))
    reader = threading.Thread(target=lambda: list(source.frames()))
    reader.start()
    closer = threading.Thread(target=source.close)
    closer.start()
    closer.join(0.05)
    assert camera.released_in == []
    camera.hang.set()
    for thread in (reader, closer):
        thread.join(10)
    assert len(camera.released_in) == 1
    assert not camera.released_while_read
    assert list(source.frames()) == []


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


@pytest.mark.parametrize("name", ["0", "rtsp://camera/stream"])
def test_without_opencv_a_source_says_what_to_install(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(LibraryError, match="OpenCV is not installed: pip install -r edge_client/requirements"):
        open_source(Capture(source=name))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("²", "no file that exists"),
        ("99999999999999999999", "no file that exists"),
        ("ftp://host/a.mp4", "ftp:// found, expected rtsp://, rtsps://, http:// or https://"),
        ("x" * 5000, "can't be read: File name too long"),
    ],
)
def test_names_that_nobody_can_open_are_refused(name: str, sentence: str) -> None:
    with pytest.raises(SourceError, match=sentence):
        open_source(Capture(source=name))


def test_a_folder_and_a_broken_rate_are_told(with_camera: Callable[[list[int]], Camera], tmp_path: Path) -> None:
    with_camera([3])
    with pytest.raises(SourceError, match="is a folder, expected a video file or a recording"):
        open_source(Capture(source=str(tmp_path)))
    (tmp_path / "a.mp4").write_bytes(b"a video")
    for rate, expected in ((float("nan"), 30.0), (90_000.0, 30.0), (0.0, 30.0), (24.0, 24.0)):
        sys.modules["cv2"].VideoCapture.get = lambda *_, rate=rate: rate
        assert open_source(Capture(source=str(tmp_path / "a.mp4"))).fps == expected


def test_a_video_that_is_cut_off_says_how_many_frames_it_had(
    with_camera: Callable[[list[int]], Camera], tmp_path: Path
) -> None:
    with_camera([4, 10, 4])
    path = tmp_path / "a.mp4"
    path.write_bytes(b"a video")
    cut, whole, stopped = (open_source(Capture(source=str(path))) for _ in range(3))
    assert len(list(cut.frames())) == 4
    with pytest.raises(SourceError, match=r"a.mp4: 4 of 10 frames could be read: it is cut off or damaged"):
        check_whole(cut)
    assert len(list(whole.frames())) == 10
    check_whole(whole)
    next(stopped.frames())
    stopped.close()
    check_whole(stopped)


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


def test_a_recordings_rate_is_its_sources(tmp_path: Path) -> None:
    assert RecordingSource(made_recording()).fps == 30.0
