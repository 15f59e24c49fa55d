"""A video file: every frame, and how a broken one is told."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_client.capture.frames import SourceError
from edge_client.capture.sources import check_whole, open_source
from edge_client.capture.video_file import VideoSource
from edge_client.settings import Capture
from tests.unit.edge_client.capture.fake_opencv import Camera


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
