import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from msgspec import structs

from landmarks.models.card import CARD_FILE, MODEL_FILE, Golden, ModelError, read_card, write_card
from landmarks.models.session import ModelSession
from serve_app.models.repository import ModelRepository
from testkit.model_files import LABELS, build_card, linear_model, write_version
from training.publish import main, publish


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder as the export writes it."""
    data = linear_model(seed=7)
    folder = tmp_path / "exported"
    folder.mkdir()
    (folder / MODEL_FILE).write_bytes(data)
    write_card(build_card(data), folder / CARD_FILE)
    return folder


@pytest.fixture(params=["folder", "bucket"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty repository of each kind; fsspec's memory stands for a bucket."""
    if request.param == "folder":
        return str(tmp_path / "repository")
    memory = fsspec.filesystem("memory")
    if memory.exists("/published"):
        memory.rm("/published", recursive=True)
    return "memory://published"


def test_the_service_finds_what_was_published(model: Path, empty: str) -> None:
    assert [publish(model, empty)[1] for _ in range(2)] == [1, 2]
    repository = ModelRepository(empty, "gesture")
    assert repository.versions() == [1, 2]
    opened = repository.open(2)
    assert (opened.version, opened.session.card) == ("2", read_card(model / CARD_FILE))


def test_publishers_at_the_same_time_get_versions_of_their_own(model: Path, empty: str) -> None:
    with ThreadPoolExecutor(8) as publishers:
        versions = list(publishers.map(lambda _: publish(model, empty)[1], range(24)))
    assert sorted(versions) == list(range(1, 25))
    repository = ModelRepository(empty, "gesture")
    assert repository.versions() == list(range(1, 25))
    for version in (1, 12, 24):
        repository.open(version)


def test_the_version_is_the_one_after_the_newest_whatever_else_lies_there(model: Path, repository: Path) -> None:
    write_version(repository, 9)
    for other in (".publishing-left-behind", "staging", "10.bak"):
        (repository / "gesture" / other).mkdir()
    assert publish(model, str(repository))[1] == 10


def test_an_object_store_gets_the_card_last(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that looks in between finds a version without a card, and refuses it."""
    memory = fsspec.filesystem("memory")
    seen: list[list[int]] = []
    plain = type(memory).pipe_file

    def look_then_write(files: fsspec.AbstractFileSystem, path: str, value: bytes, mode: str = "overwrite") -> None:
        plain(files, path, value, mode=mode)
        try:
            ModelRepository("memory://half", "gesture").open(1)
            seen.append([1])
        except ModelError as error:
            assert f"{CARD_FILE} is missing" in str(error)
            seen.append([])

    monkeypatch.setattr(type(memory), "pipe_file", look_then_write)
    publish(model, "memory://half")
    assert seen == [[], [1]]


def test_a_publisher_that_dies_leaves_no_version(model: Path, tmp_path: Path) -> None:
    root = tmp_path / "repository"
    code = "import os, sys, training.publish as p\np._flush_folder = lambda folder: os._exit(9)\np.main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "--model", str(model), "--repository", str(root)]
    assert subprocess.run(command, check=False, timeout=60).returncode == 9
    assert list((root / "gesture").iterdir()), "it died before it wrote anything"
    assert ModelRepository(str(root), "gesture").versions() == []
    assert publish(model, str(root))[1] == 1


def test_a_model_can_be_published_under_another_name(model: Path, tmp_path: Path) -> None:
    card, version = publish(model, str(tmp_path / "repository"), name="coffee-orders")
    folder = tmp_path / "repository" / "coffee-orders" / "1"
    assert (card.name, version) == ("coffee-orders", 1)
    assert ModelSession.open(folder).card.class_labels == LABELS
    with pytest.raises(ModelError, match=r"can't be published as '\.\./up'"):
        publish(model, str(tmp_path / "repository"), name="../up")


def other_golden(folder: Path) -> None:
    card = read_card(folder / CARD_FILE)
    golden = Golden(inputs=card.golden.inputs, outputs={"logits": [0.0] * len(LABELS)})
    write_card(structs.replace(card, golden=golden), folder / CARD_FILE)


def other_labels(folder: Path) -> None:
    card = build_card((folder / MODEL_FILE).read_bytes(), ("a", "b"))
    write_card(card, folder / CARD_FILE)


@pytest.mark.parametrize(
    "spoil, reason",
    [
        (lambda folder: (folder / MODEL_FILE).write_bytes(b"short"), "has SHA-256"),
        (other_golden, "golden output logits differs"),
        (other_labels, "names 5 classes, its card has 2 labels"),
        (lambda folder: (folder / CARD_FILE).unlink(), "can't be read"),
        (lambda folder: (folder / MODEL_FILE).unlink(), "can't be read"),
    ],
)
def test_a_folder_that_would_not_serve_is_not_published(
    model: Path, tmp_path: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    spoil(model)
    with pytest.raises(SystemExit) as ended:
        main(["--model", str(model), "--repository", str(tmp_path / "repository")])
    assert reason in str(ended.value)
    assert not (tmp_path / "repository").exists()


def make_folder(path: Path, labels: tuple[str, ...]) -> Path:
    data = linear_model(labels, seed=3)
    path.mkdir()
    (path / MODEL_FILE).write_bytes(data)
    write_card(build_card(data, labels), path / CARD_FILE)
    return path


def test_labels_do_not_vanish_without_a_word(
    model: Path, empty: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(model, empty)
    fewer = make_folder(tmp_path / "fewer", (LABELS[0], "other"))
    command = ["--model", str(fewer), "--repository", empty]
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code not in (0, None)
    said = str(ended.value)
    assert said.startswith("gesture version 1 has 4 labels that this model lacks: ")
    assert all(label in said for label in LABELS[1:]) and "--replace-labels" in said
    assert ModelRepository(empty, "gesture").versions() == [1]

    main([*command, "--replace-labels"])
    assert capsys.readouterr().out.startswith("gesture version 2 is in ")
    # The model that has them again lacks what the newest one has.
    with pytest.raises(ModelError, match="version 2 has 1 label that this model lacks: other"):
        publish(model, empty)


def test_a_version_that_is_no_model_does_not_hide_the_labels_before_it(model: Path, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    publish(model, str(repository))
    (repository / "gesture" / "2").mkdir()
    (repository / "gesture" / "2" / CARD_FILE).write_text("{}")
    (repository / "gesture" / "3").mkdir()
    fewer = make_folder(tmp_path / "fewer", ("one",))
    with pytest.raises(ModelError, match="version 1 has 5 labels that this model lacks"):
        publish(fewer, str(repository))
    assert publish(fewer, str(repository), replace_labels=True)[1] == 4


def test_more_labels_or_another_order_need_no_word(model: Path, empty: str, tmp_path: Path) -> None:
    publish(model, empty)
    assert publish(make_folder(tmp_path / "more", (*reversed(LABELS), "new")), empty)[1] == 2


def test_a_repository_that_can_not_be_written_ends_with_a_sentence(model: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ModelError, match="can't be written"):
        publish(model, str(tmp_path / "taken"))


def test_the_command_says_where_the_model_went(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--model", str(model), "--repository", str(tmp_path / "repository")])
    said = capsys.readouterr().out
    assert said.startswith(f"gesture version 1 is in {tmp_path}/repository/gesture/1: 5 labels, SHA-256 ")
