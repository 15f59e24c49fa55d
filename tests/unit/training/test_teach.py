import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from landmarks.hands import Array, drop_z
from landmarks.models.vocabulary_files import read_vocabulary
from landmarks.synthetic import make_window
from serve_app.settings import PROJECT_ROOT
from training.teach import main

MODEL = str(PROJECT_ROOT / "models" / "gesture")
GESTURES = {"wave": 1, "point": 2}


def record(frames: int, count: int = 3) -> tuple[Array, list[str]]:
    """Made gestures, each recorded ``count`` times by a hand that is never quite the same."""
    draw = np.random.default_rng(frames)
    hands = [
        make_window(frames, use_z=True, seed=seed) + draw.normal(0, 0.003, (frames, 126))
        for seed in GESTURES.values()
        for _ in range(count)
    ]
    return np.stack(hands).astype(np.float32), [label for label in GESTURES for _ in range(count)]


def write(path: Path, hands: Array, label: list[str], **more: object) -> str:
    np.savez(path, hands=hands, label=np.array(label), **more)  # type: ignore[arg-type]
    return str(path)


def test_files_of_any_width_length_and_rate_become_one_vocabulary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short, labels = record(20)
    long, _ = record(60)
    files = [
        write(tmp_path / "short.npz", short, labels, session=np.array(["monday"] * len(labels)), fps=20.0),
        write(tmp_path / "long.npz", drop_z(long), labels),
    ]
    main(["--recordings", *files, "--output", str(tmp_path / "mine.vocabulary"), "--keep", "yes, no", "--model", MODEL])
    vocabulary = read_vocabulary(tmp_path / "mine.vocabulary")
    assert vocabulary.class_labels == ("point", "wave", "yes", "no", "none")
    assert vocabulary.recording.hands.shape == (12, 30, 126)
    assert np.unique(vocabulary.recording.session).tolist() == ["monday", "unknown"]
    printed = capsys.readouterr().out
    assert "mine.vocabulary knows point (6), wave (6), and keeps yes, no.\n" in printed
    assert "Left out one by one, 100% of the recordings are named right" in printed
    assert "Nothing is confused.\n" in printed
    assert "one sitting" not in printed


def test_windows_of_one_length_that_the_model_takes_stay_as_they_were(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hands, labels = record(20)
    write(tmp_path / "mine.npz", hands, labels)
    main(["--recordings", str(tmp_path), "--output", str(tmp_path / "mine.vocabulary"), "--model", MODEL])
    assert np.array_equal(read_vocabulary(tmp_path / "mine.vocabulary").recording.hands, hands)
    assert "All recordings of point, wave are from one sitting." in capsys.readouterr().out


def test_a_vocabulary_grows_by_further_recordings(tmp_path: Path) -> None:
    output = str(tmp_path / "mine.vocabulary")
    for frames in (20, 25):
        hands, labels = record(frames)
        more = write(tmp_path / f"{frames}.npz", hands, labels)
        grown = [output] if frames == 25 else []
        main(["--recordings", more, *grown, "--output", output, "--model", MODEL])
    assert read_vocabulary(tmp_path / "mine.vocabulary").recording.hands.shape == (12, 30, 126)


def test_of_a_long_window_the_frames_without_a_hand_at_its_ends_are_left_out(tmp_path: Path) -> None:
    hands, labels = record(20)
    padded = np.pad(hands, ((0, 0), (7, 20), (0, 0)))
    main(["--recordings", write(tmp_path / "a.npz", padded, labels), "--output", str(tmp_path / "a"), "--model", MODEL])
    taught = read_vocabulary(tmp_path / "a").recording.hands
    assert np.allclose(taught[:, [0, -1]], hands[:, [0, -1]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recordings", "nowhere.npz"], "nowhere.npz can't be read as a recording: No such file"),
        (["--recordings", "empty"], "empty has no .npz or .vocabulary file, expected at least one recording"),
        (["--recordings", "a.npz", "--keep", "wave,soup"], "keep has 'wave', expected labels of the base"),
        (["--recordings", "a.npz", "--model", "empty"], "empty holds no model"),
        (
            ["--recordings", "none-at-all.npz"],
            r"hands of none-at-all.npz has shape \(0, 24, 126\), expected recordings",
        ),
        (["--recordings", "a.npz", "still.npz"], r"still.npz: hands\[1\], a recording of wave, shows no hand"),
        (
            ["--recordings", "a.npz", "far.npz"],
            r"far.npz: hands\[2\]\[3\]\[4\] is 1e\+30, expected a number from -1e\+06",
        ),
        (["--recordings", "text.npz"], "label is .*U7fffffff.*, expected 1 to 64 printable"),
        (["--recordings", "none.npz"], "label names 0 gestures, expected 1 to 64 besides none"),
    ],
)
def test_what_cannot_be_taught_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    hands, labels = record(20)
    write(tmp_path / "a.npz", hands, labels)
    write(tmp_path / "none.npz", hands, ["none"] * len(labels))
    write(tmp_path / "none-at-all.npz", np.zeros((0, 24, 126), np.float32), [])
    broken = np.array(labels)
    broken.view(np.uint32)[0] = 0x7FFFFFFF
    np.savez(tmp_path / "text.npz", hands=hands, label=broken)
    still, far = hands.copy(), hands.copy()
    still[1], far[2, 3, 4] = 0, 1e30
    write(tmp_path / "still.npz", still, labels)
    write(tmp_path / "far.npz", far, labels)
    model = [] if "--model" in arguments else ["--model", MODEL]
    with pytest.raises(SystemExit, match=f"^teach: {message}"):
        main([*arguments, *model, "--output", "mine.vocabulary"])
    assert not (tmp_path / "mine.vocabulary").exists()


def test_spaces_around_a_label_and_how_its_letters_are_composed_make_no_other_gesture(tmp_path: Path) -> None:
    hands, _ = record(20)
    labels = ["wave", "wave ", " wave", "se\u00f1al", "sen\u0303al", "se\u00f1al"]
    recordings = write(tmp_path / "a.npz", hands, labels)
    main(["--recordings", recordings, "--output", str(tmp_path / "a.vocabulary"), "--model", MODEL])
    assert read_vocabulary(tmp_path / "a.vocabulary").gestures == ("se\u00f1al", "wave")


@pytest.mark.parametrize(
    ("name", "is_served"), [("ana.vocabulary", True), ("Ana B.vocabulary", False), ("ana", False), ("ana.npz", False)]
)
def test_a_name_that_cannot_be_served_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, is_served: bool
) -> None:
    recordings = write(tmp_path / "a.npz", *record(20))
    main(["--recordings", recordings, "--output", str(tmp_path / "out" / name), "--model", MODEL])
    warning = f"{name} can't be served by this name, expected NAME.vocabulary with 1 to 64 of a-z"
    assert (warning not in capsys.readouterr().out) == is_served
    assert (tmp_path / "out" / name).exists()


def test_teaching_needs_no_torch() -> None:
    code = "import sys, training.teach\nprint('torch' in sys.modules, 'ray' in sys.modules)"
    child = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert child.stdout == "False False\n"
