"""Aims: what a run was to meet, each printed as met or missed. ``overload.py`` and ``soak.py`` end with them."""

from collections.abc import Mapping


def judged(aims: Mapping[str, bool]) -> int:
    """Print each aim with its verdict; the exit status: 0 when all were met, else 1."""
    for aim, met in aims.items():
        print(f"{'met   ' if met else 'MISSED'} {aim}")
    return 0 if all(aims.values()) else 1
