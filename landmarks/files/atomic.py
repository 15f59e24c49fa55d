"""Writing a file atomically, and checking beforehand that it can be written.

Bytes go to a hidden file beside the target, are flushed to disk, and the file is then renamed: after a failure, a power
cut included, the file that had the name is still there.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def partial_path(path: Path) -> Path:
    """Where a file is while it is written: hidden, beside ``path``, and this process's own."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write to, which becomes ``path`` when the block ends; after an error, ``path`` is unchanged.

    Raises:
        OSError: it can't be written.
    """
    partial = partial_path(path)
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def check_writable(path: Path) -> None:
    """Create the folder of ``path`` and check that a file can be written there. ``path`` itself isn't touched.

    Raises:
        OSError: it can't be written, as ``replace_file`` would find.
    """
    if path.is_dir():
        raise IsADirectoryError(21, "it is a folder, expected the name of a file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(path)
    with partial.open("wb"):
        pass
    partial.unlink()
