"""Command lines: the numbers that flags take, the tables that are printed, and the command that made a file."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

DATA_DIR = "HELEN_DATA_DIR"
Number = TypeVar("Number", int, float)


def reproducible_command(module: str, arguments: Sequence[str] | None) -> str:
    """``python -m module arguments``, with the folder of ``HELEN_DATA_DIR`` shown as that variable.

    ``arguments`` None stands for those of this process.
    """
    words = [shlex.quote(word) for word in (sys.argv[1:] if arguments is None else arguments)]
    line = " ".join(["python -m", module, *words])
    folder = os.environ.get(DATA_DIR, "").rstrip("/")
    return line.replace(folder, f"${DATA_DIR}") if folder else line


def make_parser(command: str, documentation: str | None) -> argparse.ArgumentParser:
    """The parser of ``python -m training.COMMAND``, described by the first line of the module's documentation."""
    return argparse.ArgumentParser(
        prog=f"python -m training.{command}", description=(documentation or "").split("\n")[0]
    )


def format_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    head, *body = (f"| {' | '.join(cells)} |" for cells in (columns, *rows))
    return [head, "|---" * len(columns) + "|", *body]


def whole_number(lowest: int) -> Callable[[str], int]:
    """A type for argparse: a whole number from ``lowest`` to 2^32 - 1."""
    return partial(_parse_within, int, lowest, 2**32 - 1, f"a whole number from {lowest} up")


def number(lowest: float, highest: float, unit: str = "") -> Callable[[str], float]:
    """A type for argparse: a number from ``lowest`` to ``highest``."""
    return partial(_parse_within, float, lowest, highest, f"{lowest} to {highest} {unit}".rstrip())


def _parse_within(kind: type[Number], lowest: float, highest: float, expected: str, text: str) -> Number:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not lowest <= value <= highest:  # false for NaN too
        raise argparse.ArgumentTypeError(f"{text!r} found, expected {expected}")
    return value
