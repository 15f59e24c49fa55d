"""Set shot, free throw and jump shot by the feet, and the delays that each may have."""

import numpy as np
import pytest

from landmarks.pose import POINT, Floats
from landmarks.shots.kinematics import compute_motion
from landmarks.shots.rules import compute_energy_transfer, compute_low_transfer, judge_shot
from landmarks.shots.shot_types import JUMPING, STANDING, find_shot_type, get_timing
from testkit.shots import TIMES, made_body, smooth_rise

SEEN = np.ones((90, 33))
RELEASE_S = 1.93
FEET = [POINT[f"{side}_{part}"] for side in ("left", "right") for part in ("ankle", "heel", "foot_index")]


def jumping(height: float) -> Floats:
    """The made body, whose feet rise by ``height`` metres with its hips."""
    points = made_body(1.5, 1.6)
    points[:, FEET, 2] += height * smooth_rise(TIMES, 1.5)[:, None]
    return points


@pytest.mark.parametrize(("height", "expected"), [(0.0, "free_throw"), (0.05, "free_throw"), (0.2, "jump_shot")])
def test_feet_in_the_air_at_the_release_are_a_jump_shot(height: float, expected: str) -> None:
    motion = compute_motion(jumping(height), SEEN, TIMES)
    assert find_shot_type(motion, RELEASE_S) == expected
    assert judge_shot(motion).shot_type == expected


def test_a_player_who_steps_before_is_not_at_the_free_throw_line() -> None:
    points = made_body(1.5, 1.6)
    points[:, FEET, 0] += 0.5 * smooth_rise(TIMES, 0.4)[:, None]
    assert find_shot_type(compute_motion(points, SEEN, TIMES), RELEASE_S) == "set_shot"


def test_a_clip_that_begins_with_the_lift_shows_no_waiting() -> None:
    assert find_shot_type(compute_motion(made_body(), SEEN, TIMES), 1.45) == "set_shot"


def test_without_feet_the_type_is_not_known() -> None:
    visibility = SEEN.copy()
    visibility[:, FEET] = 0
    motion = compute_motion(made_body(1.5, 1.6), visibility, TIMES)
    assert find_shot_type(motion, RELEASE_S) is None
    assert get_timing(None) is STANDING


def test_heels_that_rise_are_no_jump_where_only_ankles_are_seen() -> None:
    visibility = SEEN.copy()
    for side in ("left", "right"):
        visibility[:, [POINT[f"{side}_heel"], POINT[f"{side}_foot_index"]]] = 0
    assert find_shot_type(compute_motion(jumping(0.12), visibility, TIMES), RELEASE_S) == "free_throw"
    assert find_shot_type(compute_motion(jumping(0.4), visibility, TIMES), RELEASE_S) == "jump_shot"


@pytest.mark.parametrize("delay_ms", [125.0, 200.0, 270.0])
def test_a_jump_shot_is_not_faulted_for_its_delay(delay_ms: float) -> None:
    assert compute_low_transfer(delay_ms, 1.0, JUMPING) < 0.2
    assert JUMPING.rate(delay_ms) > STANDING.rate(delay_ms)
    assert compute_energy_transfer(delay_ms, 1.0, 0.12, JUMPING) > 75


def test_a_jump_shots_arm_can_be_late_too() -> None:
    assert compute_low_transfer(350.0, 1.0, JUMPING) > 0.5
    assert JUMPING.rate(302.0) == pytest.approx(STANDING.rate(150.0), abs=0.01)
    assert JUMPING.rate(20.0) == STANDING.rate(20.0)
