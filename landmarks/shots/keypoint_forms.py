"""Forms of keypoints that other trackers and people write, read where they can mean one thing only.

OpenPose's names (BODY_25) beside MediaPipe's, of which COCO-17's are a part; ``visibility`` for ``v``; pixels where
width and height are given; times from ``fps``. What could mean two things gets a message that says how to convert it.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

# BODY_25's names; Neck, MidHip and Background have no point of MediaPipe's, and nothing is judged by the small toes.
_BODY_25_PARTS: Final = {
    "Shoulder": "shoulder", "Elbow": "elbow", "Wrist": "wrist", "Hip": "hip", "Knee": "knee", "Ankle": "ankle",
    "Eye": "eye", "Ear": "ear", "BigToe": "foot_index", "Heel": "heel",
}  # fmt: skip
BODY_25: Final = {
    "Nose": "nose",
    **{
        f"{letter}{theirs}": f"{side}_{ours}"
        for letter, side in (("L", "left"), ("R", "right"))
        for theirs, ours in _BODY_25_PARTS.items()
    },
}
IGNORED: Final = frozenset({"Neck", "MidHip", "Background", "LSmallToe", "RSmallToe"})

# Half of the numbers lie beyond this many image widths or heights only where they are pixels.
BEYOND: Final = 2.0
# Frames of a video are never this many seconds apart.
SLOWEST_STEP_S: Final = 2.0


def read_visibility(v: float | msgspec.UnsetType, visibility: float | msgspec.UnsetType) -> float | None:
    """The one that is given; None where neither or both are."""
    given = [value for value in (v, visibility) if not isinstance(value, msgspec.UnsetType)]
    return given[0] if len(given) == 1 else None


def are_pixels(values: Sequence[float], width: int | None, height: int | None) -> bool:
    """Whether coordinates of all points are pixels of an image whose size is given."""
    finite = [abs(value) for value in values if np.isfinite(value)]
    return bool(width and height and finite and np.median(finite) > BEYOND)


def count_times(indices: Sequence[int], fps: float) -> list[float]:
    """Times in seconds of frames that have none."""
    return [index / fps for index in indices]


def explain_times(times: Sequence[float]) -> str | None:
    """Why times can't be seconds, in words; None where they can."""
    if len(times) < 3:
        return None
    step = float(np.median(np.diff(times)))
    if step <= SLOWEST_STEP_S:
        return None
    return (
        f"time_sec goes from {times[0]:g} to {times[1]:g}, frames {step:g} s apart, expected seconds: divide"
        " milliseconds by 1000"
    )
