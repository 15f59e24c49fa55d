"""A shot model file against the rules: one table on made players, one on recorded free throws.

    python -m training.evaluate_shots --model models/shot/1
    python -m training.evaluate_shots --steadiness --shots 20

Both see the same noisy poses of one camera. Made players are drawn anew, bodies and cameras that nothing was trained
on; ``--data_dir`` takes a folder of labelled windows instead. The free throws come from ``HELEN_DATA_DIR``.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from torchmetrics.functional.classification import binary_f1_score

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from landmarks.files.atomic import replace_file
from landmarks.models.card import Evaluation, ModelError
from landmarks.models.session import ModelSession
from landmarks.pose import Floats
from landmarks.protocol.tensors import LOGITS, POSES, PREDS
from landmarks.shots.keypoint_files import LabelledWindow
from landmarks.shots.keypoints import SHOT_LABELS, PoseTrack, resample_to_30_fps
from landmarks.shots.kinematics import MotionError, compute_image_motion
from landmarks.shots.release import ShotError
from landmarks.shots.rules import judge_shot
from training.command_line import DATA_DIR, format_table, make_parser, reproducible_command, whole_number
from training.data import spl_dataset
from training.data.shot_windows import ShotDataError, check_scales, read_files
from training.data.spl_dataset import compute_rank_correlation
from training.evaluation.steadiness import measure_steadiness
from training.synthetic.shots import film, make_shot_window, sample_shot

UNSEEN: Final = 20_000

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ShotPredictions:
    """What the rules or the model predict for N windows: ``labels`` ``(N, 4)``, ``ite`` and ``delay_ms`` ``(N,)``."""

    labels: Bools
    ite: Floats
    delay_ms: Floats


def read_windows(folder: Path) -> list[LabelledWindow]:
    """The windows of a folder of which all labels and both targets are known.

    Raises:
        ShotDataError: there is none, or a file can't be read.
    """
    files = read_files(folder)
    check_scales(files)
    windows = [file.window for file in files]
    complete = [each for each in windows if len(each.labels or ()) == len(SHOT_LABELS) and len(each.targets) == 2]
    if not complete:
        raise ShotDataError(f"{folder} has no window with all labels, ite and delay_ms")
    return complete


def read_truth(windows: Sequence[LabelledWindow]) -> ShotPredictions:
    """The labels and targets of the files."""
    labels = [[bool(window.labels and window.labels[label]) for label in SHOT_LABELS] for window in windows]
    targets = [[window.targets[name] for name in ("ite", "delay_ms")] for window in windows]
    return ShotPredictions(np.array(labels), *np.array(targets, dtype=np.float64).T)


def predict_with_rules(windows: Sequence[LabelledWindow]) -> ShotPredictions:
    """The rules on each window; where they see no shot: no label, ite 0, delay 0."""
    labels, numbers = [], []
    for window in windows:
        release = window.window.release_time_sec if window.window else None
        try:
            shot = judge_shot(compute_image_motion(window.track), release_s=release)
        except (MotionError, ShotError):
            labels.append([False] * len(SHOT_LABELS))
            numbers.append([0.0, 0.0])
            continue
        labels.append([label in shot.labels for label in SHOT_LABELS])
        numbers.append([shot.ite, shot.delay_ms])
    return ShotPredictions(np.array(labels), *np.array(numbers).T)


def predict_with_model(windows: Sequence[LabelledWindow], model: ModelSession) -> ShotPredictions:
    """The model on each window, at its own length."""
    outputs = [model.run({POSES: resample_to_30_fps(window.track)[None]}) for window in windows]
    preds = np.concatenate([output[PREDS] for output in outputs]).astype(np.float64)
    logits = np.concatenate([output[LOGITS] for output in outputs])
    return ShotPredictions(logits > 0, preds[:, 0], preds[:, 1])


def compute_scores(predictions: ShotPredictions, truth: ShotPredictions) -> dict[str, float]:
    """The table's figures by column: F1 0..1, milliseconds, points of ite."""
    predicted, true = (torch.from_numpy(each.labels).int() for each in (predictions, truth))
    by_label = {
        label: float(binary_f1_score(predicted[:, column], true[:, column])) for column, label in enumerate(SHOT_LABELS)
    }
    return {
        "macro F1": float(np.mean(list(by_label.values()))),
        **by_label,
        "delay_ms MAE": float(np.abs(predictions.delay_ms - truth.delay_ms).mean()),
        "ite MAE": float(np.abs(predictions.ite - truth.ite).mean()),
        "ite rank": compute_rank_correlation(predictions.ite, truth.ite),
    }


def compare(windows: Sequence[LabelledWindow], model: ModelSession) -> dict[str, dict[str, float]]:
    """``compute_scores`` of rules and model."""
    truth = read_truth(windows)
    return {
        "rules": compute_scores(predict_with_rules(windows), truth),
        "model": compute_scores(predict_with_model(windows, model), truth),
    }


