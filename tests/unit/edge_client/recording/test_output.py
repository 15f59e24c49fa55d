"""The file that a recording goes to: refused before the first window, written beside another, read by the trainer."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge_client.recording.output import save_recording
from edge_client.settings import Settings
from landmarks import recording as recording_files
from landmarks.recording import RecordingError, read_recording, write_recording
from tests.unit.edge_client.capture.test_sources import made_recording
from tests.unit.edge_client.recording.sitting import record


def test_another_rate_than_the_files_is_written_beside_and_said(
    tmp_path: Path, settings: Settings, at_once: None
) -> None:
    output = tmp_path / "out" / "a.npz"
    output.parent.mkdir()
    write_recording(replace(made_recording(windows=3, frames=4), fps=25.0), output)
    before = output.read_bytes()
    for name in ("a-2.npz", "a-3.npz"):
        written, said = record(settings, output)
        assert written == 4
        assert output.read_bytes() == before
        beside = read_recording(output.with_name(name))
        assert len(beside.hands) == 4
        assert beside.fps == pytest.approx(30, abs=0.1)
        assert f"4 windows written to {output.with_name(name)}" in said[-1]
        assert "4 frames at 25 fps and of 4 at 30 can't share a file" in said[-1]
        assert (
            f"Training refuses both in one folder, whose windows last 0.16 s and 0.13 s: move {name} away" in said[-1]
        )
        first = [line for line in said[:-1] if "gives 30.0 frames a second" in line]
        assert len(first) == 1, "said when the first window is full"
        assert first[0].endswith(
            "a new file; training refuses both in one folder, whose windows last 0.16 s and 0.13 s"
        )


@pytest.mark.parametrize("rate", [28.0, 32.5])
def test_a_rate_of_nearly_as_many_seconds_is_written_beside_and_trained_with_it(
    tmp_path: Path, settings: Settings, at_once: None, rate: float
) -> None:
    output = tmp_path / "out" / "a.npz"
    output.parent.mkdir()
    write_recording(replace(made_recording(windows=3, frames=4), fps=rate), output)
    _, said = record(settings, output)
    assert said[-1].endswith(f"can't share a file. Training takes both from {output.parent}")
    assert any(
        line.endswith(f"{output} has {rate}: a new file; training takes both from {output.parent}") for line in said
    )


def test_a_file_that_became_unreadable_is_said_to_stop_training(tmp_path: Path) -> None:
    output = tmp_path / "a.npz"
    output.write_bytes(b"broken")
    sentence = save_recording(made_recording(), output)
    assert f"2 windows written to {tmp_path / 'a-2.npz'}, not to {output}: " in sentence
    assert sentence.endswith(f". Training refuses {tmp_path} as long as a.npz is in it")


@pytest.mark.parametrize("rate", [20.0, 25.0, 26.0, 28.0, 32.5, 34.0])
def test_what_is_said_of_training_is_what_training_does(tmp_path: Path, rate: float) -> None:
    recordings = pytest.importorskip("training.data.recordings", reason="training isn't installed here")
    output = tmp_path / "a.npz"
    write_recording(replace(made_recording(windows=2, frames=6), fps=rate), output)
    sentence = save_recording(replace(made_recording(windows=3, frames=6), fps=30.0), output)
    if "Training takes both" in sentence:
        assert len(recordings.read_windows(tmp_path)) == 5
    else:
        with pytest.raises(recordings.DataError, match="expected windows of as many seconds"):
            recordings.read_windows(tmp_path)
    assert ("Training takes both" in sentence) is (rate in (28.0, 32.5))


@pytest.mark.parametrize(
    ("existing", "sentence"),
    [
        ({"frames": 9}, r"a.npz has windows of 9 frames, found --frames 4: expected --frames 9, or another file"),
        (None, r"a.npz can't be read as a recording: it is a file that begins with b'my notes'"),
    ],
)
def test_a_file_that_the_windows_do_not_fit_is_refused_before_the_first(
    tmp_path: Path, no_source: None, existing: dict[str, int] | None, sentence: str
) -> None:
    output = tmp_path / "a.npz"
    if existing is None:
        output.write_text("my notes")
    else:
        write_recording(made_recording(**existing), output)
    before = output.read_bytes()
    with pytest.raises(RecordingError, match=sentence):
        record(Settings(), output)
    assert output.read_bytes() == before


def test_what_cannot_be_written_is_refused_before_the_first_window(
    tmp_path: Path, no_source: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.npz").mkdir()
    for output, sentence in (
        (tmp_path / "file" / "a.npz", "a.npz can't be written: "),
        (tmp_path / "folder.npz", "folder.npz can't be written: it is a folder"),
        (tmp_path / "a.txt", r"a.txt found as output, expected a name that ends in .npz"),
    ):
        with pytest.raises(RecordingError, match=sentence):
            record(Settings(), output)
    monkeypatch.setattr("edge_client.recording.output.get_free_bytes", lambda _: 1000)
    with pytest.raises(RecordingError, match=r"has 1 kB free, expected at least \d+ kB"):
        record(Settings(), tmp_path / "a.npz")


def test_the_folder_of_a_new_file_is_made(tmp_path: Path, settings: Settings, at_once: None) -> None:
    record(settings, tmp_path / "new" / "folder" / "a.npz")
    assert len(read_recording(tmp_path / "new" / "folder" / "a.npz").hands) == 4


def test_a_folder_that_was_lost_meanwhile_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    sentence = save_recording(made_recording(), tmp_path / "gone" / "a.npz")
    assert len(read_recording(tmp_path / "elsewhere" / "a.npz").hands) == 2
    assert "elsewhere/a.npz" in sentence
    assert "gone/a.npz" in sentence


def test_a_full_file_is_continued_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_files, "MAX_FRAMES", 15)
    for _ in range(2):
        save_recording(made_recording(windows=2, frames=5), tmp_path / "a.npz")
    assert [len(read_recording(tmp_path / name).hands) for name in ("a.npz", "a-2.npz")] == [2, 2]


def test_the_trainer_reads_what_was_recorded(tmp_path: Path) -> None:
    datasets = pytest.importorskip("training.data.recordings", reason="training isn't installed here")
    write_recording(made_recording(), tmp_path / "a.npz")
    windows = datasets.read_windows(tmp_path)
    assert len(windows) == 2
    assert windows.grouped_by == "signer"
