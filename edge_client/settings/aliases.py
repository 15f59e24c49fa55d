"""A name that a setting had and keeps: ``trigger.sharpness``, the reciprocal of ``trigger.temperature``."""

from collections.abc import Mapping
from typing import Any, Final

from edge_client.settings.values import LONGEST_SHOWN

SHARPNESS: Final = "trigger.sharpness"


def rename_settings(tables: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The tables of one source under the names of now; where both stand, the name of now wins.

    Raises:
        ValueError: a sharpness is no number above 0.
    """
    renamed = dict(tables)
    if "sharpness" in renamed.get("trigger", {}):
        others = {name: value for name, value in renamed["trigger"].items() if name != "sharpness"}
        renamed["trigger"] = {"temperature": invert_sharpness(tables["trigger"]["sharpness"])} | others
    return renamed


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
