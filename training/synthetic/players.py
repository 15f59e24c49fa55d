"""Made players: bodies in three dimensions that shoot a basketball, well or with known faults. Nobody was recorded.

Segments turn by smooth joint angles in the plane of the shot; faults of form leave that plane. Cameras and a tracker's
faults are ``cameras.py``, labelled windows ``shots.py``. Figures on made players say nothing about real ones.
"""

from typing import Final

import numpy as np

from landmarks.pose import POINT, POSE_POINTS, SIDES, Floats
from training.synthetic.shot_parameters import Player, ShotParameters

# Segment lengths as fractions of stature: Winter, Biomechanics and Motor Control of Human Movement (2009), figure 4.1,
# after Drillis and Contini.
SHANK: Final = 0.246
THIGH: Final = 0.245
TRUNK: Final = 0.288
UPPER_ARM: Final = 0.186
FOREARM: Final = 0.146
HAND: Final = 0.060  # wrist to knuckles, over half of the hand's 0.108
NECK: Final = 0.120  # shoulders to nose
FOOT: Final = 0.100
ANKLE: Final = 0.039
HALF_SHOULDERS: Final = 0.129
HALF_HIPS: Final = 0.0955

RELEASE_NEAR_S: Final = 2.0  # the elbow extends fastest at this time
LENGTH_S: Final = 3.0


def step(times: Floats, centre: float, length: float) -> Floats:
    """From 0 to 1 with the least jerk (10 s³ − 15 s⁴ + 6 s⁵), fastest at ``centre``."""
    s = np.clip((times - centre) / length + 0.5, 0, 1)
    return np.asarray(10 * s**3 - 15 * s**4 + 6 * s**5)


def leaned(degrees: Floats) -> Floats:
    """Unit vectors ``(T, 3)`` in the plane of the shot: 0 is down, 90 ahead, 180 up."""
    angle = np.radians(degrees)
    return np.stack([np.sin(angle), np.zeros_like(angle), -np.cos(angle)], axis=-1)


def shoot(player: Player, form: ShotParameters, times: Floats) -> Floats:
    """The body ``(T, 33, 3)`` in metres over ``times`` ``(T,)`` in seconds; x ahead, y to the left, z up.

    The elbow extends fastest at ``RELEASE_NEAR_S``.
    """
    bend = knee_bend(form, times)
    points = np.zeros((len(times), POSE_POINTS, 3))
    legs, arms = player.legs * player.stature, player.arms * player.stature
    shank, thigh = leaned(180 - 0.45 * bend) * SHANK * legs, leaned(180 + 0.55 * bend) * THIGH * legs
    bent = form.lean * knee_bend(form, times + form.trunk_lead)
    back = form.lean_back * step(times, RELEASE_NEAR_S - form.legs_lead, 0.6)
    trunk = leaned(180 - bent + back) * TRUNK * player.trunk * player.stature
    zero = np.zeros_like(times)
    ahead = form.drift * step(times, RELEASE_NEAR_S - form.legs_lead, 0.5)
    toes = np.stack([ahead, zero, flight(player, form, times)], axis=-1)
    heels = heels_up(form, times) * legs
    raised = np.stack([zero, zero, heels + ANKLE * legs], axis=-1)
    angle = np.radians(form.turn) * (1.0 if player.hand == "right" else -1.0)
    for side, outwards in (("left", 1.0), ("right", -1.0)):
        across = outwards * np.array([-np.sin(angle), np.cos(angle), 0.0]) * player.breadth * player.stature
        hip = toes + raised + shank + thigh + across * HALF_HIPS
        ankle = toes + raised + across * HALF_HIPS * form.stance
        # Feet beside the hips take the knees with them by half; that lengthens shank and thigh by up to 3 %.
        knee = ankle + shank - across * HALF_HIPS * (form.stance - 1) / 2
        shoulder = hip - across * HALF_HIPS + trunk + across * HALF_SHOULDERS
        places = {"ankle": ankle, "knee": knee, "hip": hip, "shoulder": shoulder}
        places["heel"] = ankle + np.array([-0.25 * FOOT, 0, -0.8 * ANKLE]) * legs
        places["foot_index"] = ankle + np.array([FOOT, 0, -0.8 * ANKLE]) * legs - (raised - [0, 0, ANKLE * legs])
        places |= shooting_arm(form, times, shoulder, arms, player.palm, outwards)
        for part, place in places.items():
            points[:, POINT[f"{side}_{part}"]] = place
    guide(points, player, form, times)
    head(points, player)
    return points


def knee_bend(form: ShotParameters, times: Floats) -> Floats:
    """The knees' flexion ``(T,)`` in degrees: a dip and a push that is fastest ``legs_lead`` before the elbow's."""
    legs_at = RELEASE_NEAR_S - form.legs_lead
    down_at = legs_at - form.legs_length / 2 - form.pause - form.dip_length / 2
    return form.knee_bend * (step(times, down_at, form.dip_length) - step(times, legs_at, form.legs_length)) + 4


def heels_up(form: ShotParameters, times: Floats) -> Floats:
    """How far the ankles rise over the toes ``(T,)`` as the push ends, in leg-scaled statures."""
    raised_at = RELEASE_NEAR_S - form.legs_lead + form.heel_lag
    return np.asarray(FOOT * np.sin(np.radians(form.heel_rise) * step(times, raised_at, form.legs_length)))


