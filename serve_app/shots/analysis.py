"""From a checked shot to what a client reads of it: by the rules of ``landmarks.shots.rules``, or by a model.

With a model, labels and ``ite`` are the model's and ``delay_ms`` is the mean of the model's and the rules'; release,
hand, angles, doubts and what can't be told stay the rules'. One delay is in all fields: in ``metrics``, between
``events`` and in the label.
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
from landmarks.shots.angles import measure_angles
from landmarks.shots.assessment import Release, combine, judge_window, locate_shot
from landmarks.shots.keypoints import SHOT_LABELS, KeypointsError
from landmarks.shots.kinematics import Motion, MotionError, compute_image_motion
from landmarks.shots.model_input import make_model_input
from landmarks.shots.release import ShotError
from landmarks.shots.rules import Shot, list_faults
from serve_app.errors import InvalidInput, RequestError
from serve_app.schemas import ModelOutput, TensorResponse
from serve_app.shots.advice import recommend, translate
from serve_app.shots.request import ShotRequest


def analyze_with_rules(shot: ShotRequest) -> dict[str, Any]:
    """The response to a shot by the rules, all but ``elapsed_ms``.

    Where the client gave no release it is found in all of the frames; what is judged is the window around it.

    Raises:
        InvalidInput: there is no shot in the frames.
    """
    motion, release, judged = judge_request(shot)
    return build_response(shot, motion, release, judged) | {"source": "heuristic"}


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
    motion, release, judged = judge_request(shot)
    own = dict(zip(SHOT_LABELS, sigmoid(logits).tolist(), strict=True))
    told = combine(judged, own, ite, delay_ms)
    return build_response(shot, motion, release, told) | {"source": "model", "model_version": output.version}


def judge_request(shot: ShotRequest) -> tuple[Motion, Release, Shot]:
    """The motion of all frames, the release, and the window around it judged by the rules.

    Raises:
        InvalidInput: there is no shot in the frames.
    """
    with invalid_frames():
        motion = compute_image_motion(shot.track)
        release = shot.release or find_shot_release(shot, motion)
        return motion, release, judge_window(shot.track, motion, release, shot.make_window(release))


def add_model_input(shot: ShotRequest, card: ModelCard) -> ShotRequest:
    """A shot with its release found and, where the model takes a window of that length, ``poses`` for it.

    Raises:
        InvalidInput: there is no shot in the frames.
    """
    with invalid_frames():
        release = find_shot_release(shot, compute_image_motion(shot.track))
        poses = make_model_input(shot.track, shot.make_window(release), release.hand.side)
    fits = card.min_seq_len <= len(poses) <= card.seq_len
    return replace(shot, release=release, poses=poses if fits else None)


def find_shot_release(shot: ShotRequest, motion: Motion) -> Release:
    """The release that the client gives, or that of the shot asked for.

    Raises:
        ShotError: there is no shot in the frames, or not so many.
    """
    return locate_shot(motion, release_s=shot.release_s, hand=shot.hand, number=shot.number)


@contextmanager
def invalid_frames() -> Iterator[None]:
    """Turn what the arithmetic raises for frames without a shot into ``InvalidInput``."""
    try:
        yield
    except (KeypointsError, MotionError, ShotError) as error:
        raise InvalidInput(f"frames show no shot: {error}") from error


def build_response(shot: ShotRequest, motion: Motion, release: Release, judged: Shot) -> dict[str, Any]:
    """The fields that rules and models both fill."""
    labels = list_faults(judged.probabilities)
    measures = measure_angles(motion, judged)
    return {
        "labels": labels,
        "probabilities": {
            label: None if value is None else round(value, PROBABILITY_DIGITS)
            for label, value in judged.probabilities.items()
        },
        "unknown": {label: translate(reason, shot.language) for label, reason in judged.unknown.items()},
        "metrics": {"ite": round(judged.ite, 1), "delay_ms": round(judged.delay_ms)},
        "recommendations": recommend(labels, shot.language),
        "release_time_sec": shot.count_time(release.time_s),
        "events": {name: shot.count_time(getattr(judged, name)) for name in ("set", "legs", "arm", "wrist")},
        "hand": {"side": judged.hand, "confidence": round(judged.confidence, 2)},
        "shot_type": judged.shot_type,
        "angles": {
            name: measure and {"value": round(measure.value, 2), "spread": round(measure.spread, 2)}
            for name, measure in measures.items()
        },
        "shots": [{"release_time_sec": shot.count_time(time_s)} for time_s in release.shots],
        "doubts": [translate(doubt, shot.language) for doubt in judged.doubts],
    }


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
