"""Made shots as labelled windows: made players seen by virtual cameras. No person was recorded.

    python -m training.simulate_shots --output made_shots --shots 2000 --val_shots 300

writes ``train/*.json`` and ``val/*.json`` as ``train_tcn`` reads them. Labels, ``ite`` and ``delay_ms`` are the rules'
(``landmarks.shots.rules``) on the player's own motion in three dimensions, before any camera. No player of ``val`` is
in ``train``. Figures on this data say nothing about real people.
"""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm  # type: ignore[import-untyped] # its stubs are a package of their own

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from landmarks.pose import POINT, Array
from landmarks.shots.keypoint_files import LabelledWindow, write_labelled
from landmarks.shots.keypoints import POST_MS, PRE_MS, SHOT_LABELS, PoseTrack, ShotWindow
from landmarks.shots.kinematics import compute_motion
from landmarks.shots.release import ShotError
from landmarks.shots.rules import Shot, judge_shot
from training.engine.reproducible_command import whole_number
from training.synthetic.cameras import Camera, Tracker
from training.synthetic.players import LENGTH_S, shoot
from training.synthetic.shot_parameters import Player, ShotParameters

FINE_HZ: Final = 120.0
FRAME_RATES: Final = (24.0, 25.0, 30.0, 30.0, 30.0, 50.0, 60.0)
IMAGES: Final = ((1280, 720), (1920, 1080), (720, 1280), (640, 480))
# Milliseconds before and after the release. Training cuts its windows shorter, each in another place.
WINDOWS: Final = {"train": (600.0, 300.0), "val": (PRE_MS, POST_MS)}
# A clip has the ball come up and the follow-through; the player stands still before.
CLIP_S: Final = (0.6, 2.9)


def true_shot(player: Player, form: ShotParameters) -> Shot:
    """What the rules say of a player's motion in three dimensions."""
    times = np.arange(int(LENGTH_S * FINE_HZ)) / FINE_HZ
    bodies = shoot(player, form, times)
    return judge_shot(compute_motion(bodies, np.ones(bodies.shape[:2]), times), hand=player.hand)


def drawn_shot(draw: np.random.Generator) -> tuple[Player, ShotParameters, Shot]:
    """A player, a form and what the rules say of it; the rare form in which the arm hardly rises is drawn again."""
    while True:
        player, form = Player.drawn(draw), ShotParameters.drawn(draw)
        with contextlib.suppress(ShotError):
            return player, form, true_shot(player, form)


def filmed(player: Player, form: ShotParameters, draw: np.random.Generator) -> PoseTrack:
    """A player's shot as a tracker sees it through one camera, with a frame rate and an image size of its own."""
    fps = float(draw.choice(FRAME_RATES))
    times = np.arange(CLIP_S[0] + float(draw.uniform(0, 1 / fps)), CLIP_S[1], 1 / fps)
    width, height = IMAGES[int(draw.integers(len(IMAGES)))]
    camera = Camera.anywhere(draw, width, height)
    tracker = Tracker(*(float(draw.uniform(*limits)) for limits in ((0.002, 0.007), (0.003, 0.010), (0.0, 0.010))))
    points = tracker.observe(shoot(player, form, times), times, camera, draw)
    hide(points, draw)
    return PoseTrack(points, times, tuple(range(len(times))), width, height, fps, "made")


def hide(points: Array, draw: np.random.Generator) -> None:
    """Occlude, in place, a hand, a foot or an elbow for up to a third of a clip, in half of the clips."""
    if draw.random() < 0.5:
        return
    part = str(draw.choice(["left_index", "right_index", "left_ankle", "right_ankle", "left_elbow", "right_elbow"]))
    length = int(draw.integers(1, max(2, len(points) // 3)))
    start = int(draw.integers(0, len(points) - length))
    points[start : start + length, POINT[part], :2] += draw.normal(0, 0.03, 2)
    points[start : start + length, POINT[part], 2] = draw.uniform(0.0, 0.25)


def made_window(draw: np.random.Generator, pre_ms: float = PRE_MS, post_ms: float = POST_MS) -> LabelledWindow:
    """One made player's shot, filmed from a side of its own and cut around the true release."""
    player, form, shot = drawn_shot(draw)
    track = filmed(player, form, draw)
    window = ShotWindow(round(shot.release, 6), pre_ms, post_ms)
    labels = {label: label in shot.labels for label in SHOT_LABELS}
    return LabelledWindow(
        track.cut(window), window, labels, {"ite": round(shot.ite, 2), "delay_ms": round(shot.delay_ms, 1)}
    )


def name_shots(folder: Path, count: int) -> list[Path]:
    """The files of ``count`` shots.

    Raises:
        FileExistsError: the folder has windows beside them, which would be taken for part of the set.
    """
    files = [folder / f"shot_{number:05d}.labeled.json" for number in range(count)]
    others = sorted(set(folder.glob("*.json")) - set(files))
    if others:
        raise FileExistsError(
            f"{folder} holds {len(others)} windows that are none of the {count} to be made, such as {others[0].name}:"
            " expected an empty folder, or one with no more shots than are made now"
        )
    return files


def write_shots(files: Sequence[Path], seed: Sequence[int], pre_ms: float, post_ms: float) -> None:
    """Write labelled windows, each with a random stream of its own, so that more shots change none before."""
    for number, file in enumerate(tqdm(files, unit=" shots", desc=files[0].parent.name)):
        write_labelled(made_window(np.random.default_rng([*seed, number]), pre_ms, post_ms), file)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.simulate_shots", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--output", type=Path, required=True, help="folder that gets train and val")
    parser.add_argument("--shots", type=whole_number(1), default=2000)
    parser.add_argument("--val_shots", type=whole_number(1), default=300)
    parser.add_argument("--seed", type=whole_number(0), default=0)
    options = parser.parse_args(arguments)
    counts = {"train": options.shots, "val": options.val_shots}
    try:
        files = {name: name_shots(options.output / name, count) for name, count in counts.items()}
    except FileExistsError as error:
        sys.exit(f"simulate_shots: {error}")
    for place, name in enumerate(files):
        write_shots(files[name], (options.seed, place), *WINDOWS[name])


if __name__ == "__main__":
    main()
