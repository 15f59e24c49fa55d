"""Made players: bones that keep their length, events when the form says, and jumps that obey gravity."""

from dataclasses import replace

import numpy as np
import pytest

from landmarks.pose import POINT, Floats
from landmarks.shots.kinematics import compute_joint_angle, compute_joint_angles, compute_motion, compute_wrist_flexion
from landmarks.shots.release import Hand
from training.synthetic.players import RELEASE_NEAR_S, flight, shoot, step
from training.synthetic.shot_parameters import Player, ShotParameters

TIMES = np.arange(360) / 120
PLAYER = Player(1.8, 1.0, 1.0, 1.0, 1.0, 1.0, "right")
FORM = ShotParameters(
    legs_lead=0.1,
    wrist_lag=0.05,
    knee_bend=50,
    legs_length=0.35,
    dip_length=0.6,
    pause=0.275,
    heel_rise=0,
    heel_lag=0,
    lean=0.35,
    trunk_lead=0,
    lean_back=0,
    drift=0,
    turn=0,
    stance=1,
    elbow_length=0.28,
    elbow_early=0,
    early_lead=0.1,
    upper_lead=0,
    upper_length=0.28,
    lift_lead=0.3,
    lift_length=0.45,
    arm_carry=30,
    elbow_carry=95,
    elbow_set=80,
    elbow_release=165,
    arm_set=95,
    arm_release=140,
    cock=45,
    snap=95,
    snap_length=0.2,
    tilt=0,
    sway=0,
    sway_hz=2.0,
)


def distance(points: Floats, first: str, second: str) -> Floats:
    return np.asarray(np.linalg.norm(points[:, POINT[first]] - points[:, POINT[second]], axis=-1))


@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        ("left_hip", "left_knee", 0.245),
        ("right_knee", "right_ankle", 0.246),
        ("right_shoulder", "right_elbow", 0.186),
        ("right_elbow", "right_wrist", 0.146),
        ("left_shoulder", "right_shoulder", 0.258),
    ],
)
def test_bones_keep_their_length(first: str, second: str, share: float) -> None:
    assert distance(shoot(PLAYER, FORM, TIMES), first, second) == pytest.approx(np.full(360, share * 1.8), rel=1e-3)


def test_the_bodys_angles_are_the_forms() -> None:
    points = shoot(PLAYER, FORM, TIMES)
    motion = compute_motion(points, np.ones(points.shape[:2]), TIMES)
    angles = compute_joint_angles(motion, "right")
    assert angles["elbow"][-1] == pytest.approx(165, abs=1)
    assert angles["elbow"].min() == pytest.approx(80, abs=6)
    assert compute_joint_angle(motion, "left_hip", "left_knee", "left_ankle").min() == pytest.approx(180 - 54, abs=4)
    lifted = (motion.times > 1.6) & (motion.times < 2.0)
    flexion = compute_wrist_flexion(motion, "right", lifted)
    assert flexion[np.searchsorted(motion.times, 1.85)] < -30
    assert flexion[-1] == pytest.approx(50, abs=2)


@pytest.mark.parametrize("centre", [1.0, 1.37])
def test_a_step_is_fastest_at_its_centre(centre: float) -> None:
    fine = np.linspace(0, 3, 3001)
    assert fine[int(np.argmax(np.gradient(step(fine, centre, 0.4), fine)))] == pytest.approx(centre, abs=0.002)


def test_the_elbow_extends_fastest_when_it_is_said_to() -> None:
    points = shoot(PLAYER, FORM, TIMES)
    motion = compute_motion(points, np.ones(points.shape[:2]), TIMES)
    speed = motion.speed(compute_joint_angles(motion, "right")["elbow"])
    assert motion.times[int(np.argmax(speed))] == pytest.approx(RELEASE_NEAR_S, abs=0.03)


def test_a_fast_push_is_a_jump_and_a_slow_one_a_set_shot() -> None:
    high = flight(PLAYER, replace(FORM, knee_bend=90, legs_length=0.22), TIMES)
    low = flight(PLAYER, replace(FORM, knee_bend=25, legs_length=0.60), TIMES)
    assert 0.05 < high.max() < 0.4
    assert low.max() < 0.02
    assert high[0] == high[-1] == 0


def test_a_jumping_pelvis_falls_with_gravity() -> None:
    form = replace(FORM, knee_bend=90, legs_length=0.22)
    fine = np.arange(720) / 240
    pelvis = shoot(PLAYER, form, fine)[:, POINT["left_hip"], 2]
    aloft = np.flatnonzero(flight(PLAYER, form, fine) > 0.02)
    acceleration = np.gradient(np.gradient(pelvis, fine), fine)[aloft[3:-3]]
    assert np.median(acceleration) == pytest.approx(-9.81, abs=0.8)


def test_heels_rise_as_the_push_ends_and_the_toes_stay_on_the_floor() -> None:
    form = replace(FORM, knee_bend=20, legs_length=0.6, heel_rise=30)
    flat, raised = (shoot(PLAYER, each, TIMES)[[0, -1]] for each in (replace(form, heel_rise=0), form))
    for part, rise in (("ankle", 0.1 * 0.5 * 1.8), ("foot_index", 0.0), ("hip", 0.1 * 0.5 * 1.8)):
        index = POINT[f"left_{part}"]
        assert raised[:, index, 2] - flat[:, index, 2] == pytest.approx([0, rise], abs=1e-6)


def test_a_turned_player_has_the_shooting_side_ahead_and_a_wide_stance_feet_apart() -> None:
    turned = shoot(PLAYER, replace(FORM, turn=30), TIMES)[0]
    across = turned[POINT["right_shoulder"]] - turned[POINT["left_shoulder"]]
    assert np.degrees(np.arctan2(across[0], -across[1])) == pytest.approx(30)
    wide = shoot(PLAYER, replace(FORM, stance=2), TIMES)
    assert distance(wide, "left_ankle", "right_ankle")[0] == pytest.approx(2 * 0.191 * 1.8)


@pytest.mark.parametrize("hand", ["left", "right"])
def test_the_shooting_hand_ends_higher_than_the_guide_hand(hand: Hand) -> None:
    points = shoot(replace(PLAYER, hand=hand), FORM, TIMES)
    heights = {side: points[-1, POINT[f"{side}_wrist"], 2] for side in ("left", "right")}
    assert max(heights, key=lambda side: heights[side]) == hand


def test_faults_of_form_leave_the_plane() -> None:
    across = shoot(PLAYER, replace(FORM, tilt=40), TIMES)[250] - shoot(PLAYER, FORM, TIMES)[250]
    assert across[POINT["right_wrist"], 1] < -0.1
    swaying = shoot(PLAYER, replace(FORM, sway=0.12), TIMES)[:, POINT["right_wrist"], 1]
    assert np.ptp(swaying[:200]) > 0.2
    assert np.ptp(swaying[250:]) < 0.01


def test_drawn_forms_have_faults_and_good_shots() -> None:
    draw = np.random.default_rng(0)
    forms = [ShotParameters.sample(draw) for _ in range(400)]
    for fault in (
        [not -0.05 < form.legs_lead < 0.15 for form in forms],
        [form.wrist_lag < 0 for form in forms],
        [form.sway > 0.05 for form in forms],
        [form.tilt > 30 for form in forms],
    ):
        assert 0.25 < np.mean(fault) < 0.45
