"""A model folder becomes the next version of a model repository, checked first and there whole or not at all.

    python -m training.publish --model runs/gesture/model --repository models

``--model`` is what ``export_onnx`` wrote: ``model.onnx`` and ``card.json``. A service that watches the repository, a
local folder or an fsspec URI, takes the version up by itself. This module only adds; rolling back is the service's.
"""

import argparse
import os
import shutil
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import fsspec
import msgspec
from fsspec.implementations.local import LocalFileSystem

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from landmarks.model_card import CARD_FILE, MODEL_FILE, ModelCard, ModelError, encode_card, read_bounded, read_card
from landmarks.session import MAX_MODEL_BYTES, ModelSession


def publish(model: Path, repository: str, name: str | None = None) -> tuple[ModelCard, int]:
    """Add a model folder to a repository as the version after its newest; returns its card and that version.

    Two publishers at once get two versions.

    Args:
        model: the folder with ``model.onnx`` and ``card.json``.
        repository: a local folder or an fsspec URI.
        name: the model's name in the repository, by default the card's.

    Raises:
        ModelError: the folder isn't a model that serves, or the repository can't be written.
    """
    card, data = read_card(model / CARD_FILE), read_bounded(model / MODEL_FILE, MAX_MODEL_BYTES)
    if name is not None:
        try:
            card = msgspec.convert({**msgspec.to_builtins(card), "name": name}, ModelCard)
        except msgspec.ValidationError as error:
            raise ModelError(f"the model can't be published as {name!r}: {error}") from error
    ModelSession(data, card)
    try:
        files, root = fsspec.url_to_fs(repository)
        add = _add_folder if isinstance(files, LocalFileSystem) else _add_objects
        return card, add(files, f"{root.rstrip('/')}/{card.name}", data, encode_card(card))
    except Exception as error:  # each file system behind fsspec raises its own
        raise ModelError(f"model repository {repository} can't be written: {error}") from error


def _add_folder(files: fsspec.AbstractFileSystem, folder: str, model: bytes, card: bytes) -> int:
    """Write under a hidden name in the same folder, then rename: a name that is taken refuses the rename."""
    parent = Path(folder)
    parent.mkdir(parents=True, exist_ok=True)
    hidden = parent / f".publishing-{uuid.uuid4().hex}"
    hidden.mkdir()
    try:
        for name, data in ((MODEL_FILE, model), (CARD_FILE, card)):
            with (hidden / name).open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        _flush_folder(hidden)
        while True:
            version = _newest(files, folder) + 1
            try:
                hidden.rename(parent / str(version))
                break
            except OSError:
                if not (parent / str(version)).exists():
                    raise
        _flush_folder(parent)
        return version
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _add_objects(files: fsspec.AbstractFileSystem, folder: str, model: bytes, card: bytes) -> int:
    """Claim a version by creating its model file, card last: services refuse a version without a card."""
    while True:
        version = _newest(files, folder) + 1
        try:
            files.makedirs(f"{folder}/{version}", exist_ok=True)  # a bucket has no folders, and ignores it
            files.pipe_file(f"{folder}/{version}/{MODEL_FILE}", model, mode="create")
        except FileExistsError:
            continue
        files.pipe_file(f"{folder}/{version}/{CARD_FILE}", card)
        return version


def _newest(files: fsspec.AbstractFileSystem, folder: str) -> int:
    """The highest version number there, 0 where there is none."""
    files.invalidate_cache(folder)  # else another publisher's version would stay unseen
    try:
        entries = files.ls(folder, detail=False)
    except FileNotFoundError:
        return 0
    names = [str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in entries]
    return max((int(name) for name in names if name.isascii() and name.isdigit()), default=0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: exits with 1 and one sentence when it can't."""
    parser = argparse.ArgumentParser(prog="python -m training.publish", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="folder with model.onnx and card.json")
    parser.add_argument("--repository", default="models", help="folder or fsspec URI (default: models)")
    parser.add_argument("--name", help="the model's name in the repository (default: its card's)")
    options = parser.parse_args(arguments)
    try:
        card, version = publish(options.model, options.repository, options.name)
    except ModelError as error:
        sys.exit(str(error))
    print(  # noqa: T201 - the command's answer
        f"{card.name} version {version} is in {options.repository.rstrip('/')}/{card.name}/{version}: "
        f"{card.num_classes} labels, SHA-256 {card.sha256[:12]}\n"
        "Services that watch this repository serve it within seconds, and name it in /metadata.\n"
        "To stay on a version or go back to one, set `version` in its user_config of serve_config.yaml."
    )


if __name__ == "__main__":
    main()
