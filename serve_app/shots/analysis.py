"""From a checked shot to what a client reads of it: by the rules of ``landmarks.shots.rules``, or by a model.

With a model, labels, probabilities and metrics are the model's; release, events, hand and doubts stay the rules'.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from landmarks.models.card import ModelCard
from landmarks.protocol.predictions import PROBABILITY_DIGITS, sigmoid
from landmarks.protocol.tensors import LOGITS, PREDS, PROBABILITIES, TensorSpec
from landmarks.shots.keypoints import SHOT_LABELS, KeypointsError, resample_to_30_fps
from landmarks.shots.kinematics import MotionError, compute_image_motion
from landmarks.shots.release import ShotError, find_release, find_shooting_hand
from landmarks.shots.rules import UNSEEN, Shot, judge_shot
from serve_app.errors import InvalidInput, RequestError
from serve_app.schemas import ModelOutput, TensorResponse
from serve_app.shots.advice import recommend
from serve_app.shots.request import Release, ShotRequest


def analyze_with_rules(shot: ShotRequest) -> dict[str, Any]:
    """The response to a shot by the rules, all but ``elapsed_ms``.

    Where the client gave no release it is found in all of the frames; what is judged is the window around it.

    Raises:
        InvalidInput: there is no shot in the frames.
    """
    with invalid_frames():
        release = shot.release or find_shot_release(shot)
        window = compute_image_motion(shot.cut_window(release))
        judged = judge_shot(window, release_s=release.time_s, hand=release.hand)
    return {
        **build_fields(judged.probabilities, judged.ite, judged.delay_ms, shot),
        "source": "heuristic",
        "release_time_sec": round(shot.first_frame_s + release.time_s, 3),
        "events": list_events(judged, shot.first_frame_s),
        "hand": judged.hand,
        "doubts": judged.doubts,
    }


def analyze_with_model(shot: ShotRequest, output: ModelOutput, index: int) -> dict[str, Any]:
    """As ``analyze_with_rules``, with what a model gave for item ``index`` of its batch.

    Raises:
        InvalidInput: there is no shot in the frames.
        RequestError: the model gave no finite numbers.
    """
    logits = output.outputs[LOGITS][index].astype(np.float64) / output.temperature
    ite, delay_ms = (float(value) for value in output.outputs[PREDS][index])
    if not (np.isfinite(logits).all() and math.isfinite(ite) and math.isfinite(delay_ms)):
        raise build_not_finite_error(output)
    probabilities = dict(zip(SHOT_LABELS, sigmoid(logits).tolist(), strict=True))
    own = build_fields(probabilities, min(max(ite, 0.0), 100.0), delay_ms, shot)
    return analyze_with_rules(shot) | own | {"source": "model", "model_version": output.version}


def add_model_input(shot: ShotRequest, card: ModelCard) -> ShotRequest:
    """A shot with its release found and, where the model takes a window of that length, ``poses`` for it.

    Raises:
        InvalidInput: there is no shot in the frames.
    """
    with invalid_frames():
        release = find_shot_release(shot)
        poses = resample_to_30_fps(shot.cut_window(release))
    fits = card.min_seq_len <= len(poses) <= card.seq_len
    return replace(shot, release=release, poses=poses if fits else None)


def find_shot_release(shot: ShotRequest) -> Release:
    """The client's release or else the one found in all of the frames, and the shooting hand.

    Raises:
        MotionError: there is no motion in the frames.
        ShotError: there is no shot in them.
    """
    motion = compute_image_motion(shot.track)
    hand = find_shooting_hand(motion)
    return Release(find_release(motion, hand)[1] if shot.release_s is None else shot.release_s, hand)


@contextmanager
def invalid_frames() -> Iterator[None]:
    """Turn what the arithmetic raises for frames without a shot into ``InvalidInput``."""
    try:
        yield
    except (KeypointsError, MotionError, ShotError) as error:
        raise InvalidInput(f"frames show no shot: {error}") from error


def build_fields(probabilities: dict[str, float], ite: float, delay_ms: float, shot: ShotRequest) -> dict[str, Any]:
    """The fields that rules and models both fill."""
    labels = tuple(label for label in SHOT_LABELS if probabilities[label] > UNSEEN)
    return {
        "labels": labels,
        "probabilities": {label: round(value, PROBABILITY_DIGITS) for label, value in probabilities.items()},
        "metrics": {"ite": round(ite, 1), "delay_ms": round(delay_ms)},
        "recommendations": recommend(labels, shot.language),
    }


def list_events(judged: Shot, first_frame_s: float) -> dict[str, float]:
    """When the shot's parts happen, in seconds as the client counts them."""
    parts = {"set": judged.set, "legs": judged.legs, "arm": judged.arm, "wrist": judged.wrist}
    return {name: round(first_frame_s + time, 3) for name, time in parts.items()}


def build_tensors(output: ModelOutput) -> TensorResponse:
    """The model's own outputs and those that ``list_outputs`` adds; a row that isn't finite fails for its caller."""
    finite = np.all([np.isfinite(tensor).all(axis=-1) for tensor in output.outputs.values()], axis=0)
    probabilities = sigmoid(output.outputs[LOGITS].astype(np.float64) / output.temperature).astype(np.float32)
    return TensorResponse(
        output.version,
        output.outputs | {PROBABILITIES: probabilities},
        {int(row): build_not_finite_error(output) for row in np.flatnonzero(~finite)},
    )


@lru_cache(8)
def list_outputs(outputs: tuple[TensorSpec, ...], num_classes: int) -> tuple[TensorSpec, ...]:
    """The tensors of ``build_tensors`` for a model with these outputs of its own."""
    return *outputs, TensorSpec(PROBABILITIES, "FP32", (-1, num_classes))


def build_not_finite_error(output: ModelOutput) -> RequestError:
    """The error of a shot for which the model gave no finite numbers."""
    return RequestError(f"model version {output.version} gave an answer that is not finite for this shot")
