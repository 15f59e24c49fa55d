"""A model folder becomes the next version of a model repository, checked first and there whole or not at all.

    python -m training.publish --model runs/gesture/model --repository models

``--model`` is what ``export_onnx`` wrote: ``model.onnx`` and ``card.json``. A shot model from elsewhere is published as
its bare file, ``--model tcn_baseline.onnx --name shot``, and gets its card here. A service that watches the repository,
a local folder or an fsspec URI, takes the version up by itself. This module only adds; rolling back is the service's.
"""

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

from landmarks.files.atomic import replace_file
from landmarks.models.card import (
    CARD_FILE,
    MAX_CARD_BYTES,
    MODEL_FILE,
    ModelCard,
    ModelError,
    Training,
    decode_card,
    encode_card,
    read_bounded,
    read_card,
)
from landmarks.models.repository import parse_versions
from landmarks.models.session import MAX_MODEL_BYTES, ModelSession
from training.command_line import make_parser
from training.engine.shot_card import make_shot_card


def publish(
    model: Path, repository: str, name: str | None = None, *, replace_labels: bool = False
) -> tuple[ModelCard, int]:
    """Add a model folder to a repository as the version after its newest; returns its card and that version.

    Two publishers at once get two versions.

    Args:
        model: the folder with ``model.onnx`` and ``card.json``, or the ``.onnx`` file of a shot model without a card.
        repository: a local folder or an fsspec URI.
        name: the model's name in the repository, by default the card's.
        replace_labels: whether labels of the newest version may be missing from this one.

    Raises:
        ModelError: it isn't a model that serves, it lacks labels that are served, or the repository can't be written.
    """
    card, data = read_model(model)
    if name is not None:
        try:
            card = msgspec.convert({**msgspec.to_builtins(card), "name": name}, ModelCard)
        except msgspec.ValidationError as error:
            raise ModelError(f"the model can't be published as {name!r}: {error}") from error
    ModelSession(data, card)
    try:
        files, root = fsspec.url_to_fs(repository)
        folder = f"{root.rstrip('/')}/{card.name}"
        if not replace_labels:
            _check_labels(files, folder, card)
        add = _add_folder if isinstance(files, LocalFileSystem) else _add_objects
        return card, add(files, folder, data, encode_card(card))
    except ModelError:
        raise
    except Exception as error:  # each file system behind fsspec raises its own
        raise ModelError(f"model repository {repository} can't be written: {error}") from error


def read_model(model: Path) -> tuple[ModelCard, bytes]:
    """A model's card and bytes; a shot model's file that comes without a card gets one.

    Raises:
        ModelError: files are missing or unreadable, or the file isn't a shot model's.
    """
    if not model.is_file():
        return read_card(model / CARD_FILE), read_bounded(model / MODEL_FILE, MAX_MODEL_BYTES)
    beside = model.with_name(CARD_FILE)
    data = read_bounded(model, MAX_MODEL_BYTES)
    if model.name == MODEL_FILE and beside.is_file():
        return read_card(beside), data
    unknown = "not stated"
    training = Training(
        data=unknown, licence=unknown, split=unknown, command=f"published from {model.name}", date=unknown
    )
    description = f"Labels, ite and delay_ms of a basketball shot. Not trained here: from {model.name}."
    try:
        return make_shot_card(data, name="shot", description=description, training=training), data
    except ModelError as error:
        raise ModelError(f"{model}: {error}") from error


def _check_labels(files: fsspec.AbstractFileSystem, folder: str, card: ModelCard) -> None:
    """Refuse a card that lacks labels of the newest version whose own card can be read."""
    versions = _versions(files, folder)[::-1]
    published = ((version, _read_labels(files, f"{folder}/{version}/{CARD_FILE}")) for version in versions)
    newest, labels = next(((version, labels) for version, labels in published if labels), (0, ()))
    lost = [label for label in labels if label not in card.class_labels]
    if lost:
        count = f"{len(lost)} label{'s' if len(lost) > 1 else ''}"
        raise ModelError(
            f"{card.name} version {newest} has {count} that this model lacks: {', '.join(lost)}; say"
            " --replace-labels to publish it all the same, or --name for a model of another name"
        )


def _read_labels(files: fsspec.AbstractFileSystem, path: str) -> tuple[str, ...]:
    try:
        with files.open(path, "rb") as file:
            return decode_card(file.read(MAX_CARD_BYTES), path).class_labels
    except Exception:  # each file system raises its own; a version without a card serves no label
        return ()


def _add_folder(files: fsspec.AbstractFileSystem, folder: str, model: bytes, card: bytes) -> int:
    """Write under a hidden name in the same folder, then rename: a name that is taken refuses the rename."""
    parent = Path(folder)
    parent.mkdir(parents=True, exist_ok=True)
    hidden = parent / f".publishing-{uuid.uuid4().hex}"
    hidden.mkdir()
    try:
        for name, data in ((MODEL_FILE, model), (CARD_FILE, card)):
            with replace_file(hidden / name) as file:
                file.write(data)
        _flush_folder(hidden)
        while True:
            version = max(_versions(files, folder), default=0) + 1
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
        version = max(_versions(files, folder), default=0) + 1
        try:
            files.makedirs(f"{folder}/{version}", exist_ok=True)  # a bucket has no folders, and ignores it
            files.pipe_file(f"{folder}/{version}/{MODEL_FILE}", model, mode="create")
        except FileExistsError:
            continue
        files.pipe_file(f"{folder}/{version}/{CARD_FILE}", card)
        return version


def _versions(files: fsspec.AbstractFileSystem, folder: str) -> list[int]:
    """The version numbers there, oldest first."""
    files.invalidate_cache(folder)  # else another publisher's version would stay unseen
    try:
        entries = files.ls(folder, detail=False)
    except FileNotFoundError:
        return []
    return parse_versions(str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in entries)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: exits with 1 and one sentence when it can't."""
    parser = make_parser("publish", __doc__)
    parser.add_argument(
        "--model", type=Path, required=True, help="folder with model.onnx and card.json, or a shot model's .onnx"
    )
    parser.add_argument("--repository", default="models", help="folder or fsspec URI (default: models)")
    parser.add_argument("--name", help="the model's name in the repository (default: its card's)")
    parser.add_argument(
        "--replace-labels",
        "--replace_labels",
        action="store_true",
        help="publish even where labels of the newest version are missing from this model",
    )
    options = parser.parse_args(arguments)
    try:
        card, version = publish(options.model, options.repository, options.name, replace_labels=options.replace_labels)
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
