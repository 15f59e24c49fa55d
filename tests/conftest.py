"""What every test may ask for."""

import os
from pathlib import Path

import numpy as np
import pytest

from landmarks.hands import Array, drop_z
from tests.made_models import write_version


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
