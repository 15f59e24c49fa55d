"""The measures and labels of shots that are known."""

import numpy as np
import pytest

from landmarks.pose import POINT
from landmarks.shots.keypoints import SHOT_LABELS
from landmarks.shots.kinematics import Motion, compute_motion
from landmarks.shots.measures import (
    compute_forearm_tilt,
    compute_frontality,
    compute_leg_drive,
    compute_steadiness,
    compute_sway,
)
from landmarks.shots.release import ShotError
from landmarks.shots.rules import Shot, compute_energy_transfer, judge_shot, logistic_step
from testkit.shots import TIMES, made_body, made_motion, smooth_rise

SEEN = np.ones((90, 33))


@pytest.mark.parametrize("late_ms", [50, 100, 200])
@pytest.mark.parametrize("hand", ["left", "right"])
def test_a_later_arm_is_a_longer_delay_by_just_as_much(late_ms: int, hand: str) -> None:
    base = judge_shot(made_motion(1.0, 1.0, hand=hand, dimensions=2))
    late = judge_shot(made_motion(1.0, 1.0 + late_ms / 1000, hand=hand, dimensions=2))
    assert late.hand == base.hand == hand
    assert late.delay_ms - base.delay_ms == pytest.approx(late_ms, abs=25)
    assert late.legs == pytest.approx(1.2, abs=0.01)


def test_legs_before_arm_is_proximal_to_distal() -> None:
    assert judge_shot(made_motion(1.0, 1.1)).sequence[0] == "legs"
    assert judge_shot(flexing(1.4, legs_s=1.25), hand="right").sequence == ("arm", "wrist", "legs")


@pytest.mark.parametrize(("arm_s", "holds"), [(1.0, False), (1.3, True)])
def test_an_arm_that_comes_too_late_transfers_little(arm_s: float, holds: bool) -> None:
    shot = judge_shot(made_motion(1.0, arm_s, dimensions=2))
    assert ("baja_transferencia" in shot.labels) is holds
    assert (shot.delay_ms > 150) is holds
    assert set(shot.probabilities) == set(SHOT_LABELS)


def test_legs_after_the_arm_transfer_little() -> None:
    shot = judge_shot(flexing(1.4, legs_s=1.2), hand="right")
    assert shot.delay_ms == pytest.approx(-100, abs=25)
    assert "baja_transferencia" in shot.labels


def test_a_wrist_that_stops_on_the_way_transfers_little() -> None:
    points = made_body(1.0, 1.0, dimensions=2)
    rise = 0.3 * smooth_rise(TIMES, 1.0, 0.25) + 0.6 * smooth_rise(TIMES, 1.55, 0.25)
    for part, height in (("elbow", 1.2), ("wrist", 1.3)):
        points[:, POINT[f"right_{part}"], 1] = height + 0.2 * smooth_rise(TIMES, 1.0) + rise
    motion = compute_motion(points, SEEN, TIMES)
    assert compute_steadiness(motion, "right", 1.2, 1.75) < 0.75
    assert compute_steadiness(made_motion(1.0, 1.05), "right", 1.2, 1.35) == 1.0
    assert "baja_transferencia" in judge_shot(motion).labels


def test_a_known_release_is_taken_and_one_outside_the_frames_refused() -> None:
    motion = made_motion()
    assert judge_shot(motion, release_s=1.45).release == 1.45
    with pytest.raises(ShotError, match=r"release_time_sec is 9, expected a time of the frames, 0 to 2.96"):
        judge_shot(motion, release_s=9.0)


@pytest.mark.parametrize(
    ("delay", "steady", "drive", "ite"),
    [
        (90, 1.0, 0.12, 100 * np.tanh(2)),
        (150, 1.0, 0.12, 100 * np.exp(-0.5 * (60 / 70) ** 2) * np.tanh(2)),
        (90, 0.5, 0.12, 50 * np.tanh(2)),
        (90, 1.0, 0.0, 0.0),
        (90, 1.0, 9.0, 100.0),
        (-500, 1.0, 0.12, 0.0),
    ],
)
def test_the_index_of_energy_transfer(delay: float, steady: float, drive: float, ite: float) -> None:
    assert compute_energy_transfer(delay, steady, drive) == pytest.approx(ite, abs=0.01)


def test_the_drive_is_the_pelvis_rise_over_the_height_to_the_nose() -> None:
    assert compute_leg_drive(made_motion(1.0, 1.1), 1.5) == pytest.approx(0.2 / 1.75, rel=0.02)
    assert compute_leg_drive(made_motion(-5.0, 1.1), 1.5) == pytest.approx(0, abs=1e-6)


def swaying(metres: float) -> Motion:
    points = made_body()
    points[:, POINT["right_wrist"], 1] += metres * np.sin(2 * np.pi * 2 * TIMES)
    return compute_motion(points, SEEN, TIMES)


