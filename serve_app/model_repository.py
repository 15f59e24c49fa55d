"""The model repository: ``<root>/<name>/<version>/{model.onnx,card.json}``, in a local folder or at an fsspec URI.

Lists versions and opens them; a version that doesn't open is an error with its reason, never a half-loaded model.
Which version to serve, and when to look again, is decided in ``serving_model.py``.
"""

from dataclasses import dataclass

import fsspec

from landmarks.model_card import CARD_FILE, MAX_CARD_BYTES, MODEL_FILE, ModelError, decode_card
from landmarks.session import MAX_MODEL_BYTES, ModelSession


@dataclass(frozen=True)
class OpenModel:
    """A model that can be called, the version that answers carry, and where it was read from."""

    session: ModelSession
    version: str
    source: str


class ModelRepository:
    """The versions of one model, ``<root>/<name>/``.

    Args:
        root: a local folder or an fsspec URI, such as ``s3://bucket/models``.
        name: the model's folder in it, such as ``gesture``.
    """

    def __init__(self, root: str, name: str) -> None:
        self.root = root
        self.name = name

    def versions(self) -> list[int]:
        """The version numbers that are there, oldest first; folders that aren't a number are not versions.

        Raises:
            ModelError: when the repository can't be listed.
        """
        files, model_folder = self._connect()
        try:
            files.invalidate_cache(model_folder)  # else a bucket's listing would never show a new version
            entries = files.ls(model_folder, detail=False)
        except FileNotFoundError:
            return []
        except Exception as error:  # each file system behind fsspec raises its own
            raise ModelError(f"model repository {self.root} can't be listed: {error}") from error
        names = (str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in entries)
        return sorted(int(name) for name in names if name.isascii() and name.isdigit())

    def open(self, version: int, *, threads: int | None = None) -> OpenModel:
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
        return OpenModel(ModelSession(model, card, threads=threads), str(version), folder)

    def _connect(self) -> tuple[fsspec.AbstractFileSystem, str]:
        try:
            files, path = fsspec.url_to_fs(self.root)
        except Exception as error:  # an unknown scheme, a missing driver, refused credentials: each raises its own
            raise ModelError(f"model repository {self.root} can't be opened: {error}") from error
        return files, f"{path.rstrip('/')}/{self.name}"


def read_file(files: fsspec.AbstractFileSystem, path: str, limit: int) -> bytes:
    """A file's bytes, refused above ``limit`` bytes.

    Raises:
        ModelError: the file is missing, unreadable or too large.
    """
    try:
        size = files.size(path)
        if size is None or size <= limit:
            data: bytes = files.cat_file(path)
            return data
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing") from error
    except Exception as error:  # each file system behind fsspec raises its own
        raise ModelError(f"{path} can't be read: {error}") from error
    raise ModelError(f"{path} has {size} bytes, expected at most {limit}")
