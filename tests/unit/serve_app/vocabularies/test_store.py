"""Vocabularies in a repository: stored, polled, rejected."""

import os
import threading
import time
from pathlib import Path

import fsspec
import pytest

from landmarks.models.vocabulary import VocabularyError
from landmarks.models.vocabulary_files import MAX_BYTES, encode_vocabulary
from serve_app.errors import Conflict, InvalidInput, NotFound, StorageUnavailable
from serve_app.vocabularies import store as module
from serve_app.vocabularies.store import VocabularyStore
from serve_app.vocabularies.stored import StoredVocabulary, read_stored
from testkit.model_files import write_embedding_version
from testkit.vocabularies import teach_made, write_vocabulary_file

WITHIN_S = 2.0


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_embedding_version(tmp_path_factory.mktemp("models"), 1)


@pytest.fixture(scope="module")
def first(version: Path) -> bytes:
    return encode_vocabulary(teach_made(version, ["wave", "stop"]))


@pytest.fixture(scope="module")
def second(version: Path) -> bytes:
    return encode_vocabulary(teach_made(version, ["circle"], ["yes"]))


def wait_until(holds: object) -> None:
    deadline_s = time.monotonic() + WITHIN_S
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_what_was_put_is_listed_and_lies_in_the_repository(tmp_path: Path, first: bytes) -> None:
    store = VocabularyStore(str(tmp_path))
    stored, is_new = store.put("mine", first)
    assert is_new
    assert (tmp_path / "vocabularies" / "mine.vocabulary").read_bytes() == first
    assert [path.name for path in (tmp_path / "vocabularies").iterdir()] == ["mine.vocabulary"]
    entry = store.get("mine").describe()
    assert entry["labels"] == ("stop", "wave", "none")
    assert entry["recordings"] == {"stop": 2, "wave": 2}
    assert (entry["bytes"], entry["digest"], entry["base"]) == (len(first), stored.digest, stored.base)


def test_another_replica_has_a_change_within_two_seconds(tmp_path: Path, first: bytes, second: bytes) -> None:
    here, there = VocabularyStore(str(tmp_path)), VocabularyStore(str(tmp_path))
    there.watch(lambda task: None)
    here.put("mine", first)
    wait_until(lambda: "mine" in there.found.served)
    stored, is_new = here.put("mine", second)
    assert not is_new
    wait_until(lambda: there.get("mine").sha256 == stored.sha256)
    here.delete("mine")
    wait_until(lambda: "mine" not in there.found.served)


