"""Windows cut out of keypoints files, with the release given and with the release found."""

from pathlib import Path

import numpy as np
import pytest

from landmarks.shots.keypoint_files import LabelledWindow, read_labelled, write_labelled, write_track
from landmarks.shots.keypoints import SHOT_LABELS, PoseTrack
from testkit.shots import TIMES, made_body
from training import prepare_windows


def made_track() -> PoseTrack:
    """A made shot as a square picture of 2.6 m from the player's right; the arm's fastest rise is at 1.3 s."""
    seen = made_body(dimensions=2)
    points = np.ones((90, 33, 3), np.float32)
    points[..., 0] = 0.3 + seen[..., 0] / 2.6
    points[..., 1] = 1 - seen[..., 1] / 2.6
    return PoseTrack(points, TIMES, tuple(range(90)), 720, 720, 30.0, "made.mp4")


def run(folder: Path, *flags: str) -> LabelledWindow:
    prepare_windows.main(["--input_json", str(folder / "a.json"), "--output_json", str(folder / "w.json"), *flags])
    return read_labelled(folder / "w.json")


def test_a_given_release_is_kept_with_the_frames_around_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_track(made_track(), tmp_path / "a.json")
    made = run(tmp_path, "--release_time_sec", "1.5")
    assert made.window is not None
    assert (made.window.release_time_sec, made.window.pre_ms, made.window.post_ms) == (1.5, 500, 200)
    assert made.track.times[[0, -1]] == pytest.approx([1.0, 1.7], abs=1e-5)
    assert made.track.indices == tuple(range(30, 52))
    assert (made.track.width, made.track.source_video, made.labels) == (720, "made.mp4", None)
    assert "22 frames, release at 1.500 s (given)" in capsys.readouterr().out


def test_without_a_release_it_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_track(made_track(), tmp_path / "a.json")
    made = run(tmp_path, "--pre_ms", "300", "--post_ms", "100")
    assert made.window is not None
    assert made.window.release_time_sec == pytest.approx(1.43, abs=0.03)
    assert made.track.times[-1] - made.track.times[0] == pytest.approx(0.4, abs=0.04)
    assert "(found)" in capsys.readouterr().out


def test_what_was_labelled_stays_labelled(tmp_path: Path) -> None:
    labels = dict.fromkeys(SHOT_LABELS, False) | {"brazo_no_alineado": True}
    write_labelled(LabelledWindow(made_track(), None, labels, {"ite": 60.0}), tmp_path / "a.json")
    made = run(tmp_path)
    assert (made.labels, made.targets) == (labels, {"ite": 60.0})


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--release_time_sec", "9"], "prepare_windows: 0 frames lie from 8.500 s to 9.200 s"),
        (["--input_json", "gone.json"], "prepare_windows: gone.json can't be read: No such file"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(tmp_path: Path, flags: list[str], sentence: str) -> None:
    write_track(made_track(), tmp_path / "a.json")
    with pytest.raises(SystemExit, match=sentence):
        run(tmp_path, *flags)
    assert not (tmp_path / "w.json").exists()


def test_frames_without_a_shot_ask_for_the_release(tmp_path: Path) -> None:
    track = made_track()
    still = PoseTrack(np.repeat(track.points[:1], 90, axis=0), track.times, track.indices, 720, 720)
    write_track(still, tmp_path / "a.json")
    with pytest.raises(SystemExit, match=r"the right arm rises by 0.00 trunk lengths.*; give --release_time_sec"):
        run(tmp_path)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "1e7", "soon"])
def test_a_release_that_is_no_time_is_refused(tmp_path: Path, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(tmp_path, f"--release_time_sec={value}")
    assert ended.value.code == 2
    assert f"'{value}' found, expected 0 to 1000000 seconds" in capsys.readouterr().err


def test_labels_and_other_files_are_not_written_over(tmp_path: Path) -> None:
    write_track(made_track(), tmp_path / "a.json")
    cut = run(tmp_path)
    run(tmp_path)  # without labels there is nothing to lose
    labelled = LabelledWindow(cut.track, cut.window, dict.fromkeys(SHOT_LABELS, False), {"ite": 60.0})
    write_labelled(labelled, tmp_path / "w.json")
    with pytest.raises(SystemExit, match=r"w.json is there, and its labels or targets would be lost"):
        run(tmp_path)
    assert read_labelled(tmp_path / "w.json").targets == {"ite": 60.0}
    with pytest.raises(SystemExit, match=r"a.json is the input too, and its other frames would be lost"):
        run(tmp_path, "--output_json", str(tmp_path / "a.json"))
    (tmp_path / "notes.json").write_text('"mine"')
    with pytest.raises(SystemExit, match=r"notes.json is there and would be lost: .* is not a keypoints file"):
        run(tmp_path, "--output_json", str(tmp_path / "notes.json"))
    assert (tmp_path / "notes.json").read_text() == '"mine"'


@pytest.mark.parametrize("value", ["-1", "60001", "long", "nan"])
def test_a_window_of_no_length_is_refused(tmp_path: Path, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path, "--pre_ms", value)
    assert f"'{value}' found, expected 0 to 60000 milliseconds" in capsys.readouterr().err
