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

from edge_client import sources
from edge_client.settings import Capture
from edge_client.sources import Frame, LiveSource, RecordingSource, SourceError, VideoSource, open_source, paced
from landmarks.recording import Recording, write_recording
from tests.edge_client.made_hands import made_frame, made_hand
from tests.edge_client.waiting import wait_until


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
    assert list(paced(iter(frames), slept.append)) == frames
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
    """OpenCV's side of a camera: ``plays`` says how many frames each opening gives before it fails."""

    def __init__(self, plays: list[int]) -> None:
        self.plays = plays
        self.opened = 0

    def module(self) -> types.ModuleType:
        camera = self

        class VideoCapture:
            def __init__(self, *_: Any) -> None:
                camera.opened += 1
                self.left = camera.plays.pop(0) if camera.plays else 10**9

            def set(self, *_: Any) -> bool:
                return True

            def read(self) -> tuple[bool, Any]:
                time.sleep(0.001)
                self.left -= 1
                return self.left >= 0, np.zeros((4, 6, 3), dtype=np.uint8)

            def release(self) -> None: ...

        module = types.ModuleType("cv2")
        module.__dict__.update(
            VideoCapture=VideoCapture,
            VideoWriter=types.SimpleNamespace(fourcc=lambda *_: 0),
            cvtColor=lambda image, _: image,
            **dict.fromkeys(("CAP_V4L2", "CAP_FFMPEG", "CAP_PROP_OPEN_TIMEOUT_MSEC", "CAP_PROP_READ_TIMEOUT_MSEC"), 0),
            **dict.fromkeys(("CAP_PROP_FOURCC", "CAP_PROP_FRAME_WIDTH", "CAP_PROP_FRAME_HEIGHT"), 0),
            **dict.fromkeys(("CAP_PROP_FPS", "CAP_PROP_BUFFERSIZE", "COLOR_BGR2RGB"), 0),
        )
        return module


@pytest.fixture
def with_camera(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[list[int]], Camera]]:
    def plug_in(plays: list[int]) -> Camera:
        camera = Camera(plays)
        monkeypatch.setitem(sys.modules, "cv2", camera.module())
        monkeypatch.setattr(sources, "FIRST_RETRY_S", 0.01)
        return camera

    yield plug_in


@pytest.mark.parametrize("name", ["0", "/dev/video2", "rtsp://camera/stream", "http://camera/mjpg"])
def test_a_live_source_comes_back_after_it_failed(with_camera: Callable[[list[int]], Camera], name: str) -> None:
    camera = with_camera([3, 0, 2])
    source = open_source(Capture(source=name))
    assert isinstance(source, LiveSource)
    for _ in source.frames():
        if camera.opened == 4:
            break
    source.close()
    assert camera.opened == 4


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
