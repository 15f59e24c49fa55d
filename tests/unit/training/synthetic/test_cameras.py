"""What a virtual camera sees of points in known places, and the faults of a made tracker."""

import numpy as np
import pytest

from landmarks.pose import POINT, Floats
from training.synthetic.cameras import VIEWS, Camera, Tracker

AHEAD, LEFT, MIDDLE, HIGH = range(4)


def body() -> Floats:
    """Points around the origin: one ahead, one to the left, the others so that their mean is the middle; one high."""
    points = np.zeros((1, 33, 3))
    points[..., 2] = 1.0
    points[0, AHEAD], points[0, LEFT], points[0, HIGH] = [0.5, 0, 1], [0, 0.5, 1], [0, 0, 2]
    points[0, 4], points[0, 5] = [-0.5, 0, 1], [0, -0.5, 1]
    return points


def camera(view: str) -> Camera:
    return Camera(VIEWS[view], distance=4.0, height=1.0, field_of_view=90.0, width=1000, height_px=500)


@pytest.mark.parametrize(
    ("view", "ahead", "left"),
    [("front", 0, 1), ("back", 0, -1), ("left side", -1, 0), ("right side", 1, 0)],
)
def test_each_view_shows_ahead_and_left_where_they_belong(view: str, ahead: int, left: int) -> None:
    seen = camera(view).project(body())[0]
    assert np.sign(np.round(seen[AHEAD, 0] - 0.5, 9)) == ahead
    assert np.sign(np.round(seen[LEFT, 0] - 0.5, 9)) == left


def test_a_point_at_the_cameras_height_is_in_the_middle_and_nearer_is_larger() -> None:
    seen = camera("front").project(body())[0]
    assert seen[MIDDLE] == pytest.approx([0.5, 0.5])
    # 90° over the height at 4 m is 8 m: 1 m is an eighth of the height, 0.5 m a sixteenth, half of that in widths.
    assert seen[HIGH] == pytest.approx([0.5, 0.5 - 1 / 8])
    assert seen[LEFT] == pytest.approx([0.5 + 1 / 32, 0.5])


def test_the_tracker_is_exact_without_faults_and_hides_the_far_side() -> None:
    points = np.repeat(body(), 10, axis=0)
    points[:, POINT["left_ankle"]] = [0.0, 0.5, 0.0]
    points[:, POINT["right_ankle"]] = [0.0, -0.5, 0.0]
    times = np.arange(10) / 30
    view = camera("right side")
    seen = Tracker(0.0, 0.0).observe(points, times, view, np.random.default_rng(0))
    np.testing.assert_allclose(seen[..., :2], view.project(points), atol=1e-6)
    assert seen[:, POINT["left_ankle"], 2].mean() < 0.8 < seen[:, POINT["right_ankle"], 2].mean()


def test_its_noise_has_the_size_that_it_says() -> None:
    points = np.repeat(body(), 3000, axis=0)
    points[..., 1] = 0.0  # nobody hides
    points[..., 0] = 0.0
    points[:, POINT["left_heel"], 2] = 0.0
    view = camera("front")
    seen = Tracker(0.004, 0.006).observe(points, np.arange(3000) / 30, view, np.random.default_rng(0))
    off = (seen[..., :2] - view.project(points)) / 0.25  # 2 m of height are a quarter of the image
    size = np.hypot(0.004, 0.006)
    assert off[:, POINT["nose"], 1].std() == pytest.approx(size, rel=0.1)
    assert off[:, POINT["left_index"], 1].std() == pytest.approx(1.5 * size, rel=0.1)
    together = np.corrcoef(off[1:, 0, 1], off[:-1, 0, 1])[0, 1]
    assert together == pytest.approx(np.exp(-1 / 30 / 0.15) * 0.006**2 / size**2, abs=0.08)


def test_drawn_cameras_stay_near_their_view() -> None:
    draw = np.random.default_rng(0)
    cameras = [Camera.sample("back", draw) for _ in range(200)]
    assert all(abs(made.azimuth - 180) <= 20 and 4 <= made.distance <= 6.5 for made in cameras)
    assert len({made.azimuth for made in cameras}) == 200


def test_cameras_anywhere_have_raised_arms_and_feet_in_the_image() -> None:
    draw = np.random.default_rng(0)
    points = np.zeros((1, 33, 3))
    points[0, 1:, 2] = 2.9
    points[0, 0, 2] = 0.1
    for _ in range(200):
        heights = Camera.sample_anywhere(draw, 640, 480).project(points)[..., 1]
        assert 0 < heights.min() < heights.max() < 1


def test_an_offset_stays_for_the_whole_clip() -> None:
    points = np.repeat(body(), 20, axis=0)
    points[:, POINT["left_heel"], 2] = 0.0
    view = camera("front")
    off = Tracker(0, 0, 0.02).observe(points, np.arange(20) / 30, view, np.random.default_rng(0))[..., :2]
    off -= view.project(points)
    np.testing.assert_allclose(off, np.broadcast_to(off[:1], off.shape), atol=1e-6)
    assert 0.5 < off[0, :, 1].std() / (0.02 * 0.25) < 2
