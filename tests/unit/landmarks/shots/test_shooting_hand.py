"""Which hand shoots, where the arms differ in one thing only."""

import numpy as np
import pytest

from landmarks.pose import POINT
from landmarks.shots.kinematics import compute_motion
from landmarks.shots.shooting_hand import compute_visibility, tell_shooting_hand
from testkit.shots import TIMES, made_body, made_motion

ARM = ("elbow", "wrist", "index", "pinky")


@pytest.mark.parametrize("hand", ["left", "right"])
def test_the_hand_of_a_clear_shot_is_sure(hand: str) -> None:
    found = tell_shooting_hand(made_motion(hand=hand, dimensions=2))
    assert found.side == hand
    assert found.confidence > 0.9


@pytest.mark.parametrize("hand", ["left", "right"])
def test_an_arm_that_is_not_seen_does_not_shoot_however_high_it_is_guessed(hand: str) -> None:
    points, visibility = made_body(hand=hand, dimensions=2), np.ones((90, 33))
    far = "left" if hand == "right" else "right"
    for part in ARM:
        points[:, POINT[f"{far}_{part}"]] = points[:, POINT[f"{hand}_{part}"]] + [0, 0.05]
        visibility[:, POINT[f"{far}_{part}"]] = 0.25
    assert tell_shooting_hand(compute_motion(points, visibility, TIMES)).side == hand


def test_one_misplaced_point_does_not_decide() -> None:
    points = made_body()
    points[TIMES > 1.3, POINT["left_wrist"], 2] += 0.5
    assert tell_shooting_hand(compute_motion(points, np.ones((90, 33)), TIMES)).side == "right"


def test_two_arms_alike_are_a_guess() -> None:
    points = made_body()
    for part in ARM:
        points[:, POINT[f"left_{part}"]] = points[:, POINT[f"right_{part}"]]
    assert tell_shooting_hand(compute_motion(points, np.ones((90, 33)), TIMES)).confidence < 0.6


def test_fingers_that_no_arm_has_do_not_count() -> None:
    visibility = np.ones((90, 33))
    for side in ("left", "right"):
        visibility[:, [POINT[f"{side}_index"], POINT[f"{side}_pinky"]]] = 0
    assert compute_visibility(compute_motion(made_body(), visibility, TIMES), "right") == 1
