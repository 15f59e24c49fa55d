"""From checked frames to what a client reads of a shot: by the rules of ``landmarks.shots.rules``, or by a model.

With a model, labels, probabilities and metrics are the model's; release, events, hand and doubts stay the rules'.
"""

import math
from typing import Any

import numpy as np

from landmarks.models.card import ModelCard
from landmarks.protocol.predictions import PROBABILITY_DIGITS, sigmoid
from landmarks.protocol.tensors import LOGITS, POSES, PREDS
from landmarks.shots.keypoints import SHOT_LABELS, KeypointsError, resample_to_30_fps
from landmarks.shots.kinematics import MotionError, compute_image_motion
from landmarks.shots.release import Hand, ShotError, find_release, find_shooting_hand
from landmarks.shots.rules import UNSEEN, Shot, judge_shot
from serve_app.errors import InvalidInput, RequestError
from serve_app.schemas import ModelOutput, Tensors
from serve_app.shots.advice import LANGUAGES, recommend
from serve_app.shots.request import parse_track, parse_window


def judge(item: Tensors) -> dict[str, Any]:
    """Answer one item of ``shot_frames.shot_tensors`` by the rules, all but ``elapsed_ms``.

    Where the client gave no release it is found in all of the frames; what is judged is the window around it.

    Raises:
        InvalidInput: there is no shot in the frames.
    """
    try:
        release, hand = find_release_time(item)
        window = parse_track(item).cut(parse_window(item, release))
        shot = judge_shot(compute_image_motion(window), release_s=release, hand=hand)
    except (KeypointsError, MotionError, ShotError) as error:
        raise InvalidInput(f"frames show no shot: {error}") from error
    seconds, rest = (float(value) for value in item["request"][:2])
    first = seconds + rest
    return {
        **response_fields(shot.probabilities, shot.ite, shot.delay_ms, item),
        "source": "heuristic",
        "release_time_sec": round(first + release, 3),
        "events": list_events(shot, first),
        "hand": shot.hand,
        "doubts": shot.doubts,
    }


def analyze_with_model(item: Tensors, scored: ModelOutput, index: int) -> dict[str, Any]:
    """As ``judge``, with what a model said of item ``index`` of its batch.

    Raises:
        InvalidInput: there is no shot in the frames.
        RequestError: the model gave no finite numbers.
    """
    logits = scored.outputs[LOGITS][index].astype(np.float64) / scored.temperature
    ite, delay_ms = (float(value) for value in scored.outputs[PREDS][index])
    if not (np.isfinite(logits).all() and math.isfinite(ite) and math.isfinite(delay_ms)):
        raise RequestError(f"model version {scored.version} gave an answer that is not finite for this shot")
    probabilities = dict(zip(SHOT_LABELS, sigmoid(logits).tolist(), strict=True))
    own = response_fields(probabilities, min(max(ite, 0.0), 100.0), delay_ms, item)
    return judge(item) | own | {"source": "model", "model_version": scored.version}


def response_fields(probabilities: dict[str, float], ite: float, delay_ms: float, item: Tensors) -> dict[str, Any]:
    """The fields that rules and models both fill."""
    labels = tuple(label for label in SHOT_LABELS if probabilities[label] > UNSEEN)
    return {
        "labels": labels,
        "probabilities": {label: round(value, PROBABILITY_DIGITS) for label, value in probabilities.items()},
        "metrics": {"ite": round(ite, 1), "delay_ms": round(delay_ms)},
        "recommendations": recommend(labels, LANGUAGES[int(item["request"][6])]),
    }


def find_release_time(item: Tensors) -> tuple[float, Hand]:
    """The release in seconds after the first frame, the client's or the one found, and the shooting hand.

    Raises:
        MotionError: there is no motion in the frames.
        ShotError: there is no shot in them.
    """
    motion = compute_image_motion(parse_track(item))
    hand = find_shooting_hand(motion)
    given = float(item["request"][3])
    return (find_release(motion, hand)[1] if math.isnan(given) else given), hand


def add_model_input(item: Tensors, card: ModelCard) -> Tensors:
    """An item with ``POSES`` float32 ``(T, 33, 3)``, the window around its release at 30 frames a second, for a model.

    The release becomes the one found, so that nobody finds it twice. Where the model takes no window of that length
    the item comes back as it was, and is the rules'.

    Raises:
        InvalidInput: there is no shot in the frames.
    """
    try:
        release, _ = find_release_time(item)
        x = resample_to_30_fps(parse_track(item).cut(parse_window(item, release)))
    except (KeypointsError, MotionError, ShotError) as error:
        raise InvalidInput(f"frames show no shot: {error}") from error
    if not card.min_seq_len <= len(x) <= card.seq_len:
        return item
    request = item["request"].copy()
    request[3] = release
    return {**item, "request": request, POSES: x}


def list_events(shot: Shot, first: float) -> dict[str, float]:
    """When the shot's parts happen, in seconds as the client counts them."""
    parts = {"set": shot.set, "legs": shot.legs, "arm": shot.arm, "wrist": shot.wrist}
    return {name: round(first + time, 3) for name, time in parts.items()}
