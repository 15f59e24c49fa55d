"""Where models come from, as ``HELEN_MODEL_PATHS`` says it."""

import pytest

from serve_app.settings import DEFAULT_MODEL_PATHS, PROJECT_ROOT, Environment, resolve_path, split_paths


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ("models:/data/model.pt", ("models", "/data/model.pt")),
        (":models::/data:", ("models", "/data")),
        ("s3://bucket/models:models", ("s3://bucket/models", "models")),
        ("s3://host:9000/bucket:models", ("s3://host:9000/bucket", "models")),
        ("models:s3://host:9000", ("models", "s3://host:9000")),
        ("http://[::1]:9000/models:models", ("http://[::1]:9000/models", "models")),
        ("ftp://me:secret@host:21/models:models", ("ftp://me:secret@host:21/models", "models")),
        ("memory://:models", ("memory://", "models")),
        ("simplecache::s3://bucket/models:models", ("simplecache::s3://bucket/models", "models")),
        ("filecache::s3://host:9000/bucket", ("filecache::s3://host:9000/bucket",)),
        ("zip://models::s3://bucket/all.zip:models", ("zip://models::s3://bucket/all.zip", "models")),
        ("zip://m::/mnt/x.zip:models", ("zip://m::/mnt/x.zip", "models")),
        ("models::s3://bucket", ("models", "s3://bucket")),
        ("s3://bucket::models", ("s3://bucket", "models")),
    ],
)
def test_a_list_of_paths_is_split_between_them_and_not_within(
    value: str, paths: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert split_paths(value) == paths
    monkeypatch.setenv("HELEN_MODEL_PATHS", value)
    assert Environment().model_paths == paths


@pytest.mark.parametrize("value", ["", ":"])
def test_a_list_without_a_path_counts_as_unset(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert split_paths(value) == ()
    monkeypatch.setenv("HELEN_MODEL_PATHS", value)
    assert Environment().model_paths == DEFAULT_MODEL_PATHS


@pytest.mark.parametrize("path", ["s3://host:9000/bucket", "simplecache::memory://bucket", "memory://", "/data/models"])
def test_uris_and_absolute_paths_stay_as_they_are(path: str) -> None:
    assert resolve_path(path) == path


def test_other_paths_count_from_the_projects_root() -> None:
    assert resolve_path("models") == str(PROJECT_ROOT / "models")
