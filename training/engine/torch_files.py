"""Files of ``torch.save``, read with ``weights_only=True`` and never by running their code; or why they can't be."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from landmarks.models.card import ModelError, describe_error, read_bounded

MAX_FILE_BYTES: Final = 256 * 1024 * 1024

# What NumPy's own values are pickled with. They are allowed in order to name such a value, never to use it.
_MULTIARRAY: Final = np._core.multiarray  # type: ignore[attr-defined]
_NUMPY_VALUES: Final = [
    np.ndarray,
    np.dtype,
    *(getattr(np.dtypes, name) for name in dir(np.dtypes) if name.endswith("DType")),
    *(
        (getattr(_MULTIARRAY, name), f"numpy{old}.multiarray.{name}")
        for name in ("scalar", "_reconstruct")
        for old in ("._core", ".core")
    ),
]


class TorchFileError(Exception):
    """A file can't be read as plain values and tensors; the message says what was found and what was expected."""


def read_plain(path: Path) -> Any:
    """What a file holds: plain values, containers and tensors, on the CPU.

    Raises:
        TorchFileError: no file, larger than 256 MiB, damaged, or it holds anything else; a NumPy value is named by its
            key, with how to save it.
    """
    try:
        data = read_bounded(path, MAX_FILE_BYTES)
    except ModelError as error:
        raise TorchFileError(str(error)) from error
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises pickle, zip, OS and runtime errors for a file that isn't plain tensors
        raise TorchFileError(f"{path} is no checkpoint of plain values and tensors: {_explain(data, error)}") from error


def _explain(data: bytes, error: Exception) -> str:
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data))
    except Exception:  # it isn't torch's zip
        return f"it is no file of torch.save, or not all of one ({_first_sentence(error)})"
    foreign = [name for name in names if not name.startswith("numpy.")]
    if foreign:
        # Builtins such as getattr only lead to the others.
        named = min(foreign, key=lambda name: (name.startswith("builtins."), name))
        return f"it holds {named}, save a dictionary with the state_dict instead"
    if not names:
        return _first_sentence(error)
    try:
        with torch.serialization.safe_globals(_NUMPY_VALUES):
            content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        key, found, form = next(_find_numpy_values(content, ""))
    except Exception:  # a NumPy value of a kind that has no plain form
        return f"it holds {names[0]}"
    return f"{key or 'it'} is a {found}, save it as {form}"


def _first_sentence(error: Exception) -> str:
    return describe_error(error).partition(". ")[0].rstrip(".")


def _find_numpy_values(value: Any, key: str) -> Iterator[tuple[str, str, str]]:
    """The key of each NumPy value, its type, and the expression that makes it plain."""
    name = key.rpartition(".")[2] or "value"
    if isinstance(value, np.ndarray):
        yield key, "numpy.ndarray", f"{name}.tolist()"
    elif isinstance(value, np.generic):
        plain = type(value.item()).__name__
        yield key, f"numpy.{type(value).__name__}", f"{plain}({name})"
    elif isinstance(value, Mapping):
        for part, inner in value.items():
            yield from _find_numpy_values(part, f"{key}.keys()".lstrip("."))
            yield from _find_numpy_values(inner, f"{key}.{part}".lstrip("."))
    elif isinstance(value, list | tuple | set):
        for index, inner in enumerate(value):
            yield from _find_numpy_values(inner, f"{key}[{index}]")
