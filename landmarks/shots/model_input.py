"""A shot as the shot models take it: one form for whatever camera, tracker and hand it comes from.

The models' features hang on which points count as seen, on the pixels' shape and on the side. So gaps are bridged,
the image is as wide as most videos, the right hand shoots, a point that is tracked counts as seen however sure the
tracker is, and hands and feet that a tracker doesn't give lie where still ones would.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from landmarks.pose import MIRRORED, POINT, SIDES, Array
from landmarks.shots.gaps import bridge_gaps
from landmarks.shots.keypoints import PoseTrack, ShotWindow, resample_to_30_fps
from landmarks.shots.release import Hand

# The least visibility of a tracked point, that of the far side of a made player.
TRACKED: Final = 0.63
# Wrist to knuckles, over half of the hand, and the forearm, 0.060 and 0.146 of stature in Winter (as in pose.py).
HAND_OVER_FOREARM: Final = 0.060 / 0.146
ASPECT: Final = 16 / 9  # of the image that the points are brought to


def make_model_input(track: PoseTrack, window: ShotWindow, hand: Hand) -> Array:
    """A window's poses float32 ``(T, 33, 3)`` at 30 frames a second.

    Raises:
        KeypointsError: fewer than 2 frames lie in the window.
    """
    whole = bridge_gaps(track)
    points = whole.points.copy()
    fill_extremities(points)
    points[..., 0] = 0.5 + (points[..., 0] - 0.5) * track.aspect / ASPECT
    if hand == "left":
        points = points[:, list(MIRRORED)]
        points[..., 0] = 1 - points[..., 0]
    level_visibility(points)
    return resample_to_30_fps(replace(whole, points=points).cut(window))


def fill_extremities(points: Array) -> None:
    """Place, in place, the fingers and feet that no frame of poses ``(T, 33, 3)`` has.

    Fingers lie in line with the forearm, heel and toes at the ankle. What they would tell can't be told.
    """
    for side in SIDES:
        elbow, wrist, ankle = (points[:, POINT[f"{side}_{part}"]] for part in ("elbow", "wrist", "ankle"))
        hand = wrist.copy()
        hand[:, :2] += HAND_OVER_FOREARM * (wrist - elbow)[:, :2]
        for place, parts in ((hand, ("index", "pinky", "thumb")), (ankle, ("heel", "foot_index"))):
            for part in parts:
                if not points[:, POINT[f"{side}_{part}"], 2].any():
                    points[:, POINT[f"{side}_{part}"]] = place


def level_visibility(points: Array) -> None:
    """Give, in place, all tracked points of a side of the body the median visibility of that side.

    The models read from it which side is near the camera; what a tracker thinks of a single joint is noise.
    """
    for side in SIDES:
        own = [index for name, index in POINT.items() if side in name]
        tracked = points[:, own, 2] > 0
        usual = np.median(points[:, own, 2][tracked]) if tracked.any() else 0.0
        points[:, own, 2] = np.where(tracked, max(float(usual), TRACKED), 0)
