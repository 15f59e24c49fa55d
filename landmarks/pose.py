"""Body poses of 33 points: their names and order, left and right, and the bones between them.

A window is float32 ``(T, 33, 3)``: x to the right and y down in 0..1 of the image, then visibility 0..1, in MediaPipe
Pose's order. A point that was not found has visibility 0. Files are in ``shots/keypoint_files.py``, angles in
``shots/kinematics.py``.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

SIDES: Final = ("left", "right")
PARTS: Final = ("shoulder", "elbow", "wrist", "pinky", "index", "thumb", "hip", "knee", "ankle", "heel", "foot_index")
POSE_NAMES: Final = (
    "nose",
    *(f"{side}_{part}" for side in SIDES for part in ("eye_inner", "eye", "eye_outer")),
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    *(f"{side}_{part}" for part in PARTS for side in SIDES),
)
POSE_POINTS: Final = len(POSE_NAMES)
POINT: Final = {name: index for index, name in enumerate(POSE_NAMES)}

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


def mirror_name(name: str) -> str:
    """The point on the other side of the body: ``left_wrist`` for ``right_wrist``, ``nose`` for ``nose``."""
    return name.replace("left", "right") if "left" in name else name.replace("right", "left")


# pose[:, MIRRORED] has each point's partner on the other side in its place.
MIRRORED: Final = tuple(POINT[mirror_name(name)] for name in POSE_NAMES)
