"""OpenCV, MediaPipe and other optional libraries: imported where they are needed, or an error that says how to install.

The service and the trainer run without them, so no module imports them at its top.
"""

import importlib
import importlib.util
from collections.abc import Collection
from types import ModuleType
from typing import Final

EDGE: Final = "edge_client/requirements.txt"
TRAINING: Final = "training/requirements.txt"
NAMES: Final = {"cv2": "OpenCV", "mediapipe": "MediaPipe"}


class LibraryError(Exception):
    """A library isn't installed, or can't be loaded; the message says which and what to install."""


def import_library(name: str, requirements: str = EDGE) -> ModuleType:
    """Import a module that is installed by ``requirements``.

    Raises:
        LibraryError: it is missing, or a library of the system that it needs is.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # MediaPipe imports others itself.
        missing = (error.name or name).partition(".")[0]
        raise LibraryError(_describe_install(f"{NAMES.get(missing, missing)} is not installed", requirements)) from None
    except (ImportError, OSError) as error:
        root = name.partition(".")[0]
        raise LibraryError(
            f"{NAMES.get(root, root)} can't be loaded ({error}): on Debian, sudo apt-get install -y libegl1 libgles2"
        ) from error


def check_libraries(names: Collection[str], requirements: str = EDGE) -> None:
    """Look for modules without importing them.

    Raises:
        LibraryError: one of them is missing.
    """
    missing = [NAMES.get(name, name) for name in names if importlib.util.find_spec(name) is None]
    if missing:
        found = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed"
        raise LibraryError(_describe_install(found, requirements))


def _describe_install(found: str, requirements: str) -> str:
    return f"{found}: pip install -r {requirements}, then pip install --no-deps mediapipe==1.2.2"
