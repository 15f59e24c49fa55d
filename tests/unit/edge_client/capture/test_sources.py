"""Which source a name means, what a recording plays, and pace."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_client.capture.frames import Frame, SourceError
from edge_client.capture.live_source import LiveSource
from edge_client.capture.recording import RecordingSource
from edge_client.capture.sources import open_source, throttle_to_realtime
from edge_client.settings import Capture
from landmarks.recording import Recording, write_recording
from landmarks.tracking.vision_libraries import LibraryError
from testkit.edge.hands import made_frame, made_hand
from tests.unit.edge_client.capture.fake_opencv import Camera


def made_recording(windows: int = 2, frames: int = 5) -> Recording:
    window = np.stack([made_frame(right=made_hand())] * frames).reshape(frames, 126)
    names = np.array(["x"] * windows)
    return Recording(np.stack([window] * windows), names, names, names, 30.0)


@pytest.mark.parametrize("name", ["nowhere.mp4", "camera"])
def test_a_name_that_means_nothing_is_refused(name: str) -> None:
    with pytest.raises(SourceError, match="no file that exists"):
        open_source(Capture(source=name))


def test_an_empty_name_is_refused_by_the_settings() -> None:
    with pytest.raises(ValueError, match="at least 1 character"):
        Capture(source="")


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


def test_a_link_to_a_camera_is_a_camera(with_camera: Callable[[list[int]], Camera], tmp_path: Path) -> None:
    with_camera([])
    (tmp_path / "cam").symlink_to("/dev/null")
    source = open_source(Capture(source=str(tmp_path / "cam")))
    assert isinstance(source, LiveSource)
    source.close()


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
        ("ftp://host/a.mp4", "ftp:// found, expected rtsp://, rtsps://, http://, https://, tcp:// or udp://"),
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


def test_a_recordings_rate_is_its_sources(tmp_path: Path) -> None:
    assert RecordingSource(made_recording()).fps == 30.0
