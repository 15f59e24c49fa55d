"""Command lines: the numbers that flags take, and the command that made a file, for cards and reports."""

import argparse
import math
import os
import shlex
import sys
from collections.abc import Callable, Sequence

DATA_DIR = "HELEN_DATA_DIR"


def reproducible_command(module: str, arguments: Sequence[str] | None) -> str:
    """``python -m module arguments``, with the folder of ``HELEN_DATA_DIR`` shown as that variable.

    ``arguments`` None stands for those of this process.
    """
    words = [shlex.quote(word) for word in (sys.argv[1:] if arguments is None else arguments)]
    line = " ".join(["python -m", module, *words])
    folder = os.environ.get(DATA_DIR, "").rstrip("/")
    return line.replace(folder, f"${DATA_DIR}") if folder else line


def whole_number(lowest: int) -> Callable[[str], int]:
    """A type for argparse: a whole number from ``lowest`` to 2^32 - 1."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = lowest - 1
        if not lowest <= value < 2**32:
            raise argparse.ArgumentTypeError(f"{text!r} found, expected a whole number from {lowest} up")
        return value

    return parse


def number(lowest: float, highest: float, unit: str = "") -> Callable[[str], float]:
    """A type for argparse: a number from ``lowest`` to ``highest``."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not lowest <= value <= highest:  # false for NaN too
            raise argparse.ArgumentTypeError(f"{text!r} found, expected {lowest} to {highest} {unit}".rstrip())
        return value

    return parse
