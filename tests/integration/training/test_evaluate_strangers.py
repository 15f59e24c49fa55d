import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec import structs

from landmarks.models.card import CARD_FILE, read_card, write_card
from landmarks.models.session import ModelSession
from landmarks.synthetic import make_window
from serve_app.settings import PROJECT_ROOT
from training.data.strangers import GERMAN, KOREAN, TUTORIALS
from training.evaluate_strangers import main
from training.evaluation.few_shot import EmbeddedSigns, teach_across, teach_same

MODEL = PROJECT_ROOT / "models" / "gesture" / "1"
RECORDINGS = 7
PEOPLE = {
    "person_0": ("hello", "thank-you", "bye", "sad"),
    "person_1": ("hello", "my", "idle"),
    "person_2": ("yes", "no"),
}
SESSIONS = {f"session_{number}": ("a", "b", "c", "d") for number in range(3)}


def write(folder: Path, groups: Mapping[str, tuple[str, ...]], column: str, recordings: int = RECORDINGS) -> None:
    folder.mkdir()
    draw = np.random.default_rng(0)
    rows = [(group, label) for group, labels in groups.items() for label in labels for _ in range(recordings)]
    kinds = sorted({label for _, label in rows})
    hands = [
        make_window(12, use_z=True, seed=kinds.index(label)) + draw.normal(0, 0.003, (12, 126)) for _, label in rows
    ]
    np.savez(
        folder / "made.npz",
        hands=np.array(hands, np.float32),
        label=np.array([label for _, label in rows]),
        **{column: np.array([group for group, _ in rows])},  # type: ignore[arg-type]
    )


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The three sets, of made hands."""
    root = tmp_path / "data"
    root.mkdir()
    write(root / TUTORIALS, PEOPLE, "signer")
    write(root / KOREAN, SESSIONS, "session")
    write(root / GERMAN, {"several": tuple(f"word {number}" for number in range(20))}, "signer", 1)
    monkeypatch.setenv("HELEN_DATA_DIR", str(root))
    return root


def test_one_command_prints_the_table_and_writes_a_report_and_the_cards_figures(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, output = tmp_path / "model", tmp_path / "report"
    shutil.copytree(MODEL, model)
    card = read_card(model / CARD_FILE)
    stale = structs.replace(card.evaluation[0], command="python -m training.evaluate_strangers --card")
    others = tuple(each for each in card.evaluation if "evaluate_strangers" not in each.command)
    write_card(structs.replace(card, evaluation=(stale, *others)), model / CARD_FILE)
    main(["--model", str(model), "--output", str(output), "--card", "--trained-on", KOREAN])
    table = capsys.readouterr().out
    for row in ("taught, 5 at random", "taught, 1 at random", "taught, the first 5", "3 in each of 2 sessions"):
        assert f"| taught, {row.removeprefix('taught, ')} | " in table
    for row in ("upside down", "mirrored", "bundled words |", "unknown signs", "cost of a window", "worst |"):
        assert row in table
    rows = [line for line in table.splitlines() if KOREAN in line]
    assert rows and all("(trained on)" in row for row in rows)
    assert not any("(trained on)" in line for line in table.splitlines() if KOREAN not in line)
    assert "| taught, 5 at random | asl_tutorials_mit, three people, 3 to 11 signs | 100.0 |" in table
    report = (output / "report.md").read_text()
    assert table.strip().splitlines()[0] in report and (output / "report.png").stat().st_size > 10_000
    figures = msgspec.json.decode((output / "evaluation.json").read_bytes())["gesture"]
    evaluation = ModelSession.open(model).card.evaluation
    assert [each for each in evaluation if "evaluate_strangers" not in each.command] == list(others)
    assert len(evaluation) == len(others) + len(figures)


def test_without_the_recordings_it_says_which_folder_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELEN_DATA_DIR", str(tmp_path))
    with pytest.raises(SystemExit, match=r"^evaluate_strangers: .*asl_tutorials_mit has no \.npz file"):
        main(["--model", str(MODEL)])
    monkeypatch.delenv("HELEN_DATA_DIR")
    with pytest.raises(SystemExit, match="2"):
        main([])


def made_signs() -> EmbeddedSigns:
    """Two groups of four labels with eight recordings each; nothing is embedded."""
    group = np.repeat(["one", "two"], 32)
    label = np.tile(np.repeat(["a", "b", "c", "idle"], 8), 2)
    return EmbeddedSigns("made", np.zeros((64, 10, 4), np.float32), label, group)


def test_taught_recordings_are_never_tested_and_rest_is_neither() -> None:
    teachings = list(teach_same(made_signs(), 5, 3))
    assert len(teachings) == 6
    for teaching in teachings:
        assert not set(teaching.taught.tolist()) & set(teaching.tested.tolist())
        assert len(teaching.taught) == 2 * 5 and len(teaching.tested) == 24 - 10
        assert "idle" not in teaching.signs.label
    first = next(teach_same(made_signs(), 5, 1, consecutive=True))
    assert all(set(range(0, 5)) <= {int(i) % 8 for i in first.taught} for _ in first.taught)


def test_across_sessions_the_tested_ones_were_never_seen() -> None:
    for teaching in teach_across(made_signs(), 5, 1, 2):
        taught, tested = (set(teaching.signs.group[part].tolist()) for part in (teaching.taught, teaching.tested))
        assert not taught & tested


def test_draws_are_the_same_every_time() -> None:
    once, again = (list(teach_same(made_signs(), 2, 2)) for _ in range(2))
    assert [each.taught.tolist() for each in once] == [each.taught.tolist() for each in again]
