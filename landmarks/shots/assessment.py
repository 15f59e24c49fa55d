"""A shot of a track from end to end: which one, its hand, the window judged, and a model's numbers where there is one.

The rules are ``rules.py``. What the service answers is this; evaluations call it, so that they measure what is served.
"""

from dataclasses import dataclass, replace
from typing import Final

from landmarks.shots.keypoints import SHOT_LABELS, PoseTrack, ShotWindow
from landmarks.shots.kinematics import FEWEST_FRAMES, Motion, MotionError
from landmarks.shots.release import Hand, ShotError, find_lift, list_shots
from landmarks.shots.rules import (
    Shot,
    check_hips,
    compute_low_transfer,
    find_slow_motion,
    judge_shot,
    logistic_step,
)
from landmarks.shots.shooting_hand import ShootingHand, tell_shooting_hand
from landmarks.shots.shot_types import find_shot_type, get_timing

SAME_SHOT_S: Final = 0.5  # a release that is given is that of the found shot within this time


@dataclass(frozen=True, slots=True)
class Release:
    """When the ball leaves the hand, in seconds of the track, and which hand shoots.

    ``shots``: the releases of all shots in the frames, this one among them.
    """

    time_s: float
    hand: ShootingHand
    shots: tuple[float, ...]


def locate_shot(
    motion: Motion, *, release_s: float | None = None, hand: Hand | None = None, number: int = 0
) -> Release:
    """The release that is given, or else that of shot ``number``, the shooting hand, and the releases of all shots.

    Raises:
        ShotError: there is no shot in the frames, or not so many.
    """
    shooting = ShootingHand(hand, 1.0) if hand else tell_shooting_hand(motion)
    side = shooting.side
    check_hips(motion)
    if not motion.knows(f"{side}_wrist", f"{side}_elbow", f"{side}_shoulder"):
        raise ShotError(f"the {side} arm is seen in no frame, expected {side} shoulder, elbow and wrist")
    try:
        releases = [lift.release for lift in list_shots(motion, side)]
    except ShotError:
        if release_s is None:
            raise
        releases = []
    if release_s is not None:
        others = [release for release in releases if abs(release - release_s) > SAME_SHOT_S]
        return Release(release_s, shooting, tuple(sorted([*others, release_s])))
    if number >= len(releases):
        raise ShotError(f"shot is {number}, expected 0 to {len(releases) - 1}: {len(releases)} found")
    return Release(releases[number], shooting, tuple(releases))


def judge_window(track: PoseTrack, motion: Motion, release: Release, window: ShotWindow) -> Shot:
    """The window of a track, whose ``motion`` is that of all its frames, judged by the rules.

    Raises:
        KeypointsError: fewer than 2 frames lie in the window.
        MotionError: too few to see a motion.
        ShotError: the arm does not rise.
    """
    first, last = release.time_s - window.pre_ms / 1000, release.time_s + window.post_ms / 1000
    frames, side = len(track.cut(window).times), release.hand.side
    lift = find_lift(motion, side, release.time_s)
    slow = bool(find_slow_motion(motion, side, lift))  # then a window holds a part of the shot, and the answer a hint
    if frames < FEWEST_FRAMES and not slow:
        raise MotionError(f"{frames} frames, expected at least {FEWEST_FRAMES} to see a motion")
    found_type = find_shot_type(motion, release.time_s)
    judged = judge_shot(
        motion if slow else motion.cut(first, last),
        release_s=release.time_s,
        hand=release.hand,
        shot_type=found_type or "set_shot",
    )
    return replace(judged, shot_type=found_type)


def combine(judged: Shot, probabilities: dict[str, float], ite: float, delay_ms: float) -> Shot:
    """A shot with a model's numbers in the place of the rules', where they can be told.

    ``delay_ms`` is the mean of both, and the legs' moment is where that puts it, so that one delay is in the number,
    between the moments and in the label.
    """
    timing = get_timing(judged.shot_type)
    delay_ms = (delay_ms + judged.delay_ms) / 2
    if judged.shot_type == "jump_shot":  # models know the timing of standing shots
        low = compute_low_transfer(delay_ms, judged.steady, timing)
    else:
        low = max(logistic_step(delay_ms, timing.late, 20.0), probabilities["baja_transferencia"])
    told = {label: None if label in judged.unknown else probabilities[label] for label in SHOT_LABELS}
    if told["baja_transferencia"] is not None:
        told["baja_transferencia"] = low
    return replace(
        judged,
        probabilities=told,
        ite=min(max(ite, 0.0), 100.0),
        delay_ms=delay_ms,
        legs=judged.arm - delay_ms / 1000,
    )
