"""A shot model file against the rules: one table on made players, one on recorded free throws.

    python -m training.evaluate_shots --model models/shot/1

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
from landmarks.shots.keypoints import SHOT_LABELS, resample_to_30_fps
from landmarks.shots.kinematics import MotionError, compute_image_motion
from landmarks.shots.release import ShotError
from landmarks.shots.rules import judge_shot
from training.command_line import make_parser, reproducible_command, whole_number
from training.data import spl_dataset
from training.data.shot_windows import ShotDataError, check_scales, read_files
from training.data.spl_dataset import compute_rank_correlation
from training.synthetic.shots import make_shot_window

UNSEEN: Final = 20_000

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ShotPredictions:
    """What the rules or the model predict for N windows: ``labels`` ``(N, 4)``, ``ite`` and ``delay_ms`` ``(N,)``."""

    labels: Bools
    ite: Floats
    delay_ms: Floats


def is_complete(window: LabelledWindow) -> bool:
    """Whether all labels and both targets of a window are known."""
    return len(window.labels or ()) == len(SHOT_LABELS) and len(window.targets) == 2


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


def format_table(scores: dict[str, dict[str, float]]) -> list[str]:
    """The lines of the table."""
    columns = list(scores["rules"])
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, metrics in scores.items():
        cells = [f"{value:.1f}" if column.endswith("MAE") else f"{value:.3f}" for column, value in metrics.items()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; ends with code 1 and one sentence where it can't be done."""
    parser = make_parser("evaluate_shots", __doc__)
    parser.add_argument("--model", type=Path, default=Path("models/shot/1"), help="folder of model.onnx and card.json")
    parser.add_argument("--data_dir", type=Path, help="folder of labelled windows (default: made players)")
    parser.add_argument("--shots", type=whole_number(2), default=1000, help="how many made players (default 1000)")
    parser.add_argument(
        "--seed", type=whole_number(0), default=0, help="of the free throws' cameras and noise (default 0)"
    )
    parser.add_argument("--output", type=Path, help="JSON file for the card (export_onnx --evaluation)")
    options = parser.parse_args(arguments)
    command = reproducible_command("training.evaluate_shots", arguments)
    try:
        files = read_files(options.data_dir) if options.data_dir else []
        check_scales(files)
        model = ModelSession.open(options.model)
    except (ShotDataError, ModelError) as error:
        sys.exit(f"evaluate_shots: {error}")
    if options.data_dir:
        windows = [file.window for file in files]
        windows = [window for window in windows if is_complete(window)]
        if not windows:
            sys.exit(f"evaluate_shots: {options.data_dir} has no window with all labels, ite and delay_ms")
        subject = f"{len(windows)} windows of {options.data_dir}", "as they are; the release was given"
    else:
        windows = make_windows(options.shots)
        subject = (
            f"{len(windows)} made players",
            "bodies and cameras that nothing was trained on; the release was given",
        )
    scores = compare(windows, model)
    evaluations = make_evaluations(*subject, scores, command)
    lines = [f"{subject[0]}: {subject[1]}.", "", *format_table(scores), ""]
    folder = Path(os.environ.get("HELEN_DATA_DIR", ""))
    if (folder / spl_dataset.FOLDER).is_dir():
        try:
            bodies, releases = spl_dataset.read_free_throws(folder)
        except ShotDataError as error:
            sys.exit(f"evaluate_shots: {error}")
        free_throws = spl_dataset.compare(bodies, releases, model, options.seed)
        subject = (
            f"{spl_dataset.FOLDER}: {len(bodies)} free throws of one player",
            "whole recordings; the release was found",
        )
        together = {source: free_throws[f"{spl_dataset.ALL}, {source}"] for source in ("rules", "model")}
        evaluations += make_evaluations(subject[0], f"four virtual cameras, {subject[1]}", together, command)
        lines += [f"{subject[0]}, {subject[1]}.", "", *spl_dataset.format_table(free_throws)]
    else:
        lines.append(f"No free throws: HELEN_DATA_DIR names no folder with {spl_dataset.FOLDER}.")
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(options.output) as file:
            file.write(msgspec.json.encode({"shot": evaluations}))
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
