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
        try:
            self._files, path = fsspec.url_to_fs(root)  # type: ignore[no-untyped-call]
        except (ImportError, ValueError) as error:
            raise ModelError(f"model repository {root} can't be opened: {error}") from error
        self._folder = f"{path.rstrip('/')}/{name}"

    def versions(self) -> list[int]:
        """The version numbers that are there, oldest first; folders that aren't a number are not versions.

        Raises:
            ModelError: when the repository can't be listed.
        """
        try:
            self._files.invalidate_cache(self._folder)
            entries = self._files.ls(self._folder, detail=False)
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
        folder = f"{self._folder}/{version}"
        card = decode_card(self._read(f"{folder}/{CARD_FILE}", MAX_CARD_BYTES), f"{folder}/{CARD_FILE}")
        if card.name != self.name:
            raise ModelError(f"{folder}/{CARD_FILE} describes the model {card.name}, expected {self.name}")
        model = self._read(f"{folder}/{MODEL_FILE}", MAX_MODEL_BYTES)
        return OpenModel(ModelSession(model, card, threads=threads), str(version), folder)

    def _read(self, path: str, limit: int) -> bytes:
        try:
            size = self._files.size(path)
            if size is not None and size > limit:
                raise ModelError(f"{path} has {size} bytes, expected at most {limit}")
            data: bytes = self._files.cat_file(path)
        except ModelError:
            raise
        except FileNotFoundError as error:
            raise ModelError(f"{path} is missing") from error
        except Exception as error:  # each file system behind fsspec raises its own
            raise ModelError(f"{path} can't be read: {error}") from error
        return data
