"""Gaps: frames in which a tracker lost the person or a point, found by visibility and bridged by straight lines.

A lost point has no place: its numbers, often (0, 0), are never used.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from landmarks.pose import Floats
from landmarks.shots.keypoints import PoseTrack

SEEN: Final = 0.3
# A tracker keeps a point that it can't see at a low, even visibility and guesses its place well; one that it loses
# falls below its own usual visibility.
LOST_SHARE: Final = 0.3
# Shorter gaps are bridged as if the point had been seen; in longer ones it stays unseen.
SHORT_S: Final = 0.25


def find_lost(visibility: Floats) -> npt.NDArray[np.bool_]:
    """Where points are lost ``(T, 33)``, for visibilities ``(T, 33)``.

    Those of visibility 0, or below ``SEEN`` and ``LOST_SHARE`` of the point's own median where it isn't 0.
    """
    known = np.where(visibility > 0, visibility, np.nan)
    anywhere = (visibility > 0).any(axis=0)
    usual = np.zeros(visibility.shape[1])
    usual[anywhere] = np.nanmedian(known[:, anywhere], axis=0)
    return np.asarray((visibility <= 0) | (visibility < np.minimum(SEEN, LOST_SHARE * usual)))


def bridge_gaps(track: PoseTrack) -> PoseTrack:
    """A track without gaps: lost points lie on straight lines between the frames in which they aren't lost.

    Over at most ``SHORT_S`` visibility is bridged too, in longer gaps it is 0. Before its first and after its last
    frame a point stands still, unseen. A point that is lost in all frames stays as it is.
    """
    points = track.points.astype(np.float64)
    lost = find_lost(points[..., 2])
    for point in np.flatnonzero(lost.any(axis=0) & ~lost.all(axis=0)):
        gap, kept = lost[:, point], track.times[~lost[:, point]]
        for axis in range(points.shape[-1]):
            points[gap, point, axis] = np.interp(track.times[gap], kept, points[~gap, point, axis])
        after = np.searchsorted(kept, track.times[gap])
        inner = (after > 0) & (after < len(kept))
        length = kept[np.minimum(after, len(kept) - 1)] - kept[np.maximum(after - 1, 0)]
        points[gap, point, 2] = points[gap, point, 2] * (inner & (length <= SHORT_S))
    return replace(track, points=points.astype(np.float32))
