"""A name that a setting had and keeps: ``trigger.sharpness``, the reciprocal of ``trigger.temperature``."""

from collections.abc import Mapping
from typing import Any, Final

from edge_client.settings.schema import LONGEST_SHOWN

SHARPNESS: Final = "trigger.sharpness"
TEMPERATURE: Final = "trigger.temperature"


def rename_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of one source by their paths, under the names of now; where both stand, the name of now wins.

    Raises:
        ValueError: a sharpness is no number above 0.
    """
    if SHARPNESS not in values:
        return dict(values)
    temperature: dict[str, Any] = {TEMPERATURE: str(invert_sharpness(values[SHARPNESS]))}
    return temperature | {path: value for path, value in values.items() if path != SHARPNESS}


def invert_sharpness(value: Any) -> float:
    """The temperature of a sharpness.

    Raises:
        ValueError: it is no number above 0.
    """
    try:
        sharpness = 0.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        sharpness = 0.0
    if not 0 < sharpness < float("inf"):
        raise ValueError(f"{SHARPNESS} is {str(value)[:LONGEST_SHOWN]!r}, expected a number above 0")
    return 1 / sharpness
