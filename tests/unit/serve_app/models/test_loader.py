"""Which model is served: the newest that proves itself, and never a broken one."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import fsspec
import msgspec
import pytest

from landmarks.models.card import CARD_FILE, MODEL_FILE, write_card
from serve_app.deployments.model import ModelReplica
from serve_app.models.loader import ModelLoader
from serve_app.models.repository import ModelRepository
from serve_app.settings import ModelSettings
from testkit.model_files import build_card, linear_model, write_version


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


def spoil_sequence(folder: Path, spoil: Callable[[list[list[object]]], object]) -> None:
    card = msgspec.json.decode((folder / CARD_FILE).read_bytes())
    spoil(card["golden"]["inputs"]["sequence"])
    (folder / CARD_FILE).write_bytes(msgspec.json.encode(card))


def nest_deeply(folder: Path) -> None:
    (folder / CARD_FILE).write_text('{"golden": {"inputs": {"a": ' + "[" * 200_000 + "]" * 200_000 + "}}}")


def put_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def put_link(path: Path, target: Path) -> None:
    path.unlink()
    path.symlink_to(target)


BROKEN: list[tuple[Callable[[Path], None], str]] = [
    (spoil_hash, "SHA-256"),
    (truncate, "SHA-256"),
    (spoil_golden, "golden output"),
    (lambda folder: change_card(folder, class_labels=["a", "b"]), "names 5 classes, its card has 2 labels"),
    (lambda folder: change_card(folder, name="shot"), "describes the model shot, expected gesture"),
    (lambda folder: (folder / CARD_FILE).write_text("{"), "is not a model card"),  # type: ignore[list-item]
    (lambda folder: (folder / MODEL_FILE).unlink(), "model.onnx is missing"),
    (lambda folder: (folder / CARD_FILE).unlink(), "card.json is missing"),
    (
        lambda folder: spoil_sequence(folder, lambda rows: rows[3].pop()),
        "golden sequence has lists of different length",
    ),
    (lambda folder: spoil_sequence(folder, lambda rows: rows[0].insert(0, "x")), "has lists of different length"),
    (lambda folder: spoil_sequence(folder, lambda rows: rows[0].__setitem__(0, "x")), "something other than numbers"),
    (nest_deeply, "nested too deeply"),
    (lambda folder: change_card(folder, temperature=1e-300), "Expected `float` >= 0.01"),
    (lambda folder: change_card(folder, feature_dim=126, use_z=True), "its card says [-1, -1, 126]"),
    (lambda folder: put_fifo(folder / MODEL_FILE), "is a FIFO, expected a file"),
    (lambda folder: put_fifo(folder / CARD_FILE), "is a FIFO, expected a file"),
    (lambda folder: put_link(folder / MODEL_FILE, folder / MODEL_FILE), "Too many levels of symbolic links"),
    (lambda folder: put_link(folder / CARD_FILE, Path("/dev/zero")), "is a device, expected a file"),
]


def serving(root: Path | str) -> ModelLoader:
    model = ModelLoader("gesture", [str(root)])
    model.refresh()
    return model


def get_version(model: ModelLoader) -> str | None:
    return model.current.version if model.current else None


def test_the_newest_version_wins_by_number_and_not_by_name(repository: Path) -> None:
    write_version(repository, 9)
    write_version(repository, 10)
    assert get_version(serving(repository)) == "10"


def test_folders_that_are_no_version_are_not_looked_at(repository: Path) -> None:
    (repository / "gesture" / "2-broken").mkdir()
    (repository / "gesture" / "notes").mkdir()
    assert ModelRepository(str(repository), "gesture").versions() == [1]


def test_a_published_version_is_taken_up_at_the_next_refresh(repository: Path) -> None:
    model = serving(repository)
    write_version(repository, 2, linear_model(seed=2), build_card(linear_model(seed=2)))
    model.refresh()
    assert get_version(model) == "2"
    assert model.rejected_versions == {}


@pytest.mark.parametrize(("spoil", "reason"), BROKEN, ids=[reason for _, reason in BROKEN])
def test_a_broken_version_is_refused_with_its_reason_and_the_old_one_goes_on(
    repository: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    model = serving(repository)
    spoil(write_version(repository, 2))
    model.refresh()
    assert get_version(model) == "1"
    (refusal,) = model.rejected_versions.values()
    assert reason in refusal


@pytest.mark.anyio
@pytest.mark.parametrize(("spoil", "reason"), BROKEN, ids=[reason for _, reason in BROKEN])
async def test_a_replica_starts_beside_a_broken_version_and_says_why_once(
    repository: Path, service_log: pytest.LogCaptureFixture, spoil: Callable[[Path], None], reason: str
) -> None:
    spoil(write_version(repository, 2))
    inference = ModelReplica("gesture", [str(repository)], startup_timeout_s=60)
    await inference.reload()
    status = await inference.reload()
    assert status.version == "1"
    assert reason in status.rejected_versions[f"{repository}:2"]
    assert len([record for record in service_log.records if "is rejected" in record.getMessage()]) == 1


def test_a_broken_newest_version_does_not_keep_a_replica_from_starting(repository: Path) -> None:
    truncate(write_version(repository, 2))
    assert get_version(serving(repository)) == "1"


def test_a_version_that_was_still_being_copied_is_taken_up_when_it_is_complete(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = serving(repository)
    folder = write_version(repository, 2)
    whole = (folder / MODEL_FILE).read_bytes()
    truncate(folder)
    model.refresh()
    (folder / MODEL_FILE).write_bytes(whole)
    model.refresh()
    assert get_version(model) == "1", "a refused version is not read again at once"
    monkeypatch.setattr("serve_app.models.loader.time.monotonic", lambda: 1e12)
    model.refresh()
    assert get_version(model) == "2"
    assert model.rejected_versions == {}


def test_deleting_the_newest_version_rolls_back(repository: Path) -> None:
    folder = write_version(repository, 2)
    model = serving(repository)
    shutil.rmtree(folder)
    model.refresh()
    assert get_version(model) == "1"


def test_a_repository_that_becomes_empty_leaves_the_model_as_it_is(repository: Path) -> None:
    model = serving(repository)
    shutil.rmtree(repository / "gesture")
    model.refresh()
    assert get_version(model) == "1"


def test_a_pinned_version_is_served_until_the_pin_goes(repository: Path) -> None:
    write_version(repository, 2)
    model = serving(repository)
    for pin, expected in ((1, "1"), ("latest", "2")):
        model.settings = ModelSettings.model_validate({"version": pin})
        model.refresh()
        assert get_version(model) == expected


def test_a_pin_to_a_version_that_is_not_there_keeps_the_model_and_says_so(repository: Path) -> None:
    model = serving(repository)
    model.settings = ModelSettings(version=7)
    model.refresh()
    assert get_version(model) == "1"
    assert model.rejected_versions == {str(repository): "version 7 is pinned, but the repository has [1]"}


def test_no_model_at_all_is_a_reason_and_not_a_crash(tmp_path: Path) -> None:
    model = serving(tmp_path / "nothing")
    assert model.current is None
    nothing = f"{tmp_path / 'nothing'}: there is no such folder, expected one with gesture/<version>/model.onnx"
    assert model.reason == f"no gesture model could be loaded ({nothing})"


def test_the_first_source_that_loads_wins_and_the_failed_ones_are_named(tmp_path: Path, repository: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"")
    model = ModelLoader("gesture", [str(tmp_path / "absent.pt"), str(broken), str(repository)])
    model.refresh()
    assert get_version(model) == "1"
    assert list(model.rejected_versions) == [str(broken)]


def test_a_single_onnx_file_with_its_card_is_served_by_its_hash(repository: Path) -> None:
    model = serving(repository / "gesture" / "1" / MODEL_FILE)
    assert model.current is not None
    assert model.current.version == f"sha-{model.current.session.card.sha256[:12]}"


def test_a_repository_may_be_any_fsspec_uri(repository: Path) -> None:
    files = fsspec.filesystem("memory")
    for name in (MODEL_FILE, CARD_FILE):
        files.pipe(f"/bucket/gesture/3/{name}", (repository / "gesture" / "1" / name).read_bytes())
    assert get_version(serving("memory://bucket")) == "3"


def test_a_repository_that_can_not_be_opened_is_named(tmp_path: Path) -> None:
    model = ModelLoader("gesture", ["nosuch://bucket", str(tmp_path)])
    model.refresh()
    assert model.current is None
    assert "nosuch" in model.rejected_versions["nosuch://bucket"]


def replace_files(folder: Path, seed: int) -> None:
    """Another model under the same version, as somebody who copies over it does."""
    model = linear_model(seed=seed)
    (folder / MODEL_FILE).write_bytes(model)
    write_card(build_card(model), folder / CARD_FILE)


def test_a_version_replaced_in_place_is_taken_up_and_logged(
    repository: Path, service_log: pytest.LogCaptureFixture
) -> None:
    model = serving(repository)
    model.refresh()
    replace_files(repository / "gesture" / "1", seed=7)
    model.refresh()
    model.refresh()
    assert model.current is not None
    assert model.current.session.card.sha256 == build_card(linear_model(seed=7)).sha256
    assert service_log.text.count("is replaced in place") == 1


def test_a_single_file_replaced_in_place_is_taken_up(repository: Path) -> None:
    folder = repository / "gesture" / "1"
    model = serving(folder / MODEL_FILE)
    replace_files(folder, seed=7)
    model.refresh()
    assert get_version(model) == f"sha-{build_card(linear_model(seed=7)).sha256[:12]}"


def test_a_version_replaced_by_a_broken_one_is_refused_and_the_one_in_memory_goes_on(repository: Path) -> None:
    write_version(repository, 2, linear_model(seed=2), build_card(linear_model(seed=2)))
    model = serving(repository)
    truncate(repository / "gesture" / "2")
    for _ in range(3):
        model.refresh()
    assert get_version(model) == "2"
    assert "SHA-256" in model.rejected_versions[f"{repository}:2"]


def test_files_in_a_bucket_replaced_in_place_are_taken_up(repository: Path) -> None:
    files = fsspec.filesystem("memory")
    source = repository / "gesture" / "1"
    for name in (MODEL_FILE, CARD_FILE):
        files.pipe(f"/replaced/gesture/3/{name}", (source / name).read_bytes())
    model = serving("memory://replaced")
    replace_files(source, seed=7)
    for name in (MODEL_FILE, CARD_FILE):
        files.pipe(f"/replaced/gesture/3/{name}", (source / name).read_bytes())
    model.refresh()
    assert model.current is not None
    assert model.current.session.card.sha256 == build_card(linear_model(seed=7)).sha256


def test_a_repository_may_be_a_chained_uri(repository: Path) -> None:
    files = fsspec.filesystem("memory")
    for name in (MODEL_FILE, CARD_FILE):
        files.pipe(f"/chained/gesture/3/{name}", (repository / "gesture" / "1" / name).read_bytes())
    assert get_version(serving("simplecache::memory://chained")) == "3"


def test_a_gesture_model_is_no_shot_model(repository: Path) -> None:
    write_version(repository, 1, card=build_card(linear_model(), name="shot"))
    model = ModelLoader("shot", [str(repository)])
    model.refresh()
    assert model.current is None
    assert "it is a gesture model, expected a shot model" in model.reason
