"""Which model is served: the newest that proves itself, and never a broken one."""

import shutil
from collections.abc import Callable
from pathlib import Path

import fsspec
import msgspec
import pytest

from landmarks.model_card import CARD_FILE, MODEL_FILE
from serve_app.model_repository import ModelRepository
from serve_app.serving_model import ServingModel
from serve_app.settings import ModelSettings
from tests.made_models import card_of, linear_model, write_version


def spoil_hash(folder: Path) -> None:
    (folder / MODEL_FILE).write_bytes(linear_model(seed=99))


def truncate(folder: Path) -> None:
    whole = (folder / MODEL_FILE).read_bytes()
    (folder / MODEL_FILE).write_bytes(whole[: len(whole) // 2])


def change_card(folder: Path, **changes: object) -> None:
    card = msgspec.json.decode((folder / CARD_FILE).read_bytes()) | changes
    (folder / CARD_FILE).write_bytes(msgspec.json.encode(card))


def spoil_golden(folder: Path) -> None:
    card = msgspec.json.decode((folder / CARD_FILE).read_bytes())
    change_card(folder, golden=card["golden"] | {"outputs": {"logits": [0, 0, 0, 0, 9]}})


BROKEN: list[tuple[Callable[[Path], None], str]] = [
    (spoil_hash, "SHA-256"),
    (truncate, "SHA-256"),
    (spoil_golden, "golden output"),
    (lambda folder: change_card(folder, class_labels=["a", "b"]), "names 5 classes, its card has 2 labels"),
    (lambda folder: change_card(folder, name="shot"), "describes the model shot, expected gesture"),
    (lambda folder: (folder / CARD_FILE).write_text("{"), "is not a model card"),  # type: ignore[list-item]
    (lambda folder: (folder / MODEL_FILE).unlink(), "model.onnx is missing"),
    (lambda folder: (folder / CARD_FILE).unlink(), "card.json is missing"),
]


def serving(root: Path | str) -> ServingModel:
    model = ServingModel("gesture", [str(root)])
    model.look()
    return model


def version_of(model: ServingModel) -> str | None:
    return model.current.version if model.current else None


def test_the_newest_version_wins_by_number_and_not_by_name(repository: Path) -> None:
    write_version(repository, 9)
    write_version(repository, 10)
    assert version_of(serving(repository)) == "10"


def test_folders_that_are_no_version_are_not_looked_at(repository: Path) -> None:
    (repository / "gesture" / "2-broken").mkdir()
    (repository / "gesture" / "notes").mkdir()
    assert ModelRepository(str(repository), "gesture").versions() == [1]


def test_a_published_version_is_taken_up_at_the_next_look(repository: Path) -> None:
    model = serving(repository)
    write_version(repository, 2, linear_model(seed=2), card_of(linear_model(seed=2)))
    model.look()
    assert version_of(model) == "2"
    assert model.refused == {}


@pytest.mark.parametrize(("spoil", "reason"), BROKEN, ids=[reason for _, reason in BROKEN])
def test_a_broken_version_is_refused_with_its_reason_and_the_old_one_goes_on(
    repository: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    model = serving(repository)
    spoil(write_version(repository, 2))
    model.look()
    assert version_of(model) == "1"
    (refusal,) = model.refused.values()
    assert reason in refusal


def test_a_broken_newest_version_does_not_keep_a_replica_from_starting(repository: Path) -> None:
    truncate(write_version(repository, 2))
    assert version_of(serving(repository)) == "1"


def test_a_version_that_was_still_being_copied_is_taken_up_when_it_is_complete(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = serving(repository)
    folder = write_version(repository, 2)
    whole = (folder / MODEL_FILE).read_bytes()
    truncate(folder)
    model.look()
    (folder / MODEL_FILE).write_bytes(whole)
    model.look()
    assert version_of(model) == "1", "a refused version is not read again at once"
    monkeypatch.setattr("serve_app.serving_model.time.monotonic", lambda: 1e12)
    model.look()
    assert version_of(model) == "2"
    assert model.refused == {}


def test_deleting_the_newest_version_rolls_back(repository: Path) -> None:
    folder = write_version(repository, 2)
    model = serving(repository)
    shutil.rmtree(folder)
    model.look()
    assert version_of(model) == "1"


def test_a_repository_that_becomes_empty_leaves_the_model_as_it_is(repository: Path) -> None:
    model = serving(repository)
    shutil.rmtree(repository / "gesture")
    model.look()
    assert version_of(model) == "1"


def test_a_pinned_version_is_served_until_the_pin_goes(repository: Path) -> None:
    write_version(repository, 2)
    model = serving(repository)
    for pin, expected in ((1, "1"), ("latest", "2")):
        model.settings = ModelSettings.model_validate({"version": pin})
        model.look()
        assert version_of(model) == expected


def test_a_pin_to_a_version_that_is_not_there_keeps_the_model_and_says_so(repository: Path) -> None:
    model = serving(repository)
    model.settings = ModelSettings(version=7)
    model.look()
    assert version_of(model) == "1"
    assert model.refused == {str(repository): "version 7 is pinned, but the repository has [1]"}


def test_no_model_at_all_is_a_reason_and_not_a_crash(tmp_path: Path) -> None:
    model = serving(tmp_path / "nothing")
    assert model.current is None
    assert model.reason == f"no gesture model could be loaded from {tmp_path / 'nothing'}"


def test_the_first_source_that_loads_wins_and_the_failed_ones_are_named(tmp_path: Path, repository: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"")
    model = ServingModel("gesture", [str(tmp_path / "absent.pt"), str(broken), str(repository)])
    model.look()
    assert version_of(model) == "1"
    assert list(model.refused) == [str(broken)]


def test_a_single_onnx_file_with_its_card_is_served_by_its_hash(repository: Path) -> None:
    model = serving(repository / "gesture" / "1" / MODEL_FILE)
    assert model.current is not None
    assert model.current.version == f"sha-{model.current.session.card.sha256[:12]}"


def test_a_repository_may_be_any_fsspec_uri(repository: Path) -> None:
    files = fsspec.filesystem("memory")
    for name in (MODEL_FILE, CARD_FILE):
        files.pipe(f"/bucket/gesture/3/{name}", (repository / "gesture" / "1" / name).read_bytes())
    assert version_of(serving("memory://bucket")) == "3"


def test_a_repository_that_can_not_be_opened_is_named(tmp_path: Path) -> None:
    model = ServingModel("gesture", ["nosuch://bucket", str(tmp_path)])
    model.look()
    assert model.current is None
    assert "nosuch" in model.refused["nosuch://bucket"]