def test_only_a_file_that_changed_is_read(
    tmp_path: Path, first: bytes, second: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = VocabularyStore(str(tmp_path))
    store.put("one", first)
    store.put("two", second)
    read: list[str] = []

    def watched(name: str, data: bytes) -> StoredVocabulary:
        read.append(name)
        return read_stored(name, data)

    monkeypatch.setattr(module, "read_stored", watched)
    store.refresh()
    (tmp_path / "vocabularies" / "two.vocabulary").write_bytes(first)
    store.refresh()
    assert read == ["two"]


def test_a_damaged_file_is_rejected_once_in_the_log_and_the_one_before_goes_on(
    tmp_path: Path, first: bytes, service_log: pytest.LogCaptureFixture
) -> None:
    store = VocabularyStore(str(tmp_path))
    store.put("mine", first)
    path = tmp_path / "vocabularies" / "mine.vocabulary"
    path.write_bytes(first[: len(first) // 2])
    for _ in range(3):
        store.refresh()
    assert store.get("mine").data == first
    assert "expected a whole .npz file" in store.found.rejected["mine"].reason
    lines = [line for line in service_log.messages if "is rejected, the one before goes on" in line]
    assert len(lines) == 1
    with pytest.raises(Conflict, match="the vocabulary mine is rejected: the vocabulary can't be read"):
        new = VocabularyStore(str(tmp_path))
        new.refresh()
        new.get("mine")
    path.write_bytes(first)
    store.refresh()
    assert not store.found.rejected


@pytest.mark.parametrize("content", [b"", b"PK", b"\x00" * 100, b"x" * (MAX_BYTES + 1)])
def test_whatever_lies_there_is_rejected_with_a_reason(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "vocabularies").mkdir()
    (tmp_path / "vocabularies" / "mine.vocabulary").write_bytes(content)
    store = VocabularyStore(str(tmp_path))
    store.refresh()
    assert list(store.found.rejected) == ["mine"]
    store.delete("mine")
    assert not store.found.rejected


def test_what_is_no_vocabulary_file_by_its_name_is_not_served(tmp_path: Path, first: bytes) -> None:
    folder = tmp_path / "vocabularies"
    folder.mkdir()
    for name in (".mine.vocabulary.7.partial", "Mine.vocabulary", "mine.npz", "-x.vocabulary"):
        (folder / name).write_bytes(first)
    os.mkfifo(folder / "pipe.vocabulary")
    store = VocabularyStore(str(tmp_path))
    store.refresh()
    assert not store.found.served
    assert sorted(store.found.rejected) == ["-x", "Mine", "pipe"]
    assert "a FIFO" in store.found.rejected["pipe"].reason


def test_a_file_whose_name_cannot_be_served_is_rejected_with_the_reason(tmp_path: Path, first: bytes) -> None:
    folder = tmp_path / "vocabularies"
    folder.mkdir()
    (folder / "Odd Name.vocabulary").write_bytes(first)
    (folder / "dir.vocabulary").mkdir()
    store = VocabularyStore(str(tmp_path))
    store.refresh()
    reasons = {name: rejected.reason for name, rejected in store.found.rejected.items()}
    assert reasons["Odd Name"] == (
        "the vocabulary's name is 'Odd Name', expected 1 to 64 of a-z, 0-9, _ and -, a letter or digit first"
    )
    assert "a folder, expected a file" in reasons["dir"]
    store.delete("Odd Name")
    assert [path.name for path in folder.iterdir()] == ["dir.vocabulary"]


@pytest.mark.parametrize("uri", ["{tmp}", "memory://vocabulary-folder-test/models"])
def test_a_folder_by_the_name_of_a_vocabulary_is_a_conflict(tmp_path: Path, first: bytes, uri: str) -> None:
    uri = uri.format(tmp=tmp_path)
    files, path = fsspec.url_to_fs(uri)
    files.makedirs(f"{path}/vocabularies/dir.vocabulary", exist_ok=True)
    store = VocabularyStore(uri)
    store.refresh()
    for change in (lambda: store.put("dir", first), lambda: store.delete("dir")):
        with pytest.raises(Conflict, match=r"dir\.vocabulary of the model repository is a folder, expected a file"):
            change()


@pytest.mark.parametrize("name", ["", "Mine", "../mine", "a/b", "-a", "a" * 65, "ñ", "mine\n"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, first: bytes, name: str) -> None:
    with pytest.raises(InvalidInput, match="the vocabulary's name is"):
        VocabularyStore(str(tmp_path)).put(name, first)


def test_there_is_room_for_as_many_as_the_limit(
    tmp_path: Path, first: bytes, second: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_VOCABULARIES", 2)
    store = VocabularyStore(str(tmp_path))
    store.put("one", first)
    store.put("two", first)
    store.put("two", second)
    with pytest.raises(Conflict, match="there are 2 vocabularies already, the limit: delete one of them first"):
        store.put("three", first)
    (tmp_path / "vocabularies" / "a.vocabulary").write_bytes(first)
    store.refresh()
    assert sorted(store.found.served) == ["one", "two"]
    assert "there are 2 vocabularies already" in store.found.rejected["a"].reason


def test_there_is_room_for_as_many_bytes_as_the_limit(
    tmp_path: Path, first: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_TOTAL_BYTES", len(first) + 10)
    store = VocabularyStore(str(tmp_path))
    store.put("one", first)
    store.put("one", first)
    with pytest.raises(Conflict, match="the vocabularies would have"):
        store.put("two", first)


def test_bytes_that_are_no_vocabulary_are_not_stored(tmp_path: Path, first: bytes) -> None:
    store = VocabularyStore(str(tmp_path))
    with pytest.raises(VocabularyError):
        store.put("mine", first[:-10])
    assert not list(tmp_path.rglob("*.vocabulary"))


def test_a_repository_that_cannot_be_written_is_said(tmp_path: Path, first: bytes) -> None:
    (tmp_path / "vocabularies").write_text("a file in the folder's place")
    with pytest.raises(StorageUnavailable, match="which keeps the vocabularies, can't be written"):
        VocabularyStore(str(tmp_path)).put("mine", first)
    with pytest.raises(StorageUnavailable):
        VocabularyStore(None).put("mine", first)


def test_what_is_not_there_cannot_be_had_or_deleted(tmp_path: Path) -> None:
    store = VocabularyStore(str(tmp_path))
    for ask in (store.get, store.delete):
        with pytest.raises(NotFound, match="there is no vocabulary 'mine' here"):
            ask("mine")


def test_a_repository_that_is_away_changes_nothing(
    tmp_path: Path, first: bytes, monkeypatch: pytest.MonkeyPatch, service_log: pytest.LogCaptureFixture
) -> None:
    store = VocabularyStore(str(tmp_path))
    store.put("mine", first)

    def fail(*_: object) -> dict[str, str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module, "list_files", fail)
    for _ in range(3):
        store.refresh()
    assert store.get("mine").data == first
    assert len([line for line in service_log.messages if "can't be listed" in line]) == 1


def test_a_bucket_keeps_vocabularies_too(first: bytes, second: bytes) -> None:
    uri = "memory://vocabulary-test/models"
    here, there = VocabularyStore(uri), VocabularyStore(uri)
    here.put("mine", first)
    there.refresh()
    assert there.get("mine").data == first
    here.put("mine", second)
    there.refresh()
    assert there.get("mine").data == second
    here.delete("mine")
    there.refresh()
    assert not there.found.served


def test_many_may_put_at_once(tmp_path: Path, version: Path) -> None:
    store = VocabularyStore(str(tmp_path))
    each = [encode_vocabulary(teach_made(version, [label])) for label in ("one", "two", "three", "four")]
    putting = [threading.Thread(target=store.put, args=("mine", data)) for data in each]
    for thread in putting:
        thread.start()
    for thread in putting:
        thread.join()
    store.refresh()
    assert store.get("mine").data in each
    assert not store.found.rejected


def test_a_vocabulary_of_the_repository_is_there_from_the_start(tmp_path: Path, version: Path) -> None:
    write_vocabulary_file(tmp_path, "mine", teach_made(version, ["wave"]))
    store = VocabularyStore(str(tmp_path))
    store.refresh()
    assert store.get("mine").gestures == ("wave",)
