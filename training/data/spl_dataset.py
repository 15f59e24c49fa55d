"""Recorded free throws, seen through virtual cameras: the rules and a shot model against the bodies' own motion.

Reads ``spl_free_throws`` of a data folder (evaluation only: nothing is trained on it and nothing of it is kept). The
bodies are known in three dimensions; each view is a level camera near it with a tracker's noise. ``evaluate_shots``
prints the table.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torchmetrics.functional.regression import spearman_corrcoef

from landmarks.files.arrays import ArrayFileError, read_arrays
from landmarks.models.session import ModelSession
from landmarks.pose import POSE_NAMES, Floats
from landmarks.protocol.predictions import sigmoid
from landmarks.protocol.tensors import LOGITS, POSES, PREDS
from landmarks.shots.assessment import combine
from landmarks.shots.keypoints import SHOT_LABELS, PoseTrack, ShotWindow
from landmarks.shots.kinematics import compute_image_motion, compute_motion
from landmarks.shots.model_input import make_model_input
from landmarks.shots.rules import Shot, judge_shot
from training.command_line import format_table
from training.data.shot_windows import ShotDataError
from training.synthetic.cameras import VIEWS, Camera, Tracker

FOLDER: Final = "spl_free_throws"
FEET: Final = 0.3048  # metres
FPS: Final = 30.0
ALL: Final = "all views"
FORMATS: Final = {
    "release within 1 frame": "{:.1%}",
    "within 2": "{:.1%}",
    "median error, frames": "{:+.2f}",
    "delay_ms MAE": "{:.1f}",
    "bias": "{:+.1f}",
    "ite rank": "{:.2f}",
    "hand": "{:.0%}",
}
# The recording's joints that aren't called as the pose's parts are. It has no mouth and one eye point a side; knuckles
# are those of the first and fifth finger.
JOINTS: Final = {
    "eye_inner": "EYE",
    "eye_outer": "EYE",
    "pinky": "5THFINGER",
    "index": "1STFINGER",
    "thumb": "1STFINGER",
    "heel": "CALC",
    "foot_index": "1STTOE",
}


def name_recorded_joint(name: str) -> str:
    """The recording's name of a point of the pose."""
    if name == "nose" or name.startswith("mouth"):
        return "NOSE"
    side, part = name.split("_", 1)
    return f"{side[0]}_{JOINTS.get(part, part)}".upper()


def read_free_throws(folder: Path) -> tuple[Floats, Floats]:
    """Bodies ``(N, T, 33, 3)`` in metres, x to the basket, and each release in frames ``(N,)``, of a data folder.

    Raises:
        ShotDataError: the file can't be read.
    """
    file = folder / FOLDER / "spl_freethrow.npz"
    try:
        arrays = read_arrays(file, ("names", "pose", "release_est"))
    except ArrayFileError as error:
        raise ShotDataError(f"{file} can't be read as free throws: {error}") from error
    names = arrays["names"].tolist()
    pose = arrays["pose"][:, :, [names.index(name_recorded_joint(name)) for name in POSE_NAMES]]
    return pose.astype(np.float64) * FEET, arrays["release_est"].astype(np.float64)


def compute_rank_correlation(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Spearman's rank correlation; equal values share their mean rank."""
    return float(spearman_corrcoef(*(torch.from_numpy(np.asarray(values, np.float64)) for values in (first, second))))


def compute_scores(shots: Sequence[Shot], truth: Sequence[Shot], releases: Floats) -> dict[str, float]:
    """The table's figures by column: shares 0..1, frames, milliseconds."""
    release = np.array([shot.release for shot in shots]) * FPS
    frames_off = np.abs(np.round(release) - releases)
    delay_error = np.array([shot.delay_ms for shot in shots]) - [shot.delay_ms for shot in truth]
    return {
        "release within 1 frame": float((frames_off <= 1).mean()),
        "within 2": float((frames_off <= 2).mean()),
        "median error, frames": float(np.median(release - releases)),
        "delay_ms MAE": float(np.abs(delay_error).mean()),
        "bias": float(np.median(delay_error)),
        "ite rank": compute_rank_correlation([shot.ite for shot in shots], [shot.ite for shot in truth]),
        "hand": float(np.mean([shot.hand == "right" for shot in shots])),
    }


def score_with_model(track: PoseTrack, shot: Shot, model: ModelSession) -> Shot:
    """A shot with a model's numbers as the service answers them, from the window around the rules' release."""
    outputs = model.run({POSES: make_model_input(track, ShotWindow(shot.release), shot.hand)[None]})
    ite, delay_ms = outputs[PREDS][0].tolist()
    probabilities = sigmoid(outputs[LOGITS][0].astype(np.float64) / model.card.temperature).tolist()
    return combine(shot, dict(zip(SHOT_LABELS, probabilities, strict=True)), ite, delay_ms)


def judge_views(bodies: Floats, model: ModelSession, rng: np.random.Generator) -> dict[str, dict[str, list[Shot]]]:
    """For each view the shots by ``rules`` and by ``model`` of each body ``(N, T, 33, 3)`` seen from there.

    Whole recordings; no release is given. The model gets the window around the release that the rules found.
    """
    times = np.arange(bodies.shape[1]) / FPS
    judged: dict[str, dict[str, list[Shot]]] = {}
    for view in VIEWS:
        shots, by_model = [], []
        for body in bodies:
            points = Tracker().observe(body, times, camera := Camera.sample(view, rng), rng)
            track = PoseTrack(points, times, tuple(range(len(times))), camera.width, camera.height_px, FPS)
            shots.append(judge_shot(compute_image_motion(track)))
            by_model.append(score_with_model(track, shots[-1], model))
        judged[view] = {"rules": shots, "model": by_model}
    return judged


def compare(bodies: Floats, releases: Floats, model: ModelSession, seed: int) -> dict[str, dict[str, float]]:
    """``compute_scores`` by the table's rows: the truth itself, rules and model in each view, and in all of them."""
    times = np.arange(bodies.shape[1]) / FPS
    truth = [judge_shot(compute_motion(body, np.ones(body.shape[:2]), times)) for body in bodies]
    judged = judge_views(bodies, model, np.random.default_rng(seed))
    rows = {"3-D, no noise": compute_scores(truth, truth, releases)}
    for view, by_judge in judged.items():
        for judge, shots in by_judge.items():
            rows[f"{view}, {judge}"] = compute_scores(shots, truth, releases)
    for judge in ("rules", "model"):
        everything = [shot for by_judge in judged.values() for shot in by_judge[judge]]
        rows[f"{ALL}, {judge}"] = compute_scores(everything, truth * len(judged), np.tile(releases, len(judged)))
    return rows


def format_scores(scores: dict[str, dict[str, float]]) -> list[str]:
    """The lines of the table."""
    return format_table(
        ["view", *FORMATS],
        ([name, *(FORMATS[column].format(value) for column, value in row.items())] for name, row in scores.items()),
    )
