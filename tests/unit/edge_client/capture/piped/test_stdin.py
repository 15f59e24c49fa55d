"""Motion JPEG on standard input: frames while it comes, an end where it ends, and no wait without a deadline."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_client.capture import live_source
from edge_client.capture.frames import SourceError
from edge_client.capture.live_source import LiveSource
from edge_client.capture.piped.stdin import StandardInput
from edge_client.capture.sources import check_whole
from edge_client.settings import Capture
from serve_app.settings import PROJECT_ROOT
from testkit.edge.rpicam import encode_jpeg
from testkit.waiting import wait_until

pytest.importorskip("cv2", reason="OpenCV is not installed here: see edge_client/README.md")

Pipe = tuple[int, int]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """Where to read, and where to write."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):  # where the test did
            os.close(end)


def picture(value: int = 100) -> bytes:
    return encode_jpeg(np.full((48, 64, 3), value, dtype=np.uint8))


def open_pipe(pipe: Pipe, stall: float = 5.0) -> LiveSource:
    settings = Capture(source="-", stall=stall)
    return LiveSource(StandardInput(settings, pipe[0]), settings)


def test_frames_come_and_the_end_is_an_end(pipe: Pipe) -> None:
    source = open_pipe(pipe)
    frames = source.frames()
    for value in (10, 200):
        os.write(pipe[1], picture(value))
        image = next(frames).image
        assert image is not None
        assert round(float(image.mean())) == value
    os.write(pipe[1], picture(60)[:100])
    os.close(pipe[1])
    assert list(frames) == []
    check_whole(source)
    assert source.alive
    source.close()


def test_an_end_without_a_picture_is_told(pipe: Pipe) -> None:
    source = open_pipe(pipe)
    os.write(pipe[1], b"hello")
    os.close(pipe[1])
    assert list(source.frames()) == []
    with pytest.raises(SourceError, match=r"standard input has ended without a picture, expected Motion JPEG: rpicam"):
        check_whole(source)
    source.close()


def test_a_pipe_that_stalls_goes_on(
    pipe: Pipe, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_source, "FIRST_RETRY_S", 0.01)
    source = open_pipe(pipe, stall=0.2)
    frames = source.frames()
    os.write(pipe[1], picture())
    next(frames)
    wait_until(lambda: source.problem)
    assert "standard input has given no picture for 0.2 s" in source.trouble
    os.write(pipe[1], picture()[60:] + picture(200))
    image = next(frames).image
    assert image is not None
    assert round(float(image.mean())) == 200
    assert source.trouble == ""
    source.close()
    assert not any("opening it again" in message for message in caplog.messages), "one reader was enough"


def test_closing_ends_a_wait_at_once(pipe: Pipe) -> None:
    source = open_pipe(pipe, stall=60)
    threading.Timer(0.1, source.close).start()
    started = time.monotonic()
    assert list(source.frames()) == []
    wait_until(lambda: "capture" not in [thread.name for thread in threading.enumerate()])
    assert time.monotonic() - started < 5


def test_what_is_no_pipe_is_refused(tmp_path: Path) -> None:
    master, terminal = os.openpty()
    folder = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(SourceError, match="standard input is a terminal, expected Motion JPEG: rpicam-vid -n"):
        StandardInput(Capture(), terminal)
    with pytest.raises(SourceError, match="standard input is a folder"):
        StandardInput(Capture(), folder)
    for descriptor in (master, terminal, folder):
        os.close(descriptor)
    with pytest.raises(SourceError, match="standard input can't be read: Bad file descriptor"):
        StandardInput(Capture(), folder)


def test_the_client_reads_its_own_standard_input() -> None:
    code = (
        "from edge_client.capture.sources import open_source; from edge_client.settings import Capture;"
        "source = open_source(Capture(source='-')); print(next(source.frames()).image.shape); source.close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=picture(), cwd=PROJECT_ROOT, capture_output=True, timeout=60, check=True
    )
    assert done.stdout.decode().strip() == "(48, 64, 3)"
