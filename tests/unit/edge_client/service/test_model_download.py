"""The service's model comes to the Pi whole and proved, or not at all."""

from pathlib import Path

import pytest

from edge_client.recognition.local_model import LocalModel
from edge_client.service.http_client import ServiceClient
from edge_client.service.model_download import fetch_model
from edge_client.service.replies import ServiceError
from edge_client.settings import Cloud
from landmarks.models.card import ModelError
from testkit.edge.http_service import Reply, Request, http_service
from testkit.model_files import write_version


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """The folder of a model that a service may hand over."""
    return write_version(tmp_path / "service", 1)


def list_files(folder: Path, **changed: bytes) -> dict[str, bytes]:
    return {path.name: changed.get(path.stem, path.read_bytes()) for path in folder.iterdir()}


def fetched(files: dict[str, bytes], folder: Path) -> list[str]:
    """Fetch from a service that has these files; gives the paths that it was asked for."""

    def answer(request: Request) -> Reply:
        content = files.get(request.path.rsplit("/", 1)[-1])
        return Reply(404, b'{"error": "no such file"}') if content is None else Reply(body=content)

    with http_service(answer) as service:
        fetch_model(ServiceClient(Cloud(url=service.url, retries=0)), folder)
        return service.paths()


def test_the_fetched_model_answers_here(served: Path, tmp_path: Path) -> None:
    paths = fetched(list_files(served), tmp_path / "pi" / "gesture")
    assert sorted(paths) == ["/models/gesture/card.json", "/models/gesture/model.onnx"]
    assert LocalModel.open(tmp_path / "pi" / "gesture").labels == LocalModel.open(served).labels


def test_a_model_that_does_not_prove_itself_leaves_the_one_before_in_place(served: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pi"
    fetched(list_files(served), folder)
    before = list_files(folder)
    with pytest.raises(ModelError, match="SHA-256"):
        fetched(list_files(served, model=b"another model"), folder)
    assert list_files(folder) == before


def test_a_service_without_a_model_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="answered 404: no such file"):
        fetched({}, tmp_path / "pi")
    assert not (tmp_path / "pi").exists()


def test_a_folder_that_cannot_be_written_is_an_error_that_says_so(served: Path, tmp_path: Path) -> None:
    (tmp_path / "pi").write_text("a file where the folder should be")
    with pytest.raises(ModelError, match="pi can't be written: "):
        fetched(list_files(served), tmp_path / "pi")


@pytest.mark.parametrize("card", [b"[" * 100_000, '{"name":"mañana"}'.encode("latin-1"), b'{"x":' + b"[" * 100_000])
def test_a_card_of_odd_bytes_is_an_error_that_says_so(served: Path, tmp_path: Path, card: bytes) -> None:
    with pytest.raises(ModelError, match=r"card\.json"):
        fetched(list_files(served, card=card), tmp_path / "pi")
