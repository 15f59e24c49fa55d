"""A source of made hands, played as fast as it is read, or none that may be opened."""

from pathlib import Path

import pytest

from edge_client.capture.frames import Source
from edge_client.settings import Capture, Settings
from landmarks.recording import write_recording
from tests.unit.edge_client.capture.test_sources import made_recording


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are played as fast as they are read."""
    monkeypatch.setattr("edge_client.recording.recorder.COUNTDOWN_S", 0.0)
    monkeypatch.setattr("edge_client.recording.recorder.open_frames", lambda source: source.frames())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A source that is long enough for 4 windows of 4 frames."""
    (tmp_path / "source").mkdir()
    write_recording(made_recording(windows=2, frames=30), tmp_path / "source" / "made.npz")
    return Settings(capture=Capture(source=str(tmp_path / "source" / "made.npz")))


class NoSourceError(AssertionError):
    """The source was opened although the recording can't be kept."""


@pytest.fixture
def no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Capture) -> Source:
        raise NoSourceError

    monkeypatch.setattr("edge_client.recording.recorder.open_source", refuse)
