"""The table of free throws: its figures on small cases, and that recordings are read as the camera sees them."""

from pathlib import Path

import numpy as np
import pytest

from landmarks.models.card import Training
from landmarks.models.session import ModelSession
from landmarks.pose import POINT, POSE_NAMES
from landmarks.shots.rules import judge_shot
from testkit.shots import made_motion
from training.data.spl_dataset import (
    compare,
    compute_rank_correlation,
    compute_scores,
    format_scores,
    name_recorded_joint,
    read_free_throws,
)
from training.engine.checkpoints import Checkpoint, make_shot_metadata
from training.engine.export import export
from training.networks.shot_tcn import ShotTCN, ShotTCNConfig
from training.synthetic.cameras import VIEWS


@pytest.mark.parametrize(
    ("name", "joint"),
    [("nose", "NOSE"), ("mouth_left", "NOSE"), ("left_eye_inner", "L_EYE"), ("right_foot_index", "R_1STTOE")],
)
def test_points_are_taken_from_the_recordings_joints(name: str, joint: str) -> None:
    assert name_recorded_joint(name) == joint


def test_every_point_has_a_joint() -> None:
    assert len({name_recorded_joint(name) for name in POSE_NAMES}) == 25


@pytest.mark.parametrize(
    ("second", "expected"),
    [([10.0, 20.0, 90.0], 1.0), ([3.0, 2.0, 1.0], -1.0), ([2.0, 1.0, 3.0], 0.5), ([5.0, 5.0, 9.0], 0.75**0.5)],
)
def test_the_rank_correlation_reads_order_alone(second: list[float], expected: float) -> None:
    assert compute_rank_correlation([1.0, 2.0, 3.0], second) == pytest.approx(expected, abs=1e-5)


def test_a_row_counts_frames_off_and_milliseconds() -> None:
    shots = [judge_shot(made_motion(1.0, 1.0)), judge_shot(made_motion(1.0, 1.1))]
    truth = [shots[0], judge_shot(made_motion(1.0, 1.05))]
    releases = np.array([round(shots[0].release * 30), round(shots[1].release * 30) + 2.0])
    figures = compute_scores(shots, truth, releases)
    cells = [cell.strip() for cell in format_scores({"made": figures})[2].split("|")[1:-1]]
    assert cells[:3] == ["made", "50.0%", "100.0%"]
    assert float(cells[4]) == pytest.approx(abs(shots[1].delay_ms - truth[1].delay_ms) / 2, abs=0.1)


def test_recorded_players_face_the_basket_and_shoot_with_the_right_hand(data_dir: Path) -> None:
    bodies, releases = read_free_throws(data_dir)
    assert bodies.shape[1:] == (240, 33, 3) and len(releases) == len(bodies)
    first = bodies[0, int(releases[0])]
    assert first[POINT["right_wrist"], 2] > first[POINT["left_wrist"], 2] > first[POINT["nose"], 2]
    assert first[POINT["left_shoulder"], 1] > first[POINT["right_shoulder"], 1]
    assert first[POINT["right_foot_index"], 0] > first[POINT["right_heel"], 0]


def test_the_table_has_each_view_by_rules_and_model(data_dir: Path, tmp_path: Path) -> None:
    metadata = make_shot_metadata(
        Training(data="none", licence="none", split="none", command="none", date="2026-01-01")
    )
    network = ShotTCN(ShotTCNConfig(channels=8, blocks=1)).eval()
    export(Checkpoint(network, metadata), tmp_path / "model.onnx", name="shot")
    bodies, releases = read_free_throws(data_dir)
    lines = format_scores(compare(bodies[:2], releases[:2], ModelSession.open(tmp_path), 0))
    views = [f"{view}, {judge}" for view in VIEWS for judge in ("rules", "model")]
    assert [line.split("|")[1].strip() for line in lines[2:]] == [
        "3-D, no noise",
        *views,
        "all views, rules",
        "all views, model",
    ]
