"""Recording: windows of the right frames and names, in the file that the trainer reads."""

from pathlib import Path

import numpy as np
import pytest

from edge_client.recorder import RecordingPlan, WindowRecorder, record_windows
from edge_client.settings import Capture, Settings, SettingsError
from landmarks.recording import read_recording, write_recording
from tests.edge_client.made_hands import made_frame, made_hand
from tests.edge_client.test_sources import made_recording

PLAN = RecordingPlan(("hello", "yes"), "ana", "lunes", 4)


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
    monkeypatch.setattr("edge_client.recorder.COUNTDOWN_S", 0.0)
    monkeypatch.setattr("edge_client.recorder.frames_of", lambda source: source.frames())
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


def test_the_trainer_reads_what_was_recorded(tmp_path: Path) -> None:
    datasets = pytest.importorskip("training.datasets", reason="training isn't installed here")
    write_recording(made_recording(), tmp_path / "a.npz")
    windows = datasets.read_windows(tmp_path)
    assert len(windows) == 2
    assert windows.grouped_by == "signer"
