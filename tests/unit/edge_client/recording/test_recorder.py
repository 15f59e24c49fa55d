"""Recording: windows of the right frames and names, by key or timer, and nothing lost however it ends."""

import contextlib
import os
import pty
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_client.capture.frames import Frame, Source, SourceError
from edge_client.cli import main
from edge_client.recording.keyboard import read_keys
from edge_client.recording.recorder import RecordingPlan, WindowRecorder, record_windows
from edge_client.settings import Capture, Settings, SettingsError
from landmarks.recording import read_recording, write_recording
from testkit.edge.hands import made_frame, made_hand
from testkit.waiting import wait_until
from tests.unit.edge_client.capture.test_sources import made_recording
from tests.unit.edge_client.recording.sitting import PLAN, record


def test_a_window_is_the_frames_after_it_began() -> None:
    recorder = WindowRecorder(PLAN)
    frames = [made_frame(right=made_hand(x=index / 10)) for index in range(8)]
    assert recorder.push(frames[0]) is None
    recorder.begin("yes")
    assert [recorder.push(frame) for frame in frames[1:]] == [None, None, None, "yes", None, None, None]
    recording = recorder.recording(30.0)
    assert (recording.hands[0] == np.stack(frames[1:5]).reshape(4, 126)).all()
    assert [recording.label.tolist(), recording.signer.tolist(), recording.session.tolist()] == [
        ["yes"],
        ["ana"],
        ["lunes"],
    ]


def test_the_last_window_can_be_dropped() -> None:
    recorder = WindowRecorder(PLAN)
    assert not recorder.drop()
    recorder.begin("yes")
    for _ in range(4):
        recorder.push(made_frame())
    assert recorder.drop()
    assert len(recorder) == 0


@pytest.mark.parametrize(("labels", "frames"), [((), 4), (("a", "a"), 4), (("a",), 1), (("a",), 1001)])
def test_a_plan_that_makes_no_sense_is_refused(labels: tuple[str, ...], frames: int) -> None:
    with pytest.raises(SettingsError, match="expected"):
        RecordingPlan(labels, "ana", "lunes", frames)


def test_the_timer_records_labels_in_turn_and_adds_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_client.recording.recorder.COUNTDOWN_S", 0.0)
    monkeypatch.setattr("edge_client.recording.recorder.open_frames", lambda source: source.frames())
    write_recording(made_recording(windows=2, frames=30), tmp_path / "source.npz")
    settings = Settings(capture=Capture(source=str(tmp_path / "source.npz")))
    said: list[str] = []
    for expected in (4, 8):
        written = record_windows(settings, PLAN, tmp_path / "out.npz", every_s=0.0, count=2, say=said.append)
        assert written == 4
        recording = read_recording(tmp_path / "out.npz")
        assert len(recording.hands) == expected
    assert recording.label.tolist() == ["hello", "yes"] * 4
    assert recording.fps == pytest.approx(30, abs=0.1)
    assert "2: yes" in said


def test_a_rate_that_no_file_may_have_loses_nothing(tmp_path: Path) -> None:
    recorder = WindowRecorder(PLAN)
    recorder.begin("yes")
    for _ in range(4):
        recorder.push(made_frame(right=made_hand()))
    for fps, kept in ((90_000.0, 1000.0), (0.0, 1.0), (float("nan"), 1.0)):
        assert recorder.recording(fps).fps == kept


def test_a_hand_that_is_not_finite_is_an_absent_hand() -> None:
    recorder = WindowRecorder(PLAN)
    recorder.begin("yes")
    broken = made_frame(left=made_hand(), right=made_hand())
    broken[1, 3, 0] = np.nan
    for frame in (broken, *[made_frame(right=made_hand())] * 3):
        recorder.push(frame)
    first = recorder.recording(30.0).hands[0, 0].reshape(2, 21, 3)
    assert first[0].any()
    assert not first[1].any()


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_keeps_what_was_recorded(
    tmp_path: Path, settings: Settings, at_once: None, monkeypatch: pytest.MonkeyPatch, ended_by: signal.Signals
) -> None:
    def frames_until_stopped(source: Source) -> Iterator[Frame]:
        for number, frame in enumerate(source.frames()):
            yield frame
            if number == 9:
                os.kill(os.getpid(), ended_by)

    monkeypatch.setattr("edge_client.recording.recorder.open_frames", frames_until_stopped)
    handler = signal.getsignal(ended_by)
    written, said = record(settings, tmp_path / "a.npz")
    assert written == len(read_recording(tmp_path / "a.npz").hands) == 2
    assert said[-1] == f"2 windows written to {tmp_path / 'a.npz'}"
    assert signal.getsignal(ended_by) is handler


