"""Made data sets: every file is a labelled window, the truth is the generator's own, and seeds are kept."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from landmarks.pose import POINT
from landmarks.shots.keypoint_files import read_labelled
from landmarks.shots.keypoints import SHOT_LABELS
from tests.unit.training.synthetic.test_players import FORM, PLAYER
from training import simulate_shots
from training.synthetic.shot_parameters import Player, ShotParameters
from training.synthetic.shots import compute_true_shot, film, occlude, sample_shot


def test_files_are_labelled_windows_in_two_folders(tmp_path: Path) -> None:
    simulate_shots.main(["--output", str(tmp_path), "--shots", "6", "--val_shots", "2"])
    names = Counter(path.parent.name for path in tmp_path.rglob("*.labeled.json"))
    assert names == {"train": 6, "val": 2}
    for path in tmp_path.rglob("*.json"):
        made = read_labelled(path)
        assert made.labels is not None and set(made.labels) == set(SHOT_LABELS)
        assert set(made.targets) == {"ite", "delay_ms"}
        assert made.window is not None
        span = made.track.times[-1] - made.track.times[0]
        assert {"train": 0.8, "val": 0.6}[path.parent.name] < span <= {"train": 0.901, "val": 0.701}[path.parent.name]
        assert made.track.points[..., :2].min() >= 0 and made.track.points[..., :2].max() <= 1


def test_a_seed_makes_the_same_shots_and_the_two_folders_differ(tmp_path: Path) -> None:
    for folder, count in (("a", "1"), ("b", "2")):
        simulate_shots.main(["--output", str(tmp_path / folder), "--shots", count, "--val_shots", "1", "--seed", "5"])
    first, again = (tmp_path / folder / "train" / "shot_00000.labeled.json" for folder in ("a", "b"))
    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() != (tmp_path / "a" / "val" / "shot_00000.labeled.json").read_bytes()


def test_other_windows_are_neither_mixed_with_made_ones_nor_lost(tmp_path: Path) -> None:
    mine = tmp_path / "val" / "mine.json"
    mine.parent.mkdir()
    mine.write_text("{}")
    with pytest.raises(SystemExit, match=r"val holds 1 windows that are none of the 1 to be made, such as mine.json"):
        simulate_shots.main(["--output", str(tmp_path), "--shots", "1", "--val_shots", "1"])
    assert list(tmp_path.rglob("*.json")) == [mine]


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({}, None),
        ({"legs_lead": 0.28}, "baja_transferencia"),
        ({"legs_lead": -0.12}, "baja_transferencia"),
        ({"wrist_lag": -0.12}, "muneca_adelantada"),
        ({"sway": 0.14}, "pickup_inconsistente"),
        ({"tilt": 45}, "brazo_no_alineado"),
    ],
)
def test_a_fault_of_form_is_that_label_in_the_truth(change: dict[str, float], label: str | None) -> None:
    assert compute_true_shot(PLAYER, replace(FORM, **change)).labels == (() if label is None else (label,))


def test_the_true_delay_is_the_legs_lead_but_for_what_gravity_takes() -> None:
    delays = [compute_true_shot(PLAYER, replace(FORM, legs_lead=lead)).delay_ms for lead in (0.05, 0.10, 0.20)]
    assert np.diff(delays) == pytest.approx([50, 100], abs=15)


def test_a_filmed_player_is_in_the_picture() -> None:
    for seed in range(40):
        track = film(PLAYER, FORM, np.random.default_rng(seed))
        inside = (track.points[..., 1] > 0) & (track.points[..., 1] < 1)
        assert inside.mean() > 0.97
        heads, feet = track.points[:, POINT["nose"], 1], track.points[:, POINT["left_heel"], 1]
        assert (heads < feet).all()


def test_a_form_that_is_no_shot_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    forms = iter([replace(FORM, arm_carry=140, elbow_carry=160), FORM])
    monkeypatch.setattr(ShotParameters, "sample", lambda draw: next(forms))
    monkeypatch.setattr(Player, "sample", lambda draw: PLAYER)
    assert sample_shot(np.random.default_rng(0))[1] == FORM


def test_hidden_points_are_hidden_and_off() -> None:
    shown = 0
    for seed in range(20):
        points = np.full((30, 33, 3), 0.9, np.float32)
        occlude(points, np.random.default_rng(seed))
        hidden = points[..., 2] < 0.3
        shown += not hidden.any()
        assert (points[~hidden] == np.float32(0.9)).all()
        assert hidden.any(axis=0).sum() <= 1
    assert 0 < shown < 20
