"""Whether a video file gave the frames that it promised: one that was cut off ends like one that is whole."""

from typing import Final

# Containers that don't count their frames promise what duration and mean rate come to.
_TOLERATED: Final = 2
_TOLERATED_SHARE: Final = 0.05


def describe_missing_frames(read: int, promised: int) -> str:
    """The sentence that says how many of the promised frames were read; empty where enough were."""
    if promised - read <= max(_TOLERATED, promised * _TOLERATED_SHARE):
        return ""
    return f"{read} of {promised} frames could be read: it is cut off or damaged"
