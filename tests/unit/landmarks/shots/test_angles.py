"""What a coach measures, on bodies whose angles are known."""

import numpy as np
import pytest

from landmarks.pose import POINT
from landmarks.shots.angles import ANGLES, measure_angles
from landmarks.shots.kinematics import compute_motion
from landmarks.shots.rules import judge_shot
from testkit.shots import TIMES, made_body, made_motion

SEEN = np.ones((90, 33))


def test_every_measure_has_a_name_and_a_spread() -> None:
    motion = made_motion()
    measures = measure_angles(motion, judge_shot(motion))
    assert tuple(measures) == ANGLES
    assert all(measure is not None and measure.spread >= 0 for measure in measures.values())


def test_the_measures_of_the_made_body() -> None:
    motion = made_motion(dimensions=3)
    shot = judge_shot(motion)
    measures = measure_angles(motion, shot)
    lean, height, drift = (
        measures[name] for name in ("trunk_lean_deg", "release_height_bodies", "landing_drift_bodies")
    )
    assert lean is not None and lean.value == pytest.approx(0, abs=1e-6)
    # At the release the wrist has done about 95 % of its way from 1.3 to 2.4 m; ankles at 0.1 m, nose at 1.65 to 1.85.
    assert height is not None and height.value == pytest.approx((2.35 - 0.1) / 1.65, abs=0.1)
    assert drift is not None and drift.value == pytest.approx(0, abs=1e-6)


def test_a_camera_in_front_sees_no_angle_but_the_release_height() -> None:
    motion = compute_motion(made_body()[..., [1, 2]], SEEN, TIMES)
    measures = measure_angles(motion, judge_shot(motion))
    assert [name for name, measure in measures.items() if measure is None] == list(ANGLES[:5])


def test_what_is_not_seen_is_not_measured() -> None:
    visibility = SEEN.copy()
    for name in ("left_knee", "right_knee", "right_index", "left_ankle", "right_ankle"):
        visibility[:, POINT[name]] = 0
    motion = compute_motion(made_body(), visibility, TIMES)
    measures = measure_angles(motion, judge_shot(motion))
    missing = {name for name, measure in measures.items() if measure is None}
    assert missing == {"knee_depth_deg", "wrist_snap_deg", "release_height_bodies"}


def test_frames_that_end_before_the_landing_show_no_balance() -> None:
    motion = made_motion().cut(0, 1.6)
    assert measure_angles(motion, judge_shot(motion))["landing_drift_bodies"] is None
