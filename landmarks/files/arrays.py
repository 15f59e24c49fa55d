"""NumPy arrays from an ``.npz`` file that someone else may have written: size limits, no pickle, errors in words.

What the arrays mean is up to the caller, such as ``recording.py``.
"""

import io
import math
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

MAX_BYTES: Final = 512 * 1024 * 1024


class ArrayFileError(Exception):
    """The arrays can't be read; the message says what was found and expected; the caller names the file."""


def read_arrays(
    source: Path | bytes, names: Collection[str], *, optional: Collection[str] = (), max_bytes: int | None = None
) -> dict[str, npt.NDArray[Any]]:
    """The named arrays of a file (its path or its bytes), and those of ``optional`` that it has; others aren't read.

    Raises:
        ArrayFileError: the file can't be read, isn't an ``.npz`` file, lacks a name, holds Python objects, is damaged,
            or its arrays take more than ``max_bytes`` (default ``MAX_BYTES``), in the file or unpacked.
    """
    limit = MAX_BYTES if max_bytes is None else max_bytes
    try:
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        if size > limit:
            raise ArrayFileError(f"it has {size} bytes, expected at most {limit}")
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise ArrayFileError(f"it is {_describe_beginning(file)}, expected a whole .npz file of NumPy")
            with zipfile.ZipFile(file) as archive:
                there = set(archive.namelist())
                missing = sorted(name for name in names if f"{name}.npy" not in there)
                if missing:
                    raise ArrayFileError(f"it lacks the arrays {missing}")
                return _read_members(archive, [*names, *(name for name in optional if f"{name}.npy" in there)], limit)
    except ArrayFileError:
        raise
    except OSError as error:
        raise ArrayFileError(error.strerror or str(error)) from error
    except Exception as error:
        # Whatever else zipfile, zlib and NumPy's header parser make of damaged bytes.
        raise ArrayFileError("it is damaged: copy or record it again") from error


def _read_members(archive: zipfile.ZipFile, names: Collection[str], limit: int) -> dict[str, npt.NDArray[Any]]:
    # zipfile never unpacks more of a member than its directory entry says.
    unpacked = sum(archive.getinfo(f"{name}.npy").file_size for name in names)
    if unpacked > limit:
        raise ArrayFileError(f"it has arrays of {unpacked} bytes, expected at most {limit}")
    for name in names:
        _check_header(archive, name)
    arrays = {}
    for name in names:
        with archive.open(f"{name}.npy") as member:
            arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
    return arrays


def _check_header(archive: zipfile.ZipFile, name: str) -> None:
    """Reject what isn't a plain array of as many bytes as it says, before memory is allocated for it."""
    with archive.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        read_header = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read_header = np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(member)
        if dtype.hasobject:
            raise ArrayFileError(f"{name} holds Python objects, expected numbers or text")
        there = archive.getinfo(f"{name}.npy").file_size - member.tell()
        if math.prod(shape) * dtype.itemsize != there:
            raise ArrayFileError(f"{name} has {there} bytes, expected {math.prod(shape) * dtype.itemsize}")


def _describe_beginning(file: BinaryIO) -> str:
    file.seek(0)
    start = file.read(12)
    if start.startswith(b"PK\x03\x04"):  # a zip file, whose directory stands at its end
        return "cut off"
    return f"a file that begins with {start!r}" if start else "an empty file"
