"""The phases of a shot whose times are known."""

import numpy as np
import pytest

from landmarks.pose import POINT
from landmarks.shots.kinematics import compute_motion
from landmarks.shots.release import (
    ShotError,
    compute_arm_height,
    find_release,
    find_rise_time,
    find_set_point,
    find_shooting_hand,
)
from testkit.shots import TIMES, made_body, made_motion


@pytest.mark.parametrize("hand", ["left", "right"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_shooting_hand_is_the_one_that_gets_higher(hand: str, dimensions: int) -> None:
    assert find_shooting_hand(made_motion(hand=hand, dimensions=dimensions)) == hand


def test_a_hand_that_is_never_seen_does_not_shoot() -> None:
    visibility = np.ones((90, 33))
    visibility[:, POINT["right_wrist"]] = 0
    assert find_shooting_hand(compute_motion(made_body(), visibility, TIMES)) == "left"
    visibility[:, POINT["left_wrist"]] = 0
    with pytest.raises(ShotError, match="neither wrist is seen"):
        find_shooting_hand(compute_motion(made_body(), visibility, TIMES))


def test_the_arms_height_is_the_mean_of_its_three_joints() -> None:
    motion = made_motion()
    assert compute_arm_height(motion, "right")[0] == pytest.approx((1.4 + 1.2 + 1.3) / 3, abs=1e-6)


def test_the_release_is_where_the_arm_has_done_95_percent_of_its_rise() -> None:
    # Arm alone: 10 s³ − 15 s⁴ + 6 s⁵ = 0.95 at s = 0.8107, of 0.4 s from 1.1 s.
    motion = made_motion(legs_s=-5.0)
    lowest, release = find_release(motion, "right")
    assert release == pytest.approx(1.1 + 0.8107 * 0.4, abs=0.02)  # smoothing widens it
    assert lowest <= 1.1
    assert find_rise_time(motion, "right", 0.5) == pytest.approx(1.3, abs=0.005)


def test_what_the_arm_did_long_before_is_not_the_shot() -> None:
    points = made_body(1.5, 1.6)
    for part in ("wrist", "elbow"):
        points[:10, POINT[f"right_{part}"], 2] = 0.2
    _, release = find_release(compute_motion(points, np.ones((90, 33)), TIMES), "right")
    assert release == pytest.approx(find_release(made_motion(1.5, 1.6), "right")[1], abs=1e-6)


def test_the_set_point_is_where_the_wrist_passes_the_nose() -> None:
    # The wrist starts 0.35 below the nose and rises by 0.9: at 0.389 of its rise, s = 0.438.
    motion = made_motion(legs_s=-5.0)
    assert find_set_point(motion, "right", 1.0, 1.5) == pytest.approx(1.1 + 0.438 * 0.4, abs=0.02)
    assert find_set_point(motion, "right", 0.2, 0.6) == pytest.approx(0.4)


def test_a_person_who_stands_still_does_not_shoot() -> None:
    still = compute_motion(np.repeat(made_body()[:1], 90, axis=0), np.ones((90, 33)), TIMES)
    with pytest.raises(ShotError, match=r"the right arm rises by 0.00 trunk lengths, expected at least 0.5 in a shot"):
        find_release(still, "right")
    nobody = compute_motion(np.zeros((90, 33, 2)), np.ones((90, 33)), TIMES)
    with pytest.raises(ShotError, match=r"expected at least 0.5 in a shot"):
        find_release(nobody, "right")
