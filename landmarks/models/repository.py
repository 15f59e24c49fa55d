"""The layout of a model repository, ``<root>/<name>/<version>/{model.onnx,card.json}``: the largest number is newest.

Names and local folders; the service and the publisher list buckets themselves.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from landmarks.models.card import CARD_FILE, ModelError
from landmarks.models.checks import Kind
from landmarks.models.session import ModelSession

log = logging.getLogger(__name__)


def is_version(name: str) -> bool:
    """Whether a folder's name is a version number, in ASCII digits."""
    return name.isascii() and name.isdigit()


def parse_versions(names: Iterable[str]) -> list[int]:
    """The version numbers among names of folders, oldest first."""
    return sorted(int(name) for name in names if is_version(name))


def list_version_folders(folder: Path) -> list[Path]:
    """The versions of one model in a local folder that have a card, newest first.

    Raises:
        OSError: the folder can't be read.
    """
    versions = [path for path in folder.glob("*") if is_version(path.name) and (path / CARD_FILE).exists()]
    return sorted(versions, key=lambda path: int(path.name), reverse=True)


def open_newest(folder: Path, *, threads: int | None = None, kind: Kind | None = None) -> tuple[ModelSession, str]:
    """Load a model's folder (``model.onnx``, ``card.json``), or the newest good version in a folder of such.

    Returns:
        The model, and the name of the folder it is in: its version.

    Raises:
        ModelError: when there is none, or it can't be loaded.
    """
    try:
        if (folder / CARD_FILE).exists():
            return ModelSession.open(folder, threads=threads, kind=kind), folder.name
        versions = list_version_folders(folder)
    except OSError as error:
        raise ModelError(f"{folder} can't be read: {error.strerror or error}") from error
    if not versions:
        raise ModelError(f"{folder} holds no model: expected {CARD_FILE} in it or in a numbered folder")
    rejected: list[str] = []
    for version in versions:
        try:
            return ModelSession.open(version, threads=threads, kind=kind), version.name
        except ModelError as error:
            log.warning("version %s in %s is rejected: %s", version.name, folder, error)
            rejected.append(f"{version.name}: {error}")
    raise ModelError(f"{folder} holds no version that can be loaded: {'; '.join(rejected)}")