def test_a_source_that_fails_keeps_what_was_recorded(
    tmp_path: Path, settings: Settings, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def frames_that_fail(source: Source) -> Iterator[Frame]:
        for number, frame in enumerate(source.frames()):
            if number == 10:
                raise SourceError("the camera burns")
            yield frame

    monkeypatch.setattr("edge_client.recording.recorder.open_frames", frames_that_fail)
    with pytest.raises(SourceError, match="burns"):
        record(settings, tmp_path / "a.npz")
    assert len(read_recording(tmp_path / "a.npz").hands) == 2


def test_nothing_recorded_is_said_and_touches_nothing(
    tmp_path: Path, settings: Settings, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_client.recording.recorder.open_frames", lambda source: iter(()))
    written, said = record(settings, tmp_path / "a.npz")
    assert (written, said[-1]) == (0, f"no window was recorded: {tmp_path / 'a.npz'} is as it was")
    assert not (tmp_path / "a.npz").exists()


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--every", "nan"], "--every: 'nan' found, expected 0 to 3600 seconds"),
        (["--every", "inf"], "--every: 'inf' found, expected 0 to 3600 seconds"),
        (["--every=-1"], "--every: '-1' found, expected 0 to 3600 seconds"),
        (["--every", "1", "--count", "0"], "--count: '0' found, expected a whole number above 0"),
        (["--every", "1", "--count", "1000000"], "expected at most"),
        (["--every", "1", "--frames", "0"], "frames is 0, expected 2 to 1000"),
        ([], "keys need a terminal: expected --every"),
        (["--every", "1", "--signer", " "], "signer is ' ', expected a name"),
        (["--every", "1", "--session", ""], "session is '', expected a name"),
    ],
)
def test_what_would_record_nothing_is_refused(
    tmp_path: Path, no_source: None, capsys: pytest.CaptureFixture[str], flags: list[str], sentence: str
) -> None:
    command = ["record", str(tmp_path / "a.npz"), "--labels", "a,b", "--signer", "ana", "--session", "s"]
    try:
        code = main([*command, *flags])
    except SystemExit as ended:  # argparse
        code = int(str(ended.code))
    assert code in (1, 2)
    assert sentence in capsys.readouterr().err


def test_two_quick_keys_are_both_read(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        with read_keys() as keys:
            assert keys() == ""
            os.write(master, b"1u")
            pressed = []
            for _ in range(2):
                wait_until(lambda: select.select([slave], [], [], 0)[0])
                pressed.append(keys())
    os.close(master)
    assert pressed == ["1", "u"]


def test_keys_record_until_a_file_is_full(
    tmp_path: Path, settings: Settings, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_client.recording.recorder.MAX_FRAMES", 9)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("edge_client.recording.recorder.read_keys", lambda: contextlib.nullcontext(lambda: "2"))
    said: list[str] = []
    assert record_windows(settings, PLAN, tmp_path / "a.npz", every_s=None, count=1, say=said.append) == 2
    assert read_recording(tmp_path / "a.npz").label.tolist() == ["yes", "yes"]


def test_more_labels_than_keys_need_the_timer(tmp_path: Path, no_source: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    plan = RecordingPlan(tuple("abcdefghij"), "ana", "lunes", 4)
    with pytest.raises(SettingsError, match="10 labels found, expected at most 9 with keys"):
        record_windows(Settings(), plan, tmp_path / "a.npz", every_s=None, count=1, say=print)
