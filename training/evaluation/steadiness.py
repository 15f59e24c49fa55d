"""How steady the analysis of a shot is under what cameras and trackers do: disturbed tracks against undisturbed ones.

Each disturbance leaves the shot as it is, so the answer must stay within ``ITE``, ``DELAY_MS`` and ``MARGIN``, or say
that a label can't be told. Both the rules and a model's answer are what the service gives (``shots.assessment``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from landmarks.models.session import ModelSession
from landmarks.pose import MIRRORED, POINT, Floats
from landmarks.protocol.predictions import sigmoid
from landmarks.protocol.tensors import LOGITS, POSES, PREDS
from landmarks.shots.assessment import combine, judge_window, locate_shot
from landmarks.shots.keypoints import SHOT_LABELS, KeypointsError, PoseTrack, ShotWindow
from landmarks.shots.kinematics import MotionError, compute_image_motion
from landmarks.shots.model_input import make_model_input
from landmarks.shots.release import ShotError
from landmarks.shots.rules import FAULT, Shot

ITE: Final = 5.0
DELAY_MS: Final = 15.0
MARGIN: Final = 0.15  # a label nearer to 0.5 than this may cross it
JOINTS: Final = tuple(
    f"{side}_{part}"
    for side in ("left", "right")
    for part in ("shoulder", "elbow", "wrist", "index", "hip", "knee", "ankle")
)
VISIBILITIES: Final = (0.05, 0.29, 0.31, 0.6, 1.0)

Disturbance = Callable[[PoseTrack, float], PoseTrack]


@dataclass(frozen=True)
class Steadiness:
    """How many pairs of a shot and a disturbance stay within the bounds, of how many."""

    steady: int
    pairs: int

    @property
    def share(self) -> float:
        """0..1; 1 where there is no pair."""
        return self.steady / self.pairs if self.pairs else 1.0


def assess_track(track: PoseTrack, model: ModelSession | None = None) -> Shot | None:
    """The first shot of a track as the service answers it, by the rules or a model; None where it finds none."""
    try:
        motion = compute_image_motion(track)
        release = locate_shot(motion)
        window = ShotWindow(release.time_s)
        shot = judge_window(track, motion, release, window)
        if model is None:
            return shot
        outputs = model.run({POSES: make_model_input(track, window, release.hand.side)[None]})
    except (KeypointsError, MotionError, ShotError):
        return None
    ite, delay_ms = outputs[PREDS][0].tolist()
    probabilities = sigmoid(outputs[LOGITS][0].astype(np.float64) / model.card.temperature).tolist()
    return combine(shot, dict(zip(SHOT_LABELS, probabilities, strict=True)), ite, delay_ms)


def is_steady(base: Shot, disturbed: Shot | None, *, mirrored: bool = False) -> bool:
    """Whether a disturbed answer is within the bounds of the undisturbed one."""
    if disturbed is None or (disturbed.hand == base.hand) is mirrored:
        return False
    if abs(disturbed.ite - base.ite) > ITE or abs(disturbed.delay_ms - base.delay_ms) > DELAY_MS:
        return False
    for label, before in base.probabilities.items():
        after = disturbed.probabilities[label]
        if before is None or after is None or abs(before - FAULT) <= MARGIN:
            continue
        if (before > FAULT) is not (after > FAULT):
            return False
    return True


def lose_person(track: PoseTrack, frames: slice) -> PoseTrack:
    """Frames without a person, as the extraction writes them: all points at (0, 0) with visibility 0."""
    points = track.points.copy()
    points[frames] = 0
    return replace(track, points=points)


def drop_frames(track: PoseTrack, frames: slice) -> PoseTrack:
    """The track without some of its frames."""
    kept = np.ones(len(track.times), dtype=bool)
    kept[frames] = False
    indices = tuple(index for index, keep in zip(track.indices, kept, strict=True) if keep)
    return replace(track, points=track.points[kept], times=track.times[kept], indices=indices)


def set_visibility(track: PoseTrack, name: str, visibility: float) -> PoseTrack:
    """The track with one point as visible in all frames."""
    points = track.points.copy()
    points[:, POINT[name], 2] = visibility
    return replace(track, points=points)


def add_bars(track: PoseTrack, share: float, *, upright: bool) -> PoseTrack:
    """Black bars left and right (``upright``), or over and under: the image is ``1 + share`` times as large."""
    axis = 0 if upright else 1
    points = track.points.copy()
    points[..., axis] = (points[..., axis] + share / 2) / (1 + share)
    width, height = track.width or 1000, track.height or 1000
    size = (round(width * (1 + share)), height) if upright else (width, round(height * (1 + share)))
    return replace(track, points=points, width=size[0], height=size[1])


def crop(track: PoseTrack) -> PoseTrack:
    """The image cut to a tenth around the person."""
    known = track.points[track.points[..., 2] > 0]
    low, high = known[:, :2].min(axis=0) - 0.1, known[:, :2].max(axis=0) + 0.1
    points = track.points.copy()
    points[..., :2] = (points[..., :2] - low) / (high - low)
    width, height = np.array([track.width or 1000, track.height or 1000]) * (high - low)
    return replace(track, points=points, width=max(1, round(float(width))), height=max(1, round(float(height))))


def mirror(track: PoseTrack) -> PoseTrack:
    """The image mirrored, with left and right exchanged."""
    points = track.points[:, list(MIRRORED)].copy()
    points[..., 0] = 1 - points[..., 0]
    return replace(track, points=points)


def add_noise(track: PoseTrack, seed: int) -> PoseTrack:
    """What encoding a video anew does: every point a thousandth of the person's height off, each frame anew."""
    known = track.points[track.points[..., 2] > 0]
    tall = float(np.ptp(known[:, 1]))
    noise = np.random.default_rng(seed).normal(0, 0.001 * tall, track.points[..., :2].shape)
    points = track.points.copy()
    points[..., :2] += noise * [1 / track.aspect, 1.0]
    return replace(track, points=points)


