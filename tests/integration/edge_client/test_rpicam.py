"""The Pi's own camera, by a program that behaves as ``rpicam-vid``: it gives frames, stalls, dies, prints errors."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_client.capture import live_source
from edge_client.capture.frames import Frame
from edge_client.capture.live_source import LiveSource
from edge_client.capture.piped import pictures
from edge_client.capture.piped.rpicam import PiCamera
from edge_client.capture.sources import open_source
from edge_client.settings import Capture
from landmarks.tracking.assets import HAND_LANDMARKER, AssetError, find_asset
from serve_app.settings import PROJECT_ROOT
from testkit.edge.rpicam import IN_USE, NO_CAMERA, Play, install_rpicam, read_runs
from testkit.waiting import DEADLINE_S, wait_until

pytest.importorskip("cv2", reason="OpenCV is not installed here: see edge_client/README.md")

QUICK = Capture(source="rpicam", fps=100, stall=0.5)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of ``PATH`` for the program; none of its runs may outlive a test."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(live_source, "FIRST_RETRY_S", 0.01)
    yield tmp_path
    wait_until(lambda: not any(is_alive(run["pid"]) for run in read_runs(tmp_path)))


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def take(source: Any, count: int) -> list[Frame]:
    """So many frames of a live source, which is closed then; fails where they don't come."""
    timer = threading.Timer(DEADLINE_S, source.close)
    timer.start()
    frames = []
    for frame in source.frames():
        frames.append(frame)
        if len(frames) == count:
            break
    timer.cancel()
    source.close()
    assert len(frames) == count, source.trouble
    return frames


def take_after(folder: Path, *plays: Play, settings: Capture = QUICK, runs: int = 2) -> None:
    """Play these, and take frames until the program was started so many times."""
    install_rpicam(folder, *plays)
    source = open_source(settings)
    assert isinstance(source, LiveSource)
    timer = threading.Timer(DEADLINE_S, source.close)
    timer.start()
    for _ in source.frames():
        if len(read_runs(folder)) >= runs:
            break
    timer.cancel()
    source.close()
    assert len(read_runs(folder)) >= runs


@pytest.mark.parametrize("codec", ["mjpeg", "yuv420"])
def test_its_frames_are_rgb_pictures_of_the_size_asked_for(folder: Path, codec: str) -> None:
    install_rpicam(folder)
    frames = take(open_source(Capture(source="rpicam", codec=codec, fps=100)), 5)  # type: ignore[arg-type]
    for frame in frames:
        assert frame.image is not None
        assert frame.image.shape == (480, 640, 3)
        assert np.allclose(frame.image[:200].mean(), 200, atol=2)
        assert np.allclose(frame.image[280:].mean(), 60, atol=2)
    (run,) = read_runs(folder)
    told = " ".join(run["arguments"])
    assert f"--width 640 --height 480 --framerate 100 --codec {codec}" in told
    assert told.endswith("--output -")


def test_older_systems_have_it_under_its_older_name(folder: Path) -> None:
    install_rpicam(folder, name="libcamera-vid")
    take(open_source(QUICK), 2)


def test_the_second_camera_is_one_too(folder: Path) -> None:
    install_rpicam(folder)
    take(open_source(QUICK.model_copy(update={"source": "rpicam:1"})), 1)
    assert "--camera 1" in " ".join(read_runs(folder)[0]["arguments"])


def test_a_quarter_turn_is_the_clients(folder: Path) -> None:
    install_rpicam(folder)
    (frame,) = take(open_source(QUICK.model_copy(update={"rotate": 90})), 1)
    assert frame.image is not None
    assert frame.image.shape == (640, 480, 3)
    assert frame.image[:, 280:].mean() > 190, "clockwise: what was above is on the right"


@pytest.mark.parametrize(
    ("play", "said"),
    [
        ({"frames": 3, "says": NO_CAMERA}, "rpicam has ended: no cameras available (power off, seat both ends"),
        ({"frames": 0, "says": NO_CAMERA}, "rpicam has ended: no cameras available (power off, seat both ends"),
        ({"frames": 0, "says": IN_USE}, "(another program uses it)"),
        ({"frames": 2}, "rpicam has ended with code 0"),
        ({"frames": 3, "stall": True}, "rpicam has given no picture for 0."),
        ({"frames": 3, "stall": True, "deaf": True}, "rpicam has given no picture for 0."),
    ],
)
def test_it_is_started_again_and_its_words_are_reported_once(
    folder: Path, caplog: pytest.LogCaptureFixture, play: Play, said: str
) -> None:
    take_after(folder, play, {})
    problems = [message for message in caplog.messages if "trying again" in message]
    assert len(problems) == 1
    assert said in problems[0]
    assert caplog.messages[-1] == "rpicam gives frames"


