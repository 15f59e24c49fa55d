"""Body poses of 33 points: their names and order, left and right, and pelvis-centred, shoulder-scaled windows.

A window is float32 ``(T, 33, 3)``: x to the right and y down in 0..1 of the image, then visibility 0..1, in MediaPipe
Pose's order. A point that was not found has visibility 0. Files are in ``shots/keypoint_files.py``, angles in
``shots/kinematics.py``.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

POSE_NAMES: Final = (
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)
POSE_POINTS: Final = len(POSE_NAMES)
POINT: Final = {name: index for index, name in enumerate(POSE_NAMES)}
SIDES: Final = ("left", "right")

# Bones that a drawing of the pose shows, as pairs of points.
BONES: Final = tuple(
    (POINT[a], POINT[b])
    for a, b in (
        ("left_shoulder", "right_shoulder"),
        ("left_hip", "right_hip"),
        *(
            (f"{side}_{a}", f"{side}_{b}")
            for side in SIDES
            for a, b in (
                ("shoulder", "elbow"),
                ("elbow", "wrist"),
                ("wrist", "index"),
                ("wrist", "pinky"),
                ("wrist", "thumb"),
                ("shoulder", "hip"),
                ("hip", "knee"),
                ("knee", "ankle"),
                ("ankle", "heel"),
                ("heel", "foot_index"),
            )
        ),
    )
)

# Shoulder breadth over the distance from hip to shoulder: 0.259 and 0.288 of stature in Winter, Biomechanics and
# Motor Control of Human Movement (2009), figure 4.1, after Drillis and Contini. Seen from the side the shoulders
# coincide, and the trunk has to give the scale.
SHOULDERS_OVER_TRUNK: Final = 0.259 / 0.288
_SEEN: Final = 0.5
_SCALE_FLOOR: Final = 1e-3


def mirror_name(name: str) -> str:
    """The point on the other side of the body: ``left_wrist`` for ``right_wrist``, ``nose`` for ``nose``."""
    return name.replace("left", "right") if "left" in name else name.replace("right", "left")


# pose[:, MIRRORED] has each point's partner on the other side in its place.
MIRRORED: Final = tuple(POINT[mirror_name(name)] for name in POSE_NAMES)


def compute_body_scale(window: Array) -> Floats:
    """How large the person is, ``(...)``, in the window's units, for a window ``(..., T, 33, 3)``.

    The larger of the shoulders' breadth and the trunk's length times ``SHOULDERS_OVER_TRUNK``, each the median over
    the frames in which its points are seen (visibility 0.5 or more; over all frames where there is no such frame).
    """
    points = np.asarray(window, dtype=np.float64)
    left, right = points[..., POINT["left_shoulder"], :], points[..., POINT["right_shoulder"], :]
    hips = (points[..., POINT["left_hip"], :] + points[..., POINT["right_hip"], :]) / 2
    breadth = np.linalg.norm(left[..., :2] - right[..., :2], axis=-1)
    trunk = np.linalg.norm((left + right)[..., :2] / 2 - hips[..., :2], axis=-1)
    seen_shoulders = np.minimum(left[..., 2], right[..., 2]) >= _SEEN
    seen_trunk = seen_shoulders & (hips[..., 2] >= _SEEN)
    shoulders = _median_where(breadth, seen_shoulders)
    scale: Floats = np.maximum(shoulders, _median_where(trunk, seen_trunk) * SHOULDERS_OVER_TRUNK)
    return np.maximum(scale, _SCALE_FLOOR)


def normalise_pose(window: Array) -> Array:
    """Centre each frame on its pelvis (the middle of the hips) and divide by ``compute_body_scale``.

    Args:
        window: ``(..., T, 33, 3)``, x and y in one unit (``to_square_pixels`` first where the image isn't square).

    Returns:
        The same shape, float32; visibility stays, points with visibility 0 become 0.
    """
    points = np.asarray(window, dtype=np.float64)
    pelvis = (points[..., POINT["left_hip"], :2] + points[..., POINT["right_hip"], :2]) / 2
    seen = points[..., 2:] > 0
    scale = compute_body_scale(window)[..., None, None, None]
    centred = np.where(seen, (points[..., :2] - pelvis[..., None, :]) / scale, 0.0)
    normalised: Array = np.concatenate([centred, points[..., 2:]], axis=-1).astype(np.float32)
    return normalised


def to_square_pixels(window: Array, width: int, height: int) -> Array:
    """Points in units of the image's height in both axes: x times ``width / height``, y and visibility unchanged."""
    scaled = np.array(window, dtype=np.float32)
    scaled[..., 0] *= width / height
    return scaled


def _median_where(values: Floats, chosen: npt.NDArray[np.bool_]) -> Floats:
    """Median over the last axis of the chosen values, of all values where none is chosen."""
    masked = np.where(chosen | ~chosen.any(axis=-1, keepdims=True), values, np.nan)
    return np.asarray(np.nanmedian(masked, axis=-1))