def make_windows(count: int) -> list[LabelledWindow]:
    """Made players from a random stream that ``simulate_shots`` never uses: it numbers by seed, folder and shot."""
    return [make_shot_window(np.random.default_rng([UNSEEN, number])) for number in range(count)]


def format_scores(scores: dict[str, dict[str, float]]) -> list[str]:
    """The lines of the table."""
    rows = [
        [name, *(f"{value:.1f}" if column.endswith("MAE") else f"{value:.3f}" for column, value in row.items())]
        for name, row in scores.items()
    ]
    return format_table(["", *scores["rules"]], rows)


def make_evaluations(data: str, protocol: str, scores: dict[str, dict[str, float]], command: str) -> list[Evaluation]:
    """The figures that a model's card has, the rules' beside the model's."""
    return [
        Evaluation(
            data=data,
            protocol=protocol,
            metric=f"{column}, {source}",
            value=round(metrics[column], 3),
            command=command,
        )
        for source, metrics in scores.items()
        for column in ("macro F1", "delay_ms MAE", "ite rank")
        if column in metrics
    ]


def make_tracks(count: int) -> list[PoseTrack]:
    """Made players' whole clips, from the random stream of ``make_windows``."""
    tracks = []
    for number in range(count):
        rng = np.random.default_rng([UNSEEN, number])
        player, form, _ = sample_shot(rng)
        tracks.append(film(player, form, rng))
    return tracks


def format_steadiness(tracks: Sequence[PoseTrack], model: ModelSession) -> list[str]:
    """The lines of a table: the share of pairs of a shot and a disturbance within bounds, by rules and model."""
    rules, by_model = measure_steadiness(tracks), measure_steadiness(tracks, model)
    rows = [[kind, str(rules[kind].pairs), f"{rules[kind].share:.1%}", f"{by_model[kind].share:.1%}"] for kind in rules]
    return format_table(["disturbance", "pairs", "rules", "model"], rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; ends with code 1 and one sentence where it can't be done."""
    parser = make_parser("evaluate_shots", __doc__)
    parser.add_argument("--model", type=Path, default=Path("models/shot/1"), help="folder of model.onnx and card.json")
    parser.add_argument("--data_dir", type=Path, help="folder of labelled windows (default: made players)")
    parser.add_argument("--shots", type=whole_number(2), default=1000, help="how many made players (default 1000)")
    parser.add_argument(
        "--seed", type=whole_number(0), default=0, help="of the free throws' cameras and noise (default 0)"
    )
    parser.add_argument(
        "--steadiness", action="store_true", help="only how steady the answer is under what cameras and trackers do"
    )
    parser.add_argument("--output", type=Path, help="JSON file for the card (export_onnx --evaluation)")
    options = parser.parse_args(arguments)
    command = reproducible_command("training.evaluate_shots", arguments)
    folder = Path(os.environ.get(DATA_DIR, ""))
    free_throws = None
    try:
        model = ModelSession.open(options.model)
        if (folder / spl_dataset.FOLDER).is_dir() and not options.steadiness:
            free_throws = spl_dataset.read_free_throws(folder)
        if options.steadiness:
            sys.stdout.write("\n".join(format_steadiness(make_tracks(options.shots), model)) + "\n")
            return
        windows = read_windows(options.data_dir) if options.data_dir else make_windows(options.shots)
    except (ShotDataError, ModelError) as error:
        sys.exit(f"evaluate_shots: {error}")
    if options.data_dir:
        data, protocol = f"{len(windows)} windows of {options.data_dir}", "as they are; the release was given"
    else:
        data = f"{len(windows)} made players"
        protocol = "bodies and cameras that nothing was trained on; the release was given"
    scores = compare(windows, model)
    evaluations = make_evaluations(data, protocol, scores, command)
    lines = [f"{data}: {protocol}.", "", *format_scores(scores), ""]
    if free_throws:
        bodies, releases = free_throws
        scores = spl_dataset.compare(bodies, releases, model, options.seed)
        data = f"{spl_dataset.FOLDER}: {len(bodies)} free throws of one player"
        protocol = "whole recordings; the release was found"
        together = {judge: scores[f"{spl_dataset.ALL}, {judge}"] for judge in ("rules", "model")}
        evaluations += make_evaluations(data, f"four virtual cameras, {protocol}", together, command)
        lines += [f"{data}, {protocol}.", "", *spl_dataset.format_scores(scores)]
    else:
        lines.append(f"No free throws: {DATA_DIR} names no folder with {spl_dataset.FOLDER}.")
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(options.output) as file:
            file.write(msgspec.json.encode({"shot": evaluations}))
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
