"""Points that a tracker lost have no place, and are bridged."""

import numpy as np
import pytest

from landmarks.pose import POINT
from landmarks.shots.gaps import bridge_gaps, find_lost
from landmarks.shots.keypoints import PoseTrack


def moving(frames: int = 31) -> PoseTrack:
    """Every point goes from 0.2 to 0.8 in a straight line, seen throughout."""
    points = np.ones((frames, 33, 3), np.float32)
    points[..., :2] = np.linspace(0.2, 0.8, frames)[:, None, None]
    return PoseTrack(points, np.arange(frames) / 30, tuple(range(frames)))


def test_a_frame_without_a_person_is_bridged_and_counts_as_seen() -> None:
    track = moving()
    track.points[10:13] = 0
    np.testing.assert_allclose(bridge_gaps(track).points, moving().points, atol=1e-6)


def test_a_long_gap_is_bridged_and_stays_unseen() -> None:
    track = moving()
    track.points[5:25] = 0
    bridged = bridge_gaps(track).points
    np.testing.assert_allclose(bridged[..., :2], moving().points[..., :2], atol=1e-6)
    assert (bridged[5:25, :, 2] == 0).all() and (bridged[:5, :, 2] == 1).all()


def test_before_and_after_it_is_seen_a_point_stands_still_unseen() -> None:
    track = moving()
    track.points[[0, 30]] = 0
    bridged = bridge_gaps(track).points
    np.testing.assert_array_equal(bridged[0, :, :2], bridged[1, :, :2])
    np.testing.assert_array_equal(bridged[30, :, :2], bridged[29, :, :2])
    assert (bridged[[0, 30], :, 2] == 0).all()


@pytest.mark.parametrize("visibility", [0.05, 0.29, 0.31, 1.0])
def test_a_point_that_is_always_as_visible_is_never_lost(visibility: float) -> None:
    assert not find_lost(np.full((20, 33), visibility)).any()


def test_a_point_is_lost_where_it_falls_far_below_its_own_visibility() -> None:
    visibility = np.full((20, 33), 0.9)
    visibility[4, POINT["nose"]] = 0.2
    visibility[5, POINT["nose"]] = 0.0
    assert np.flatnonzero(find_lost(visibility)[:, POINT["nose"]]).tolist() == [4, 5]
