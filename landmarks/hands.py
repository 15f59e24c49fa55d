"""Windows of 21-point hands: their layout, which hand is present, and hand-box normalisation.

A window is float32 ``(T, F)``: T frames, each the left hand's 21 points and then the right hand's, a point being
``x, y`` (F = 84) or ``x, y, z`` (F = 126), in MediaPipe's point order. Coordinates are MediaPipe's: x to the right
and y down in 0..1 of the image, z relative to the wrist. A hand that is absent is all zeros. All functions here
also take batches: any number of leading axes before ``T``.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

HANDS: Final = ("left", "right")
POINTS: Final = 21
WRIST: Final = 0
FINGER_TIPS: Final = (4, 8, 12, 16, 20)
FEATURE_DIM_XY: Final = len(HANDS) * POINTS * 2
FEATURE_DIM_XYZ: Final = len(HANDS) * POINTS * 3

_Z_FLOOR: Final = 1e-6
_BOX_FLOOR: Final = 1e-6


def feature_dim(use_z: bool) -> int:
    """Numbers a frame: 84 with x and y, 126 with z too."""
    return FEATURE_DIM_XYZ if use_z else FEATURE_DIM_XY


def split_hands(window: Array) -> Array:
    """View a window ``(..., T, F)`` as ``(..., T, 2, 21, D)``, D being 2 or 3.

    Raises:
        ValueError: when F is neither 84 nor 126.
    """
    width = window.shape[-1]
    if width not in (FEATURE_DIM_XY, FEATURE_DIM_XYZ):
        raise ValueError(f"a window has {FEATURE_DIM_XY} or {FEATURE_DIM_XYZ} numbers a frame, found {width}")
    return window.reshape(*window.shape[:-1], len(HANDS), POINTS, width // (len(HANDS) * POINTS))


def compute_presence(window: Array) -> Array:
    """Presence ``(..., T, 2)`` of a window ``(..., T, F)``: 1 where a hand has any number other than zero, else 0."""
    per_hand = window.reshape(*window.shape[:-1], len(HANDS), -1)
    return np.asarray(per_hand.any(axis=-1), dtype=np.float32)


def apply_mask(window: Array, mask: Array) -> Array:
    """Multiply each hand's numbers in ``(..., T, F)`` by that hand's mask ``(..., T, 2)``."""
    per_hand = window.reshape(*window.shape[:-1], len(HANDS), -1)
    masked: Array = (per_hand * mask[..., None]).reshape(window.shape)
    return masked


def drop_z(window: Array) -> Array:
    """Keep x and y of a window: ``(..., T, 126)`` becomes ``(..., T, 84)``, and 84 stays as it is."""
    hands = split_hands(window)
    return np.ascontiguousarray(hands[..., :2]).reshape(*window.shape[:-1], FEATURE_DIM_XY)


def hand_box_normalise(window: Array) -> Array:
    """Map each present hand of each frame to its own bounding box, as the source system's models expect.

    x and y go to 0..1 of the hand's own box in that frame, z becomes ``(z - mean) / std`` of the hand's points in
    that frame. Absent hands stay zeros. A box without width or height maps to 0.

    Args:
        window: raw image landmarks ``(..., T, 84 | 126)``.

    Returns:
        The same shape, float32.
    """
    hands = split_hands(window)
    xy = hands[..., :2]
    low = xy.min(axis=-2, keepdims=True)
    size = xy.max(axis=-2, keepdims=True) - low
    parts = [(xy - low) / np.maximum(size, _BOX_FLOOR)]
    if hands.shape[-1] == 3:
        z = hands[..., 2:]
        parts.append((z - z.mean(axis=-2, keepdims=True)) / np.maximum(z.std(axis=-2, keepdims=True), _Z_FLOOR))
    present = compute_presence(window)[..., None, None]
    normalised: Array = (np.concatenate(parts, axis=-1) * present).astype(np.float32).reshape(window.shape)
    return normalised
