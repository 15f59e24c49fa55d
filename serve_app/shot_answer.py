"""From checked frames to what a client reads of a shot, by the rules of ``landmarks.shot_rules``."""

import math
from typing import Any

from landmarks.keypoints import KeypointsError
from landmarks.kinematics import MotionError, image_motion
from landmarks.release import ShotError, find_release, shooting_hand
from landmarks.shot_rules import Shot, judge_shot
from serve_app.errors import InvalidInput
from serve_app.messages import Tensors
from serve_app.recommendations import LANGUAGES, recommend
from serve_app.shot_frames import track_in, window_in

PROBABILITY_DIGITS = 6


def judge(item: Tensors) -> dict[str, Any]:
    """Answer one item of ``shot_frames.shot_tensors``, all but ``elapsed_ms``.

    Where the client gave no release it is found in all of the frames; what is judged is the window around it.

    Raises:
        InvalidInput: there is no shot in the frames.
    """
    seconds, rest, _, release, _, _, language = (float(value) for value in item["request"])
    first = seconds + rest
    track = track_in(item)
    try:
        motion = image_motion(track)
        hand = shooting_hand(motion)
        if math.isnan(release):
            _, release = find_release(motion, hand)
        window = track.cut(window_in(item, release))
        shot = judge_shot(image_motion(window), release_s=release, hand=hand)
    except (KeypointsError, MotionError, ShotError) as error:
        raise InvalidInput(f"frames show no shot: {error}") from error
    return {
        "labels": shot.labels,
        "probabilities": {label: round(value, PROBABILITY_DIGITS) for label, value in shot.probabilities.items()},
        "metrics": {"ite": round(shot.ite, 1), "delay_ms": round(shot.delay_ms)},
        "recommendations": recommend(shot.labels, LANGUAGES[int(language)]),
        "source": "heuristic",
        "release_time_sec": round(first + release, 3),
        "events": events_of(shot, first),
        "hand": shot.hand,
        "doubts": shot.doubts,
    }


def events_of(shot: Shot, first: float) -> dict[str, float]:
    """When the shot's parts happen, in seconds as the client counts them."""
    parts = {"set": shot.set, "legs": shot.legs, "arm": shot.arm, "wrist": shot.wrist}
    return {name: round(first + time, 3) for name, time in parts.items()}