def flight(player: Player, form: ShotParameters, times: Floats) -> Floats:
    """How high the feet are ``(T,)`` in metres.

    From the push's fastest moment on nothing pulls the pelvis down but gravity: where the legs are then shorter than
    the pelvis is high, the feet have left the ground. A fast push is a jump shot, a slow one a set shot.
    """
    fine = np.linspace(0, LENGTH_S, 721)
    bend = np.radians(knee_bend(form, fine))
    leg = SHANK * np.cos(0.45 * bend) + THIGH * np.cos(0.55 * bend) + heels_up(form, fine)
    legs = leg * player.legs * player.stature
    speed = np.gradient(legs, fine)
    push = int(np.argmax(speed))
    since = np.maximum(0.0, fine - fine[push])
    pelvis = legs[push] + speed[push] * since - 9.81 / 2 * since**2
    return np.interp(times, fine, np.where(since > 0, np.maximum(0.0, pelvis - legs), 0.0))


def shooting_arm(
    form: ShotParameters, times: Floats, shoulder: Floats, arms: float, palm_length: float, outwards: float
) -> dict[str, Floats]:
    """The arm's points, each ``(T, 3)``, for a shoulder ``(T, 3)`` and a side: 1 left, -1 right."""
    lift = step(times, RELEASE_NEAR_S - form.lift_lead, form.lift_length)
    push = step(times, RELEASE_NEAR_S, form.elbow_length)
    early = step(times, RELEASE_NEAR_S - form.early_lead, 0.6)
    opened = (1 - form.elbow_early) * push + form.elbow_early * early
    raised = step(times, RELEASE_NEAR_S - form.upper_lead, form.upper_length)
    snap = step(times, RELEASE_NEAR_S + form.wrist_lag, form.snap_length)
    upper = form.arm_carry + (form.arm_set - form.arm_carry) * lift + (form.arm_release - form.arm_set) * raised
    elbow = (
        form.elbow_carry + (form.elbow_set - form.elbow_carry) * lift + (form.elbow_release - form.elbow_set) * opened
    )
    fore = upper + 180 - elbow
    palm = fore + form.cock * lift - form.snap * snap
    across = np.radians(form.tilt) * lift
    before_set = 1 - step(times, RELEASE_NEAR_S - 0.12, 0.15)
    swing = form.sway * arms * before_set * np.sin(2 * np.pi * form.sway_hz * (times - RELEASE_NEAR_S))
    sideways = np.stack([np.zeros_like(times), outwards * swing, np.zeros_like(times)], axis=-1)
    elbow_at = shoulder + leaned(upper) * UPPER_ARM * arms + 0.5 * sideways
    wrist = elbow_at + turned_out(leaned(fore), across, outwards) * FOREARM * arms + 0.5 * sideways
    hand = turned_out(leaned(palm), across, outwards) * HAND * palm_length * arms
    width = np.array([0.0, 0.25 * HAND * arms * outwards, 0.0])
    return {
        "elbow": elbow_at,
        "wrist": wrist,
        "index": wrist + hand - width,
        "pinky": wrist + 0.9 * hand + width,
        "thumb": wrist + 0.6 * hand - 2 * width,
    }


def turned_out(directions: Floats, across: Floats, outwards: float) -> Floats:
    """Lean unit vectors ``(T, 3)`` of the shot's plane out of it by ``across`` ``(T,)`` radians."""
    leaning = directions * np.cos(across)[:, None]
    leaning[:, 1] += outwards * np.sin(across)
    return leaning


def guide(points: Floats, player: Player, form: ShotParameters, times: Floats) -> None:
    """Make the other arm the guide hand: it goes with the shooting hand to the set point and stays below it."""
    other = SIDES[1 - SIDES.index(player.hand)]
    stays = step(times, RELEASE_NEAR_S, form.elbow_length)
    for part in ("elbow", "wrist", "index", "pinky", "thumb"):
        index = POINT[f"{other}_{part}"]
        offset = 0.25 * (points[:, index, 2] - points[:, POINT[f"{other}_shoulder"], 2])
        points[:, index, 2] -= stays * np.maximum(0.0, offset)
        points[:, index, 0] -= 0.02 * player.stature


def head(points: Floats, player: Player) -> None:
    """Place the head's eleven points around the nose."""
    shoulders = (points[:, POINT["left_shoulder"]] + points[:, POINT["right_shoulder"]]) / 2
    nose = shoulders + np.array([0.05, 0.0, NECK]) * player.stature
    points[:, POINT["nose"]] = nose
    ahead_up = {"eye_inner": (-0.01, 0.02), "eye": (-0.012, 0.02), "eye_outer": (-0.016, 0.02), "ear": (-0.06, 0.008)}
    across = {"eye_inner": 0.01, "eye": 0.018, "eye_outer": 0.026, "ear": 0.042}
    for side, outwards in (("left", 1.0), ("right", -1.0)):
        for part, (ahead, up) in ahead_up.items():
            points[:, POINT[f"{side}_{part}"]] = nose + np.array([ahead, outwards * across[part], up]) * player.stature
        points[:, POINT[f"mouth_{side}"]] = nose + np.array([-0.01, outwards * 0.015, -0.03]) * player.stature