def test_a_hand_that_strays_sideways_is_unstable() -> None:
    assert compute_sway(swaying(0.0), "right", 0.2, 1.2) == pytest.approx(0, abs=1e-9)
    # A sine of amplitude 0.15 m has a root mean square of 0.106 m, less what the smoothing takes; the trunk is 0.6 m.
    assert compute_sway(swaying(0.15), "right", 0.2, 1.2) == pytest.approx(0.106 * 0.88 / 0.6, rel=0.1)
    assert get_probability(judge_shot(swaying(0.2)), "pickup_inconsistente") > 0.5
    assert get_probability(judge_shot(swaying(0.0)), "pickup_inconsistente") < 0.1


@pytest.mark.parametrize(("across", "degrees"), [(0.0, 0.0), (0.1, 45.0), (-0.1, 45.0)])
def test_the_forearms_tilt_is_its_angle_to_the_plane(across: float, degrees: float) -> None:
    points = made_body()
    points[:, POINT["right_wrist"], 1] += across
    motion = compute_motion(points, SEEN, TIMES)
    assert compute_forearm_tilt(motion, "right", 1.2, 1.5) == pytest.approx(degrees, abs=1e-6)
    assert ("brazo_no_alineado" in judge_shot(motion).labels) is (degrees > 30)


def flexing(at: float, legs_s: float = 1.0) -> Motion:
    """An elbow that extends fastest at 1.3 s and a hand that flexes fastest ``at``, in the plane of the shot."""
    points = made_body(legs_s, 1.1)
    open_by, bent_by = smooth_rise(TIMES, 1.1), smooth_rise(TIMES, at - 0.1, 0.2)
    fore = np.radians(120 - 60 * open_by)  # from ahead, up to back
    hand = fore + np.radians(40 - 90 * bent_by)
    elbow = points[:, POINT["right_elbow"]]
    points[:, POINT["right_shoulder"]] = elbow - [0.25, 0, 0.1]
    wrist = elbow + 0.25 * np.stack([np.cos(fore), 0 * fore, np.sin(fore)], axis=1)
    points[:, POINT["right_wrist"]] = wrist
    for part in ("index", "pinky"):
        points[:, POINT[f"right_{part}"]] = wrist + 0.1 * np.stack([np.cos(hand), 0 * hand, np.sin(hand)], axis=1)
    return compute_motion(points, SEEN, TIMES)


@pytest.mark.parametrize(("at", "holds"), [(1.2, True), (1.4, False)])
def test_a_wrist_that_flexes_before_the_elbow_extends_is_early(at: float, holds: bool) -> None:
    shot = judge_shot(flexing(at), hand="right")
    assert shot.arm == pytest.approx(1.3, abs=0.02)
    assert shot.wrist == pytest.approx(at, abs=0.02)
    assert ("muneca_adelantada" in shot.labels) is holds


def test_a_wrist_that_never_flexes_is_not_early() -> None:
    assert get_probability(judge_shot(made_motion(dimensions=2)), "muneca_adelantada") < 0.05


def test_a_view_from_the_side_says_what_it_cannot_see() -> None:
    side = judge_shot(made_motion(dimensions=2))
    assert side.probabilities["brazo_no_alineado"] is None
    assert "at the side" in side.unknown["brazo_no_alineado"]
    assert "brazo_no_alineado" not in side.labels
    assert any("at the side" in doubt for doubt in side.doubts)
    front_points = made_body()[..., [1, 2]]
    front = judge_shot(compute_motion(front_points, SEEN, TIMES))
    assert front.probabilities["muneca_adelantada"] is None
    assert "in front or behind" in front.unknown["muneca_adelantada"]
    assert any("in front or behind" in doubt for doubt in front.doubts)
    assert judge_shot(made_motion()).doubts == ()


def test_frontality_is_the_breadth_of_the_shoulders() -> None:
    assert compute_frontality(compute_motion(made_body()[..., [1, 2]], SEEN, TIMES)) == pytest.approx(
        0.4 / 0.6 / (0.259 / 0.288)
    )
    assert compute_frontality(made_motion(dimensions=2)) == 0
    assert compute_frontality(made_motion()) == 1


def test_points_that_are_rarely_seen_are_named() -> None:
    visibility = SEEN.copy()
    visibility[::2, POINT["left_ankle"]] = 0
    shot = judge_shot(compute_motion(made_body(), visibility, TIMES))
    assert shot.doubts == ("left_ankle is seen in 50% of the frames only",)


def get_probability(shot: Shot, label: str) -> float:
    """A label's probability, which is known."""
    value = shot.probabilities[label]
    assert value is not None
    return value


def test_a_logistic_step() -> None:
    assert logistic_step(150, 150, 20) == 0.5
    assert logistic_step(170, 150, 20) == pytest.approx(0.731, abs=1e-3)
    assert logistic_step(1e9, 0, 1e-3) == pytest.approx(1)
