"""The model repository: ``<uri>/<name>/<version>/{model.onnx,card.json}``, in a local folder or at an fsspec URI.

Lists versions and opens them; a version that doesn't open is an error with its reason, never a half-loaded model.
Which version to serve, and when to poll again, is decided in ``loader.py``.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from landmarks.models.card import (
    CARD_FILE,
    MAX_CARD_BYTES,
    MODEL_FILE,
    ModelError,
    decode_card,
    describe_error,
    read_bounded,
)
from landmarks.models.repository import is_version, parse_versions
from landmarks.models.session import MAX_MODEL_BYTES, ModelSession


@dataclass(frozen=True)
class LoadedModel:
    """A model that can be called, the version that answers carry, and where it was read from."""

    session: ModelSession
    version: str
    source: str


class ModelRepository:
    """The versions of one model, ``<uri>/<name>/``.

    Args:
        uri: a local folder or an fsspec URI, such as ``s3://bucket/models``.
        name: the model's folder in it, such as ``gesture``.
    """

    def __init__(self, uri: str, name: str) -> None:
        self.uri = uri
        self.name = name

    def versions(self) -> list[int]:
        """The version numbers that are there, oldest first; folders that aren't a number are not versions.

        Raises:
            ModelError: when the repository can't be listed.
        """
        files, model_folder = self._connect()
        names = self._list_names(files, model_folder) or []
        return parse_versions(names)

    def explain_absence(self) -> str:
        """Why there is no version: what is missing, and where a path names another folder than it should.

        Raises:
            ModelError: when the repository can't be listed.
        """
        files, model_folder = self._connect()
        names = self._list_names(files, model_folder.rpartition("/")[0])
        layout = f"{self.name}/<version>/{MODEL_FILE}"
        if names is None:
            return f"there is no such folder, expected one with {layout}"
        if any(name in (MODEL_FILE, CARD_FILE) or is_version(name) for name in names):
            return f"it lies within a repository, expected a folder above it that holds {layout}"
        if self.name not in names:
            return f"it has no folder {self.name}, expected {layout} in it"
        return f"its folder {self.name} has no numbered folder, expected {layout}"

    def fingerprint(self, version: int) -> str:
        """What changes when a version's files are replaced; the same for ever where a file system can't tell."""
        files, model_folder = self._connect()
        folder = f"{model_folder}/{version}"
        files.invalidate_cache(folder)
        keys = []
        for name in (MODEL_FILE, CARD_FILE):
            try:
                keys.append(str(files.ukey(f"{folder}/{name}")))
            except FileNotFoundError:
                keys.append("missing")
            except Exception:  # it can't tell, or not now; reading the files says what is wrong with them
                keys.append("unknown")
        return hashlib.sha256(" ".join(keys).encode()).hexdigest()

    def open(self, version: int, *, threads: int | None = None) -> LoadedModel:
        """Read, verify and load one version.

        Raises:
            ModelError: a file is missing, unreadable, too large or truncated, the hash or the golden output is
                wrong, or the card belongs to another model.
        """
        files, model_folder = self._connect()
        folder = f"{model_folder}/{version}"
        card = decode_card(read_file(files, f"{folder}/{CARD_FILE}", MAX_CARD_BYTES), f"{folder}/{CARD_FILE}")
        if card.name != self.name:
            raise ModelError(f"{folder}/{CARD_FILE} describes the model {card.name}, expected {self.name}")
        model = read_file(files, f"{folder}/{MODEL_FILE}", MAX_MODEL_BYTES)
        return LoadedModel(ModelSession(model, card, threads=threads), str(version), folder)

    def _list_names(self, files: fsspec.AbstractFileSystem, folder: str) -> list[str] | None:
        try:
            files.invalidate_cache(folder)  # else a bucket's listing would never show a new version
            entries = files.ls(folder, detail=False)
        except FileNotFoundError:
            return None
        except Exception as error:  # each file system behind fsspec raises its own
            raise ModelError(f"model repository {self.uri} can't be listed: {describe_error(error)}") from error
        return [str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in entries]

    def _connect(self) -> tuple[fsspec.AbstractFileSystem, str]:
        try:
            files, path = fsspec.url_to_fs(self.uri)
        except Exception as error:  # an unknown scheme, a missing driver, refused credentials: each raises its own
            raise ModelError(f"model repository {self.uri} can't be opened: {describe_error(error)}") from error
        return files, f"{path.rstrip('/')}/{self.name}"


def read_file(files: fsspec.AbstractFileSystem, path: str, limit: int) -> bytes:
    """A file's bytes, rejected above ``limit`` bytes.

    Raises:
        ModelError: the file is missing, unreadable, too large or no file.
    """
    try:
        found = files.info(path)
        if isinstance(files, LocalFileSystem):  # also has FIFOs, devices and links that lead nowhere
            return read_bounded(Path(path), limit)
        if found["type"] != "file":
            raise ModelError(f"{path} is a {found['type']}, expected a file")
        size = found.get("size")
        if size is None:  # it says so only while it sends
            with files.open(path, "rb") as stream:
                data: bytes = stream.read(limit + 1)
        elif size <= limit:
            data = files.cat_file(path)
        else:
            raise ModelError(f"{path} has {size} bytes, expected at most {limit}")
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing") from error
    except ModelError:
        raise
    except Exception as error:  # each file system behind fsspec raises its own
        raise ModelError(f"{path} can't be read: {describe_error(error)}") from error
    if len(data) > limit:
        raise ModelError(f"{path} has more than the {limit} bytes that are expected at most")
    return data
