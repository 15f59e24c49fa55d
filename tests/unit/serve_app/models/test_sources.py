"""A source that fails, or a path that names nothing: the next source is tried, and the log says why, once."""

import logging
import os
import shutil
import threading
from pathlib import Path

import pytest

from serve_app.deployments.model import ModelReplica
from serve_app.models.loader import ModelLoader
from serve_app.models.repository import LoadedModel
from testkit.model_files import write_version


def get_version(model: ModelLoader) -> str | None:
    return model.current.version if model.current else None


class RaisingSource:
    """A source whose driver raises what nobody expects, until it is mended."""

    uri = "odd://bucket"

    def __init__(self, at: str, error: Exception | None) -> None:
        self._at, self.error = at, error

    def versions(self) -> list[int]:
        self._fail("versions")
        return [5]

    def explain_absence(self) -> str:
        return ""

    def fingerprint(self, version: int) -> str:
        self._fail("fingerprint")
        return str(version)

    def open(self, version: int, *, threads: int | None = None) -> LoadedModel:
        self._fail("open")
        raise AssertionError(version, threads)

    def _fail(self, at: str) -> None:
        if self._at == at and self.error is not None:
            raise self.error


@pytest.mark.parametrize("at", ["versions", "fingerprint", "open"])
@pytest.mark.parametrize(
    "error", [RecursionError("too deep"), MemoryError(), OSError(5, "Input/output error"), ValueError("a\nb")], ids=repr
)
def test_whatever_a_source_raises_the_next_one_is_tried_and_the_log_says_why_once(
    repository: Path, service_log: pytest.LogCaptureFixture, at: str, error: Exception
) -> None:
    model = ModelLoader("gesture", [str(repository)])
    model._sources.insert(0, RaisingSource(at, error))
    for _ in range(3):
        model.refresh()
    assert get_version(model) == "1"
    (reason,) = model.rejected_versions.values()
    assert type(error).__name__ in reason and "\n" not in reason
    assert len([record for record in service_log.records if record.levelno >= logging.WARNING]) == 1


def test_a_source_that_can_not_be_listed_any_more_keeps_its_model(repository: Path, tmp_path: Path) -> None:
    write_version(tmp_path / "spare", 9)
    model = ModelLoader("gesture", [str(repository), str(tmp_path / "spare")])
    model.refresh()
    shutil.rmtree(repository / "gesture")
    (repository / "gesture").symlink_to(repository / "gesture")
    model.refresh()
    assert get_version(model) == "1"
    assert "can't be listed" in model.rejected_versions[str(repository)]


class HangingSource(RaisingSource):
    """A bucket that can't be reached: each refresh fails, and only after a while."""

    def __init__(self) -> None:
        super().__init__("versions", OSError(113, "No route to host"))
        self.looked, self.go_on = threading.Event(), threading.Event()

    def versions(self) -> list[int]:
        self.looked.set()
        assert self.go_on.wait(30)
        return super().versions()


@pytest.mark.anyio
async def test_what_is_known_stays_known_while_a_refresh_is_under_way(tmp_path: Path) -> None:
    source = HangingSource()
    source.go_on.set()
    inference = ModelReplica("shot", [str(tmp_path)])
    inference._loader._sources = [source]
    assert (await inference.reload()).has_published_version
    source.go_on.clear()
    source.looked.clear()
    reload = threading.Thread(target=inference._reload)
    reload.start()
    assert source.looked.wait(30)
    status = inference.status()
    source.go_on.set()
    reload.join(30)
    assert status.has_published_version, "an unreachable repository is no empty one, also while it is being asked again"
    assert "No route to host" in status.rejected_versions[source.uri]


@pytest.mark.parametrize(
    ("below", "reason"),
    [
        ("typo", "there is no such folder, expected one with gesture/<version>/model.onnx"),
        ("models/gesture", "lies within a repository, expected a folder above it"),
        ("models/gesture/1", "lies within a repository, expected a folder above it"),
        ("empty", "has no folder gesture, expected gesture/<version>/model.onnx in it"),
        ("named", "its folder gesture has no numbered folder"),
        ("typo.onnx", "there is no such file"),
        ("typo.pt", "there is no such file"),
    ],
)
def test_a_wrong_path_is_logged_once_with_what_is_missing(
    repository: Path, tmp_path: Path, service_log: pytest.LogCaptureFixture, below: str, reason: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "named" / "gesture" / "newest").mkdir(parents=True)
    model = ModelLoader("gesture", [str(tmp_path / below), str(repository)])
    for _ in range(3):
        model.refresh()
    assert get_version(model) == "1"
    (line,) = [record.getMessage() for record in service_log.records if record.levelno >= logging.WARNING]
    assert str(tmp_path / below) in line and reason in line
    assert model.rejected_versions == {}, "a place with nothing in it is not a refused model"


def test_a_missing_bucket_is_logged(repository: Path, service_log: pytest.LogCaptureFixture) -> None:
    model = ModelLoader("gesture", ["memory://no-such-bucket", str(repository)])
    model.refresh()
    assert "no gesture model from memory://no-such-bucket: there is no such folder" in service_log.text


def test_a_single_file_at_a_uri_is_said_to_be_none(repository: Path) -> None:
    model = ModelLoader("gesture", ["memory://bucket/model.onnx", str(repository)])
    model.refresh()
    assert get_version(model) == "1"
    assert "is a URI, expected a local file" in model.rejected_versions["memory://bucket/model.onnx"]


@pytest.mark.parametrize("kind", ["folder", "fifo", "loop", "name too long"])
@pytest.mark.parametrize("ending", [".pt", ".onnx"])
def test_a_path_that_is_no_file_is_refused_and_the_next_source_answers(
    repository: Path, tmp_path: Path, kind: str, ending: str
) -> None:
    path = tmp_path / f"odd{ending}"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path)
    else:
        path = tmp_path / f"{'x' * 300}{ending}"
    model = ModelLoader("gesture", [str(path), str(repository)])
    model.refresh()
    assert get_version(model) == "1"
    assert list(model.rejected_versions) == [str(path)]
