"""Made shots as labelled windows: made players seen by virtual cameras. No person was recorded.

Labels, ``ite`` and ``delay_ms`` are the rules' (``landmarks.shots.rules``) on the player's own motion in three
dimensions, before any camera. ``simulate_shots`` writes them as a data set.
"""

import contextlib
from typing import Final

import numpy as np

from landmarks.pose import POINT, Array
from landmarks.shots.keypoint_files import LabelledWindow
from landmarks.shots.keypoints import POST_MS, PRE_MS, SHOT_LABELS, PoseTrack, ShotWindow
from landmarks.shots.kinematics import compute_motion
from landmarks.shots.release import ShotError
from landmarks.shots.rules import Shot, judge_shot
from training.synthetic.cameras import Camera, Tracker
from training.synthetic.players import LENGTH_S, shoot
from training.synthetic.shot_parameters import Player, ShotParameters

FINE_HZ: Final = 120.0
FRAME_RATES: Final = (24.0, 25.0, 30.0, 30.0, 30.0, 50.0, 60.0)
IMAGES: Final = ((1280, 720), (1920, 1080), (720, 1280), (640, 480))
# A clip has the ball come up and the follow-through; the player stands still before.
CLIP_S: Final = (0.6, 2.9)


def compute_true_shot(player: Player, form: ShotParameters) -> Shot:
    """What the rules say of a player's motion in three dimensions."""
    times = np.arange(int(LENGTH_S * FINE_HZ)) / FINE_HZ
    bodies = shoot(player, form, times)
    return judge_shot(compute_motion(bodies, np.ones(bodies.shape[:2]), times), hand=player.hand)


def sample_shot(rng: np.random.Generator) -> tuple[Player, ShotParameters, Shot]:
    """A player, a form and what the rules say of it; the rare form in which the arm hardly rises is drawn again."""
    while True:
        player, form = Player.sample(rng), ShotParameters.sample(rng)
        with contextlib.suppress(ShotError):
            return player, form, compute_true_shot(player, form)


def film(player: Player, form: ShotParameters, rng: np.random.Generator) -> PoseTrack:
    """A player's shot as a tracker sees it through one camera, with a frame rate and an image size of its own."""
    fps = float(rng.choice(FRAME_RATES))
    times = np.arange(CLIP_S[0] + float(rng.uniform(0, 1 / fps)), CLIP_S[1], 1 / fps)
    width, height = IMAGES[int(rng.integers(len(IMAGES)))]
    camera = Camera.sample_anywhere(rng, width, height)
    tracker = Tracker(*(float(rng.uniform(*limits)) for limits in ((0.002, 0.007), (0.003, 0.010), (0.0, 0.010))))
    points = tracker.observe(shoot(player, form, times), times, camera, rng)
    occlude(points, rng)
    return PoseTrack(points, times, tuple(range(len(times))), width, height, fps, "made")


def occlude(points: Array, rng: np.random.Generator) -> None:
    """Occlude, in place, a hand, a foot or an elbow for up to a third of a clip, in half of the clips."""
    if rng.random() < 0.5:
        return
    part = str(rng.choice(["left_index", "right_index", "left_ankle", "right_ankle", "left_elbow", "right_elbow"]))
    length = int(rng.integers(1, max(2, len(points) // 3)))
    start = int(rng.integers(0, len(points) - length))
    points[start : start + length, POINT[part], :2] += rng.normal(0, 0.03, 2)
    points[start : start + length, POINT[part], 2] = rng.uniform(0.0, 0.25)


def make_shot_window(rng: np.random.Generator, pre_ms: float = PRE_MS, post_ms: float = POST_MS) -> LabelledWindow:
    """One made player's shot, film from a side of its own and cut around the true release."""
    player, form, shot = sample_shot(rng)
    track = film(player, form, rng)
    window = ShotWindow(round(shot.release, 6), pre_ms, post_ms)
    labels = {label: label in shot.labels for label in SHOT_LABELS}
    return LabelledWindow(
        track.cut(window), window, labels, {"ite": round(shot.ite, 2), "delay_ms": round(shot.delay_ms, 1)}
    )
