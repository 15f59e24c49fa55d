"""The command that made a file, as a person would type it: it goes into cards and reports."""

import os
import shlex
import sys
from collections.abc import Sequence

DATA_DIR = "HELEN_DATA_DIR"


def shown_command(module: str, arguments: Sequence[str] | None) -> str:
    """``python -m module arguments``, with the folder of ``HELEN_DATA_DIR`` shown as that variable.

    ``arguments`` None stands for those of this process.
    """
    words = [shlex.quote(word) for word in (sys.argv[1:] if arguments is None else arguments)]
    line = " ".join(["python -m", module, *words])
    folder = os.environ.get(DATA_DIR, "").rstrip("/")
    return line.replace(folder, f"${DATA_DIR}") if folder else line
