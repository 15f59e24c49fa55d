"""What every test may ask for."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from landmarks.hands import Array, drop_z
from testkit.model_files import write_version


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """What async tests run on: the loop of the service and of the client."""
    return "asyncio"


@pytest.fixture
def data_dir() -> Path:
    """The folder of real recordings; a test that asks for it is skipped, saying so, where there is none."""
    folder = os.environ.get("HELEN_DATA_DIR")
    if not folder or not Path(folder).is_dir():
        pytest.skip("HELEN_DATA_DIR names no folder of real recordings")
    return Path(folder)


@pytest.fixture
def asl_windows(data_dir: Path) -> Array:
    """Real windows ``(N, 20, 84)``, x and y of both hands."""
    with np.load(data_dir / "asl_coffee_hands" / "asl_coffee_hands.npz", allow_pickle=False) as arrays:
        return drop_z(arrays["hands"])


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A model repository with version 1 of a small made gesture model."""
    write_version(tmp_path / "models", 1)
    return tmp_path / "models"


@pytest.fixture
def service_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the service logs, whether or not an earlier test gave its logger a handler of its own."""
    package = logging.getLogger("serve_app")
    before = package.handlers, package.propagate, package.level
    package.handlers, package.propagate = [caplog.handler], False
    package.setLevel(logging.INFO)
    yield caplog
    package.handlers, package.propagate = before[:2]
    package.setLevel(before[2])
