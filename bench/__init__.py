"""Benchmarks against peers on one machine, in one run: ``python -m bench``, which ``make bench`` calls.

Nothing that serves or trains imports this package.
"""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
OUT: Final = ROOT / "bench" / "out"


class BenchError(Exception):
    """The benchmark can't go on; the message says what was found and what was expected."""