def test_a_first_picture_has_a_deadline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_client.capture.piped.rpicam.OPENING_S", 0.3)
    take_after(folder, {"frames": 0, "stall": True}, {})


@pytest.mark.parametrize(
    ("play", "said"),
    [("endless", "sends a JPEG picture of more than 100000 bytes"), ("garbage", "bytes without a JPEG")],
)
def test_bytes_that_are_no_picture_are_bounded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, play: str, said: str
) -> None:
    monkeypatch.setattr(pictures.JpegStream.__init__, "__defaults__", (100_000,))
    take_after(folder, {"frames": 2, play: True}, {})
    assert any(said in message for message in caplog.messages)


def test_words_without_end_do_not_stop_the_pictures(folder: Path) -> None:
    install_rpicam(folder, {"chatter": "x" * 300_000})
    take(open_source(QUICK), 3)


def test_without_the_program_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    source = open_source(QUICK)
    assert isinstance(source, LiveSource)
    wait_until(lambda: source.problem)
    source.close()
    assert "sudo apt-get install -y rpicam-apps-lite" in source.problem


def test_a_program_that_cannot_be_started_is_told(folder: Path) -> None:
    install_rpicam(folder)
    (folder / "rpicam-vid").write_text("no program")
    driver = PiCamera(0, QUICK)
    assert driver.open(threading.Event()) is None
    assert "rpicam" in driver.describe_failure() or "ended" in driver.describe_failure()


@pytest.mark.parametrize("play", [{}, {"frames": 0, "stall": True}, {"frames": 2, "stall": True, "deaf": True}])
def test_closing_ends_the_program_at_once(folder: Path, play: Play) -> None:
    install_rpicam(folder, play)
    source = open_source(QUICK.model_copy(update={"stall": 60}))
    wait_until(lambda: read_runs(folder))
    started = time.monotonic()
    source.close()
    assert time.monotonic() - started < 5
    assert not is_alive(read_runs(folder)[0]["pid"])


@pytest.mark.parametrize("deaf", [False, True])
def test_the_program_does_not_outlive_a_client_that_is_killed(folder: Path, deaf: bool) -> None:
    install_rpicam(folder, {"frames": 1, "stall": True, "deaf": deaf})
    code = (
        "from edge_client.capture.sources import open_source; from edge_client.settings import Capture;"
        "print(len(list(open_source(Capture(source='rpicam', stall=60)).frames())))"
    )
    client = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT_ROOT)
    wait_until(lambda: read_runs(folder))
    (run,) = read_runs(folder)
    assert is_alive(run["pid"])
    client.send_signal(signal.SIGKILL)
    client.wait(10)
    wait_until(lambda: not is_alive(run["pid"]))


def test_the_whole_client_runs_on_it_and_ends_it(folder: Path) -> None:
    pytest.importorskip("mediapipe", reason="MediaPipe is not installed here: see edge_client/README.md")
    try:
        find_asset(HAND_LANDMARKER)
    except AssetError as error:
        pytest.skip(str(error))
    install_rpicam(folder, {"frames": 10, "says": NO_CAMERA}, {})
    command = [sys.executable, "-m", "edge_client", "run", "--source", "rpicam", "--cloud-url", "http://127.0.0.1:9"]
    log, address = folder / "log", str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, log.open("w") as output:
        systemd.bind(address)
        systemd.settimeout(4 * DEADLINE_S)
        environment = os.environ | {"NOTIFY_SOCKET": address}
        client = subprocess.Popen(command, cwd=PROJECT_ROOT, stderr=output, env=environment)
        try:
            assert systemd.recv(100) == b"READY=1"
            wait_until(lambda: "rpicam gives frames" in log.read_text())
            client.terminate()
            assert client.wait(DEADLINE_S) == 0
        finally:
            client.kill()
    assert "rpicam has ended: no cameras available" in log.read_text()
    assert "0 events" in log.read_text()
