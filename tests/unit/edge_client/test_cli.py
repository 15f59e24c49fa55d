"""The command line: whatever a command is given that it can't use, it says so in one sentence and ends with 1 or 2."""

import contextlib
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_client.cli import main
from landmarks.recording import read_recording
from testkit.edge.http_service import Reply, http_service


def run(*arguments: str) -> int:
    """The exit code of a command."""
    try:
        return main(arguments)
    except SystemExit as ended:  # argparse
        return int(str(ended.code))


RECORD = ("--labels", "a,b", "--signer", "ana", "--session", "lunes", "--every", "1")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("replay", "{tmp}/nowhere.npz"), "nowhere.npz is no camera index"),
        (("replay", "{tmp}"), "is a folder, expected a video file or a recording"),
        (("replay", "{tmp}/notes.npz"), "it is a file that begins with b'my notes', expected a whole .npz file"),
        (("replay", "{tmp}/notes.npz", "--settings", "{tmp}"), "can't be read: Is a directory"),
        (
            ("replay", "{tmp}/notes.npz", "--capture-fps", "nan"),
            "capture.fps: Input should be a finite number, found 'nan'",
        ),
        (
            ("replay", "{tmp}/notes.npz", "--tracking-stride", "0"),
            "tracking.stride: Input should be greater than or equal to 1, found '0'",
        ),
        (("run", "--source", "ftp://host/x"), "ftp:// found, expected rtsp://"),
        (("bench", "{tmp}/nowhere"), "nowhere is no camera index"),
        (("demo", "--rounds", "0"), "--rounds: '0' found, expected a whole number above 0"),
        (("demo", "--rounds", "nan"), "--rounds: 'nan' found, expected a whole number above 0"),
        (("record", "{tmp}/a.npz", *RECORD, "--count", "-1"), "--count: '-1' found, expected a whole number above 0"),
        (("record", "{tmp}/a.npz", *RECORD, "--every", "nan"), "--every: 'nan' found, expected 0 to 3600 seconds"),
        (("record", "{tmp}/a.npz", *RECORD, "--frames", "0"), "frames is 0, expected 2 to 1000"),
        (("record", "{tmp}/notes.npz", *RECORD), "can't be read as a recording"),
        (("record", "{tmp}/notes.npz/a.npz", *RECORD), "can't be written: "),
        (("assets", "--folder", "{tmp}/notes.npz"), "can't be made a folder: "),
        (("doctor", "--publish-url", "http://[::1"), "publish.url is no URL that can be asked"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    (tmp_path / "notes.npz").write_text("my notes")
    code = run(*[argument.replace("{tmp}", str(tmp_path)) for argument in arguments])
    assert code in (1, 2)
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "error: " in said
    assert sentence in said
    assert (tmp_path / "notes.npz").read_text() == "my notes"


@pytest.mark.parametrize("command", ["replay", "bench", "record"])
def test_a_video_that_is_cut_off_ends_with_1_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed here: see edge_client/README.md")
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 100.0, (64, 48))
    for noise in np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), np.uint8):
        writer.write(noise)
    writer.release()
    whole = (tmp_path / "a.avi").read_bytes()
    (tmp_path / "a.avi").write_bytes(whole[: len(whole) // 2])
    # Without MediaPipe: nobody has to find hands in noise.
    for module in ("app", "profile", "recording.recorder"):
        monkeypatch.setattr(f"edge_client.{module}.open_tracker", lambda *_: contextlib.nullcontext(), raising=True)
    monkeypatch.setattr("edge_client.recording.recorder.COUNTDOWN_S", 0.0)
    with http_service(lambda _: Reply(404)) as service:
        flags = ["--cloud-url", service.url, "--publish-url", service.url + "/x", "--device-model", ""]
        record = [str(tmp_path / "a.npz"), *RECORD[:-1], "0", "--frames", "3", "--source", str(tmp_path / "a.avi")]
        assert run(command, *(record if command == "record" else [str(tmp_path / "a.avi")]), *flags) == 1
    assert "of 40 frames could be read: it is cut off or damaged" in capsys.readouterr().err.splitlines()[-1]
    if command == "record":
        assert len(read_recording(tmp_path / "a.npz").hands) >= 2


@pytest.mark.parametrize("module", ["cv2", "mediapipe"])
@pytest.mark.parametrize("command", ["run", "bench"])
def test_a_library_that_is_missing_is_named_with_the_commands(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    module: str,
    command: str,
) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed here: see edge_client/README.md")
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (64, 48))
    writer.write(cv2.UMat(48, 64, cv2.CV_8UC3))
    writer.release()
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "mediapipe.tasks.python", raising=False)
    source = [str(tmp_path / "a.avi")] if command == "bench" else ["--source", str(tmp_path / "a.avi")]
    with http_service(lambda _: Reply(404)) as service:
        flags = ["--cloud-url", service.url, "--publish-url", service.url + "/x", "--device-model", ""]
        assert run(command, *source, *flags) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    shown = {"cv2": "OpenCV", "mediapipe": "MediaPipe"}[module]
    install = "pip install -r edge_client/requirements.txt, then pip install --no-deps mediapipe==1.2.2"
    assert said == f"error: {shown} is not installed: {install}"