def change_rate(track: PoseTrack, fps: float) -> PoseTrack:
    """The track at another frame rate, by straight lines."""
    times: Floats = np.arange(track.times[0], track.times[-1], 1 / fps)
    flat = track.points.reshape(len(track.points), -1)
    columns = [np.interp(times, track.times, flat[:, column]) for column in range(flat.shape[1])]
    points = np.stack(columns, axis=1).reshape(len(times), *track.points.shape[1:]).astype(np.float32)
    return replace(track, points=points, times=times, indices=tuple(range(len(times))), fps=fps)


def hold_follow_through(track: PoseTrack) -> PoseTrack:
    """The last pose for two seconds more, its arms creeping higher by two hundredths of the person's height."""
    step = float(np.median(np.diff(track.times)))
    count = int(2 / step)
    held = np.repeat(track.points[-1:], count, axis=0)
    known = track.points[track.points[..., 2] > 0]
    creep = 0.02 * float(np.ptp(known[:, 1])) * np.linspace(0, 1, count)
    arms = [POINT[f"{side}_{part}"] for side in ("left", "right") for part in ("elbow", "wrist", "index", "pinky")]
    held[:, arms, 1] -= creep[:, None].astype(np.float32)
    times = np.concatenate([track.times, track.times[-1] + step * np.arange(1, count + 1)])
    indices = (*track.indices, *(track.indices[-1] + number for number in range(1, count + 1)))
    return replace(track, points=np.concatenate([track.points, held]), times=times, indices=indices)


def list_disturbances() -> dict[str, list[Disturbance]]:
    """The disturbances by kind; each takes a track and the time of its release in seconds."""

    def before(frames: int, lead: int, change: Callable[[PoseTrack, slice], PoseTrack]) -> Disturbance:
        def disturb(track: PoseTrack, release: float) -> PoseTrack:
            end = max(frames + 1, int(np.searchsorted(track.times, release)) - lead)
            return change(track, slice(end - frames, end))

        return disturb

    lost = [(frames, lead) for frames in (1, 2, 3) for lead in (0, 2, 5)]
    return {
        "no person": [before(*each, lose_person) for each in lost],
        "dropped frames": [before(*each, drop_frames) for each in lost],
        "visibility": [
            lambda track, _, name=name, value=value: set_visibility(track, name, value)  # type: ignore[misc]
            for name in JOINTS
            for value in VISIBILITIES
        ],
        "black bars": [
            lambda track, _, upright=upright: add_bars(track, 2.16, upright=upright)  # type: ignore[misc]
            for upright in (True, False)
        ],
        "crop": [lambda track, _: crop(track)],
        "mirror": [lambda track, _: mirror(track)],
        "noise": [lambda track, _, seed=seed: add_noise(track, seed) for seed in range(4)],  # type: ignore[misc]
        "frame rate": [
            lambda track, _, fps=fps: change_rate(track, fps)  # type: ignore[misc]
            for fps in (24, 25, 50, 60, 120, 240)
        ],
        "held follow-through": [lambda track, _: hold_follow_through(track)],
    }


def measure_steadiness(tracks: Sequence[PoseTrack], model: ModelSession | None = None) -> dict[str, Steadiness]:
    """``Steadiness`` by kind of disturbance, and of all; tracks in which no shot is found don't count."""
    bases = [(track, shot) for track in tracks if (shot := assess_track(track, model)) is not None]
    found = {}
    for kind, disturbances in list_disturbances().items():
        steady = [
            is_steady(shot, assess_track(disturb(track, shot.release), model), mirrored=kind == "mirror")
            for track, shot in bases
            for disturb in disturbances
        ]
        found[kind] = Steadiness(sum(steady), len(steady))
    found["all"] = Steadiness(sum(each.steady for each in found.values()), sum(each.pairs for each in found.values()))
    return found
