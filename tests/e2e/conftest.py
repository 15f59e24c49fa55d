"""One real service for the whole session."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from serve_app.settings import PROJECT_ROOT
from testkit.service import RunningService, running_service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """The service with the bundled models, in a repository that tests may publish to."""
    repository: Path = tmp_path_factory.mktemp("models")
    shutil.copytree(PROJECT_ROOT / "models", repository, dirs_exist_ok=True)
    with running_service(repository) as running:
        yield running
