import ast
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_client.settings import Thresholds
from landmarks.models.card import Evaluation
from training import simulate
from training.engine.config import CONFIGS
from training.engine.export import ExportError
from training.evaluate import main
from training.evaluation.experiments import VIEWS, Experiment, make_experiment
from training.evaluation.metrics import Predictions
from training.evaluation.prediction_cache import CODE, PredictionCache
from training.evaluation.report import write_report
from training.evaluation.results import ACCEPT_FROM, TEMPERATURE, ExperimentResult, FoldResult, format_results
from training.export_onnx import read_evaluation


def test_the_command_leaves_every_made_signer_out_and_writes_its_report(tmp_path: Path) -> None:
    simulate.main(["--output", str(tmp_path), "--windows", "4", "--signers", "2", "--frames", "20"])
    command = [sys.executable, "-m", "training.evaluate", "--data_dir", str(tmp_path), "--output"]
    more = [str(tmp_path / "report"), "--architectures", "recipe", "--seeds", "2", "--max_epochs", "1"]
    done = subprocess.run(
        [*command, *more],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "made_0 " in done.stdout and "made_1 " in done.stdout
    assert "MMAC" in done.stdout
    rows = read_evaluation(tmp_path / "report" / "evaluation.json", "bigru")
    assert {row.metric for row in rows} == {"pooled accuracy", "macro F1", "ECE"}
    assert all("mean of 2 seeds" in row.protocol for row in rows)
    with pytest.raises(ExportError, match="expected some of legacy_bigru"):
        read_evaluation(tmp_path / "report" / "evaluation.json", "legacy_bigru")
    picture = tmp_path / "report" / "report.png"
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size < 400_000
    text = (tmp_path / "report" / "report.md").read_text()
    assert "Drawn for the experiment bigru.\n\nF1 by label" in text
    assert "first 10 frames" in text


def test_a_temperature_is_fitted_on_the_people_that_each_fold_trains_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "asl_coffee_hands"
    simulate.main(["--output", str(folder), "--windows", "1", "--signers", "3", "--frames", "8"])
    monkeypatch.setenv("HELEN_DATA_DIR", str(tmp_path))
    main(["--rows", "plain:1", "--output", str(tmp_path / "report")])
    printed = capsys.readouterr().out
    assert "made_1, then made_2: " in printed
    assert "temperature fitted on the people trained with, seed 0: made_0 " in printed
    assert len(list((tmp_path / "report" / "answers").iterdir())) == 3 + 6
    (entry,) = [
        entry
        for entry in read_evaluation(tmp_path / "report" / "evaluation.json", "ensemble")
        if entry.metric == "ECE at fitted temperatures"
    ]
    assert entry.protocol.endswith("one seed")


@pytest.mark.parametrize(
    "arguments, folder, reason",
    [
        (["--rows", "asl:many"], "data", "asl:many"),
        (["--rows", "nonsense"], "data", "nonsense"),
        ([], "", "name a folder"),
    ],
)
def test_what_can_not_be_evaluated_is_refused_before_anything_trains(
    arguments: list[str],
    folder: str,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HELEN_DATA_DIR", folder)
    with pytest.raises(SystemExit):
        main(arguments)
    assert reason in capsys.readouterr().err


def made_row(*, unknown: bool) -> Experiment:
    views = ("as recorded",) if unknown else tuple(VIEWS)
    return Experiment("made", "made up", CONFIGS["bigru"], list, 1, 1, "50", "60", views, unknown)


def made_result(*, unknown: bool = False) -> ExperimentResult:
    rows = [([0.06, 0.9, 0.04], 1), ([0.6, 0.2, 0.2], 0), ([0.5, 0.1, 0.4], 2), ([0.9, 0.05, 0.05], 0)]
    truth = [-1 if unknown and label == 2 else label for _, label in rows]
    held = Predictions(np.array([row for row, _ in rows]), np.array(truth))
    row = made_row(unknown=unknown)
    tried = FoldResult("made_0", ("none", "hello", "yes"), dict.fromkeys(row.views, held))
    return ExperimentResult(row, [[tried], [tried]])


def test_a_row_of_the_table_has_what_was_before_what_is_wanted_and_each_seed() -> None:
    line = format_results({"made": made_result()})[-1]
    assert line.startswith("| made | made, made up | bigru | 50 | 60 | pooled accuracy 75.0 (75.0 75.0); ")


def test_an_interrupted_evaluation_goes_on_where_it_was(tmp_path: Path) -> None:
    simulate.main(["--output", str(tmp_path), "--windows", "2", "--signers", "2", "--frames", "8"])
    row, kept = make_experiment(tmp_path, "bigru", max_epochs=1, batch_size=8), PredictionCache(tmp_path / "answers")
    (fold, other), answers = row.folds(), made_result().runs[0][0].predictions
    assert kept.read(row, fold, 0) is None
    kept.write(row, fold, 0, answers)
    found = kept.read(row, fold, 0)
    assert found is not None and set(found) == set(VIEWS)
    np.testing.assert_allclose(found["as recorded"].probabilities, answers["as recorded"].probabilities, atol=1e-6)
    assert kept.read(row, fold, 1) is None and kept.read(row, other, 0) is None
    assert kept.read(replace(row, max_epochs=2), fold, 0) is None
    assert PredictionCache(None).read(row, fold, 0) is None


@pytest.mark.parametrize("part", ["train", "held_out"])
@pytest.mark.parametrize("change", ["points", "target", "label"])
def test_a_changed_value_is_trained_anew_though_all_sizes_are_equal(tmp_path: Path, part: str, change: str) -> None:
    simulate.main(["--output", str(tmp_path), "--windows", "2", "--signers", "2", "--frames", "8"])
    row, kept = make_experiment(tmp_path, "bigru", max_epochs=1, batch_size=8), PredictionCache(tmp_path / "answers")
    fold = row.folds()[0]
    kept.write(row, fold, 0, made_result().runs[0][0].predictions)
    assert kept.read(row, row.folds()[0], 0) is not None
    windows = fold.train if part == "train" else fold.held_out
    points, target, labels = windows.points.copy(), windows.target.copy(), windows.class_labels
    if change == "points":
        points[0, 0, 0] += 0.001
    elif change == "target":
        target[0] = (target[0] + 1) % len(labels)
    else:
        labels = ("other", *labels[1:])
    other = replace(windows, points=points, target=target, class_labels=labels)
    changed = replace(fold, train=other) if part == "train" else replace(fold, held_out=other)
    assert kept.read(row, changed, 0) is None


def test_other_code_trains_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulate.main(["--output", str(tmp_path), "--windows", "2", "--signers", "2", "--frames", "8"])
    row, kept = make_experiment(tmp_path, "bigru", max_epochs=1, batch_size=8), PredictionCache(tmp_path / "answers")
    fold = row.folds()[0]
    kept.write(row, fold, 0, made_result().runs[0][0].predictions)
    monkeypatch.setattr("training.evaluation.prediction_cache.code_digest", lambda: "of other networks")
    assert kept.read(row, fold, 0) is None


def test_the_code_that_an_answer_depends_on_is_all_that_the_protocols_import() -> None:
    """A module that someone adds to the networks must be in ``CODE`` too, or its changes go unseen."""
    root, found, waiting = (
        Path(simulate.__file__).parent.parent,
        {"training.evaluation.cross_validation"},
        ["training.evaluation.cross_validation"],
    )
    while waiting:
        tree = ast.parse((root / f"{waiting.pop().replace('.', '/')}.py").read_text())
        names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        new = {name for name in names if name.startswith(("training.", "landmarks."))} - found
        found |= new
        waiting += new
    expected = found - {"training.evaluation.metrics"}  # it counts, and predicts nothing
    assert {root / f"{name.replace('.', '/')}.py" for name in expected} <= set(CODE)


def test_a_kept_file_that_is_damaged_is_trained_anew(tmp_path: Path) -> None:
    simulate.main(["--output", str(tmp_path), "--windows", "2", "--signers", "2", "--frames", "8"])
    row, kept = make_experiment(tmp_path, "bigru", max_epochs=1, batch_size=8), PredictionCache(tmp_path / "answers")
    fold = row.folds()[0]
    kept.write(row, fold, 0, made_result().runs[0][0].predictions)
    (file,) = (tmp_path / "answers").iterdir()
    file.write_bytes(file.read_bytes()[:200])
    assert kept.read(row, fold, 0) is None


def test_a_row_on_unknown_signs_counts_what_is_accepted() -> None:
    metrics = made_result(unknown=True).metrics
    assert metrics["unknown accepted at 0.95"] == [0.0, 0.0]
    assert metrics["known accepted at 0.95"] == [1.0, 1.0]
    assert metrics["AUROC"] == [1.0, 1.0]


def test_signs_are_accepted_where_the_edge_would_begin_to() -> None:
    shipped = Thresholds()
    assert shipped.probability_on == ACCEPT_FROM
    assert shipped.temperature == pytest.approx(TEMPERATURE, abs=1e-3)


def test_each_fold_is_calibrated_by_the_people_it_trained_with() -> None:
    row = made_row(unknown=False)
    truth = np.array([0, 0, 0, 1])
    sure, shy = (Predictions(np.tile([p, 1 - p], (4, 1)), truth) for p in (0.9, 0.6))
    folds = [
        FoldResult("made_0", ("hello", "yes"), {"as recorded": sure}, sure),
        FoldResult("made_1", ("hello", "yes"), {"as recorded": shy}, shy),
    ]
    result = ExperimentResult(row, [folds])
    assert result.temperatures == {"made_0": pytest.approx(2.0), "made_1": pytest.approx(np.log(1.5) / np.log(3))}
    assert result.calibrated is not None
    np.testing.assert_allclose(result.calibrated.probabilities[:, 0], 0.75, atol=1e-6)
    assert result.metrics["ECE"] == [pytest.approx(0.15)]
    assert result.metrics["ECE at fitted temperatures"] == [pytest.approx(0, abs=1e-6)]
    assert made_result().calibrated is None


def test_the_report_draws_known_and_unknown_signs_and_holds_figures_only(tmp_path: Path) -> None:
    results = {"asl": made_result(), "unknown": made_result(unknown=True)}
    write_report(tmp_path, results, ["by fold"], "python -m training.evaluate")
    text = (tmp_path / "report.md").read_text()
    assert text.endswith("```\nby fold\n```\n")
    assert "Drawn for the experiment asl, signs accepted for the experiment unknown." in text
    assert "none 80, hello 100, yes 0" in text
    entries = msgspec.json.decode((tmp_path / "evaluation.json").read_bytes(), type=dict[str, list[Evaluation]])
    assert {entry.metric for entry in entries["bigru"]} >= {"AUROC", "ECE", "unknown accepted at 0.95"}
    assert (tmp_path / "report.png").stat().st_size < 400_000
