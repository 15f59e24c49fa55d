"""Whether all frames that a video file declares could be read: a truncated file ends without an error."""

from typing import Final

# A container without a frame count declares duration times mean rate.
_TOLERATED: Final = 2
_TOLERATED_SHARE: Final = 0.05


def describe_missing_frames(read: int, promised: int) -> str:
    """A message with how many of the declared frames were read; empty where enough were."""
    if promised - read <= max(_TOLERATED, promised * _TOLERATED_SHARE):
        return ""
    return f"{read} of {promised} frames could be read: it is cut off or damaged"
