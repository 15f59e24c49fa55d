"""Benchmarks: this service beside others on one machine, under faults and overload, and the edge client on real signs.

Nothing that serves or trains imports this package.
"""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
OUT: Final = ROOT / "benchmarks" / "out"


class BenchmarkError(Exception):
    """The benchmark can't go on; the message says what was found and what was expected."""
