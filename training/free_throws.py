"""Recorded free throws, seen through virtual cameras: the rules and a shot model against the bodies' own motion.

Reads ``spl_free_throws`` of a data folder (evaluation only: nothing is trained on it and nothing of it is kept). The
bodies are known in three dimensions; each view is a level camera near it with a tracker's noise. ``evaluate_shots``
prints the table.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from landmarks.keypoints import PoseTrack, ShotWindow, at_30_fps
from landmarks.kinematics import image_motion, motion_of
from landmarks.pose import POSE_NAMES, Floats
from landmarks.session import ModelSession
from landmarks.shot_rules import Shot, judge_shot
from training.cameras import VIEWS, Camera, Tracker

FOLDER: Final = "spl_free_throws"
FEET: Final = 0.3048  # metres
FPS: Final = 30.0
# The recording's joints by the pose's parts. It has no mouth and one eye point a side; knuckles are those of the first
# and fifth finger.
PARTS: Final = {
    "eye_inner": "EYE",
    "eye": "EYE",
    "eye_outer": "EYE",
    "ear": "EAR",
    "shoulder": "SHOULDER",
    "elbow": "ELBOW",
    "wrist": "WRIST",
    "pinky": "5THFINGER",
    "index": "1STFINGER",
    "thumb": "1STFINGER",
    "hip": "HIP",
    "knee": "KNEE",
    "ankle": "ANKLE",
    "heel": "CALC",
    "foot_index": "1STTOE",
}


def recorded_joint(name: str) -> str:
    """The recording's name of a point of the pose."""
    if name == "nose" or name.startswith("mouth"):
        return "NOSE"
    side, part = name.split("_", 1)
    return f"{side[0].upper()}_{PARTS[part]}"


def free_throws(folder: Path) -> tuple[Floats, Floats]:
    """Bodies ``(N, T, 33, 3)`` in metres, x to the basket, and each release in frames ``(N,)``, of a data folder."""
    with np.load(folder / FOLDER / "spl_freethrow.npz", allow_pickle=False) as arrays:
        names = list(arrays["names"])
        pose = arrays["pose"][:, :, [names.index(recorded_joint(name)) for name in POSE_NAMES]]
        return pose.astype(np.float64) * FEET, arrays["release_est"].astype(np.float64)


def rank_correlation(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Spearman's rank correlation; equal values share their mean rank."""
    first_ranks, second_ranks = (mean_ranks(np.asarray(values)) for values in (first, second))
    return float(np.corrcoef(first_ranks, second_ranks)[0, 1])


def mean_ranks(values: Floats) -> Floats:
    """Ranks ``(N,)`` from 0, the mean rank for equal values."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts) - 1
    return np.asarray((last - (counts - 1) / 2)[place])


def row(view: str, shots: list[Shot], truth: list[Shot], releases: Floats) -> str:
    """One line of the table."""
    found = np.array([shot.release for shot in shots]) * FPS
    off = np.abs(np.round(found) - releases)
    late = np.array([shot.delay_ms for shot in shots]) - [shot.delay_ms for shot in truth]
    same_hand = np.mean([shot.hand == "right" for shot in shots])
    cells = [
        f"{(off <= 1).mean():.1%}",
        f"{(off <= 2).mean():.1%}",
        f"{np.median(found - releases):+.2f}",
        f"{np.abs(late).mean():.1f}",
        f"{np.median(late):+.1f}",
        f"{rank_correlation([shot.ite for shot in shots], [shot.ite for shot in truth]):.2f}",
        f"{same_hand:.0%}",
    ]
    return f"| {view} | " + " | ".join(cells) + " |"


def scored(track: PoseTrack, shot: Shot, model: ModelSession) -> Shot:
    """A shot with the model's ite and delay_ms, from the window around the rules' release."""
    poses = at_30_fps(track.cut(ShotWindow(shot.release)))
    ite, delay_ms = model.run({"x": poses[None]})["preds"][0].tolist()
    return replace(shot, ite=ite, delay_ms=delay_ms)


def judged(
    bodies: Floats, model: ModelSession, draw: np.random.Generator, views: Sequence[str] = tuple(VIEWS)
) -> list[tuple[str, list[Shot], list[Shot]]]:
    """For each view its name, and what the rules and the model say of each body ``(N, T, 33, 3)`` seen from there.

    Whole recordings; no release is given. The model gets the window around the release that the rules found.
    """
    times = np.arange(bodies.shape[1]) / FPS
    found = []
    for view in views:
        shots, by_model = [], []
        for body in bodies:
            points = Tracker().observe(body, times, camera := Camera.drawn(view, draw), draw)
            track = PoseTrack(points, times, tuple(range(len(times))), camera.width, camera.height_px, FPS)
            shots.append(judge_shot(image_motion(track)))
            by_model.append(scored(track, shots[-1], model))
        found.append((view, shots, by_model))
    return found


def table(bodies: Floats, releases: Floats, model: ModelSession, seed: int) -> list[str]:
    """The lines of the table, rules and model by view and together."""
    times = np.arange(bodies.shape[1]) / FPS
    truth = [judge_shot(motion_of(body, np.ones(body.shape[:2]), times)) for body in bodies]
    lines = [
        f"{len(bodies)} free throws of one player, whole recordings of {times[-1]:.0f} s; no release was given.",
        "",
        "| view | release within 1 frame | within 2 | median error, frames | delay_ms MAE | bias | ite rank | hand |",
        "|---|---|---|---|---|---|---|---|",
        row("3-D, no noise", truth, truth, releases),
    ]
    found = judged(bodies, model, np.random.default_rng(seed))
    for view, shots, by_model in found:
        lines += [row(f"{view}, rules", shots, truth, releases), row(f"{view}, model", by_model, truth, releases)]
    everything = truth * len(found), np.tile(releases, len(found))
    lines.append(row("all views, rules", [shot for _, shots, _ in found for shot in shots], *everything))
    lines.append(row("all views, model", [shot for *_, shots in found for shot in shots], *everything))
    return lines
