"""The phases of a shot whose times are known."""

import numpy as np
import pytest

from landmarks.pose import POINT, Floats
from landmarks.shots.kinematics import compute_motion
from landmarks.shots.release import (
    ShotError,
    compute_arm_height,
    find_lift,
    find_release,
    find_rise_time,
    find_set_point,
    list_shots,
)
from landmarks.shots.shooting_hand import find_shooting_hand
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


def posed(**wrists: list[float]) -> Floats:
    """The standing body seen from the front ``(90, 33, 2)``, its wrists at heights over the shoulders in metres."""
    points = np.repeat(made_body()[:1], 90, axis=0)[..., [1, 2]]
    for side, heights in wrists.items():
        over = np.interp(TIMES, np.linspace(0, 2.9, len(heights)), heights)
        across = -0.25 if side == "right" else 0.25
        for part, share in (("elbow", 0.5), ("wrist", 1.0), ("index", 1.1), ("pinky", 1.1)):
            points[:, POINT[f"{side}_{part}"], 0] = across
            points[:, POINT[f"{side}_{part}"], 1] = 1.4 + share * over
    return points


def jumping_jack() -> Floats:
    """Two jumping jacks from the front: straight arms swing out and up and back, 0.6 m long."""
    points = posed(left=[-0.5], right=[-0.5])
    angle = np.pi * (0.5 - 0.5 * np.cos(2 * np.pi * TIMES / 1.5)) * 0.95  # 0 is down
    for side, outwards in (("left", 1.0), ("right", -1.0)):
        for part, share in (("elbow", 0.3), ("wrist", 0.6), ("index", 0.66), ("pinky", 0.66)):
            points[:, POINT[f"{side}_{part}"], 0] = outwards * (0.2 + share * np.sin(angle))
            points[:, POINT[f"{side}_{part}"], 1] = 1.4 - share * np.cos(angle)
    return points


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (jumping_jack(), "trunk lengths apart on the way up, expected both at the ball"),
        (posed(right=[-0.5, -0.5, 0.6, 0.5, 0.6, 0.5], left=[-0.5]), "the left hand hangs while the right one goes up"),
        (posed(right=[-0.4, -0.1, -0.4, -0.1], left=[-0.5]), "the right arm rises by"),
        (posed(right=[-0.4, -0.5, -0.4], left=[-0.5, -0.4, -0.5]), "the right arm rises by"),
        (posed(right=[-0.6, -0.6, 0.2, 0.2], left=[-0.6, -0.6, 0.2, 0.2]), "expected at least 0.45 at the release"),
    ],
    ids=["jumping jack", "wave", "dribble", "walk", "chest pass"],
)
def test_what_is_no_shot_is_said_to_be_none(points: Floats, reason: str) -> None:
    with pytest.raises(ShotError, match=reason):
        list_shots(compute_motion(points, np.ones((90, 33)), TIMES), "right")


@pytest.mark.parametrize("azimuth", [0.0, 30.0, 45.0, 60.0, 90.0])
def test_an_arm_that_goes_up_straight_does_not_shoot_from_any_side(azimuth: float) -> None:
    points = made_body()
    for part in ("elbow", "wrist", "index", "pinky"):
        points[:, POINT[f"right_{part}"]] = points[:, POINT["right_shoulder"]]
    angle = np.pi * np.clip((TIMES - 1.0) / 0.5, 0, 1)
    for part, share in (("elbow", 0.3), ("wrist", 0.6)):
        points[:, POINT[f"right_{part}"], 0] = share * np.sin(angle)
        points[:, POINT[f"right_{part}"], 2] -= share * np.cos(angle)
    turn = np.radians(azimuth)
    across = points[..., 0] * np.cos(turn) - points[..., 1] * np.sin(turn)
    seen = np.stack([across, points[..., 2]], axis=-1)
    with pytest.raises(ShotError, match=r"goes up straight|the left hand hangs"):
        list_shots(compute_motion(seen, np.ones((90, 33)), TIMES), "right")


def test_each_of_several_shots_is_found() -> None:
    one = made_body(1.0, 1.1, dimensions=2)
    down = one[::-1]
    points = np.concatenate([one, down, one, down, one])
    times = np.arange(len(points)) / 30
    first = find_release(made_motion(1.0, 1.1, dimensions=2), "right")[1]
    releases = [lift.release for lift in list_shots(compute_motion(points, np.ones((450, 33)), times), "right")]
    assert releases == pytest.approx([first, first + 6, first + 12], abs=0.02)


def test_a_follow_through_that_is_held_and_creeps_higher_does_not_move_the_release() -> None:
    points = made_body(1.0, 1.1)
    held = np.repeat(points[-1:], 60, axis=0)
    for part in ("elbow", "wrist"):
        held[:, POINT[f"right_{part}"], 2] += np.linspace(0, 0.05, 60)
    times = np.arange(150) / 30
    motion = compute_motion(np.concatenate([points, held]), np.ones((150, 33)), times)
    assert find_release(motion, "right")[1] == pytest.approx(find_release(made_motion(1.0, 1.1), "right")[1], abs=0.005)


def test_a_release_that_is_given_has_the_rise_nearest_to_it() -> None:
    one = made_body(1.0, 1.1, dimensions=2)
    motion = compute_motion(np.concatenate([one, one[::-1], one]), np.ones((270, 33)), np.arange(270) / 30)
    assert find_lift(motion, "right", 7.3).release == pytest.approx(7.44, abs=0.05)
    assert find_lift(motion, "right").release == pytest.approx(1.44, abs=0.05)
