"""Labelled windows as arrays of one length and one frame rate."""

from pathlib import Path

import numpy as np
import pytest

from landmarks.shots.keypoint_files import LabelledWindow, write_labelled
from landmarks.shots.keypoints import SHOT_LABELS, PoseTrack, ShotWindow
from training.data.shot_windows import (
    ShotDataError,
    ShotWindows,
    WindowFile,
    check_scales,
    read_files,
    read_split,
    stack_windows,
)
from training.synthetic.shots import sample_shot


def written(path: Path, frames: int = 21, fps: float = 30.0, height: float = 0.5, **said: object) -> None:
    points = np.full((frames, 33, 3), height, np.float32)
    points[..., 0] = np.linspace(0.2, 0.8, frames)[:, None]
    track = PoseTrack(points, 3.0 + np.arange(frames) / fps, tuple(range(frames)))
    write_labelled(LabelledWindow(track, **said), path)  # type: ignore[arg-type]


def make_arrays(folder: Path) -> ShotWindows:
    return stack_windows([file.window for file in read_files(folder)])


NONE_HOLDS = dict.fromkeys(SHOT_LABELS, False)


def test_files_become_arrays_and_what_nobody_said_is_nan(tmp_path: Path) -> None:
    written(tmp_path / "a.json", labels=NONE_HOLDS | {"brazo_no_alineado": True}, targets={"ite": 70.0})
    written(tmp_path / "b.labeled.json", targets={"ite": 10.0, "delay_ms": 90.0})
    written(tmp_path / "c.json", labels={"baja_transferencia": True, "brazo_no_alineado": False})
    shots = make_arrays(tmp_path)
    assert shots.x.shape == (3, 21, 33, 3) and shots.x.dtype == np.float32
    np.testing.assert_array_equal(shots.labels, [[0, 0, 0, 1], [np.nan] * 4, [1, np.nan, np.nan, 0]])
    np.testing.assert_array_equal(shots.targets, [[70, np.nan], [10, 90], [np.nan, np.nan]])


@pytest.mark.parametrize(("frames", "fps"), [(41, 60.0), (21, 30.0), (11, 15.0)])
def test_any_frame_rate_comes_to_thirty(tmp_path: Path, frames: int, fps: float) -> None:
    written(tmp_path / "a.json", frames, fps, labels=NONE_HOLDS)
    x = make_arrays(tmp_path).x
    assert x.shape[1] == 21
    np.testing.assert_allclose(x[0, :, 0, 0], np.linspace(0.2, 0.8, 21), atol=1e-4)


def test_a_shorter_window_ends_in_frames_that_are_not_seen(tmp_path: Path) -> None:
    written(tmp_path / "a.json", 21, labels=NONE_HOLDS)
    written(tmp_path / "b.json", 11, labels=NONE_HOLDS)
    short = make_arrays(tmp_path).x[1]
    assert (short[11:, :, 2] == 0).all() and (short[:11, :, 2] > 0).all()
    np.testing.assert_array_equal(short[20, :, :2], short[10, :, :2])


def test_a_folder_without_windows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShotDataError, match=r"holds no .json, expected labelled windows"):
        read_files(tmp_path / "train")


def test_files_that_teach_nothing_are_named(tmp_path: Path) -> None:
    written(tmp_path / "a.json")
    with pytest.raises(ShotDataError, match=r"a.json has neither labels nor targets"):
        read_files(tmp_path)
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ShotDataError, match=r"a.json is not a keypoints file"):
        read_files(tmp_path)


def test_a_window_is_cut_as_it_says(tmp_path: Path) -> None:
    written(tmp_path / "a.json", 61, labels=NONE_HOLDS, window=ShotWindow(4.0, 500, 200))
    x = make_arrays(tmp_path).x
    assert x.shape[1] == 22  # 0.7 s, both ends included
    np.testing.assert_allclose(x[0, [0, -1], 0, 0], [0.35, 0.56], atol=1e-4)


def test_a_window_beside_its_frames_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "a.json", labels=NONE_HOLDS, window=ShotWindow(1.0, 500, 200))
    with pytest.raises(ShotDataError, match=r"a.json: window doesn't fit its frames: 0 frames lie from 0.500 s"):
        read_files(tmp_path)


def two_folders(folder: Path, targets: list[dict[str, float]]) -> None:
    for number, said in enumerate(targets):
        name = folder / ("val" if number % 4 == 3 else "train") / f"{number}.json"
        written(name, labels=NONE_HOLDS, targets=said, height=0.3 + 0.05 * number)


def test_a_whole_video_is_refused_by_file_and_length(tmp_path: Path) -> None:
    written(tmp_path / "a.json", 301, 60.0, labels=NONE_HOLDS)
    with pytest.raises(ShotDataError, match=r"a.json holds 301 frames, 5.0 s, expected at most 4 s"):
        read_files(tmp_path)


@pytest.mark.parametrize(
    ("targets", "field"),
    [
        ({"ite": 0.8}, "targets.ite"),
        ({"ite": 80.0, "delay_ms": 0.09}, "targets.delay_ms"),
        ({"delay_ms": -0.1}, "delay"),
    ],
)
def test_targets_in_another_unit_are_refused_or_warned_of(
    tmp_path: Path, targets: dict[str, float], field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    two_folders(tmp_path / "all", [targets] * 4)
    with pytest.raises(ShotDataError, match=rf"{field}.* in 4 of 4 files, such as .*0.json: .*\? Expected"):
        read_split(tmp_path / "all")
    two_folders(tmp_path / "one", [targets, *[{"ite": 70.0, "delay_ms": 90.0}] * 3])
    read_split(tmp_path / "one")
    assert "in 1 of 4 files" in capsys.readouterr().err
    two_folders(tmp_path / "none", [{"ite": 0.0, "delay_ms": 0.0}] * 4)
    read_split(tmp_path / "none")
    small = {"ite": 12.0, "delay_ms": 7.0}
    two_folders(tmp_path / "some", [targets, small, small, {"ite": 70.0, "delay_ms": 90.0}])
    read_split(tmp_path / "some")
    # Nobody gives hundredths of a millisecond; a low ITE, or a tenth of a millisecond, is what sound data have too.
    assert ("in 1 of 4 files, such as 0.09 in" in capsys.readouterr().err) is (targets.get("delay_ms") == 0.09)


def a_set(targets: list[dict[str, float]]) -> list[WindowFile]:
    track = PoseTrack(np.zeros((2, 33, 3), np.float32), np.array([0.0, 0.1]), (0, 1))
    return [
        WindowFile(Path(f"{number}.json"), LabelledWindow(track, targets=said)) for number, said in enumerate(targets)
    ]


SOUND = [{"ite": 15.0 + number, "delay_ms": 10.0 + 2 * number} for number in range(72)]
IN_SECONDS = [{"delay_ms": said["delay_ms"] / 1000} for said in SOUND]
SHARES = [{"ite": said["ite"] / 100} for said in SOUND]


@pytest.mark.parametrize(
    ("targets", "sentence"),
    [
        (
            [{"delay_ms": 0.65}, *IN_SECONDS[1:]],
            r"targets.delay_ms .* 71 of 72 files, such as 0.012 in 1.json: are those s",
        ),
        ([*IN_SECONDS[:-1], {"delay_ms": 10.0}], r"targets.delay_ms .* 71 of 72 files, such as 0.01 in 0.json"),
        ([*SHARES[:-1], {"ite": 12.0}], r"targets.ite .* 71 of 72 files, such as 0.15 in 0.json: is that a share"),
        ([*SHARES[:6], {"ite": 12.0}], r"targets.ite .* 6 of 7 files"),
    ],
)
def test_one_value_of_the_right_unit_does_not_hide_that_most_are_in_another(
    targets: list[dict[str, float]], sentence: str
) -> None:
    with pytest.raises(ShotDataError, match=sentence):
        check_scales(a_set(targets))


def test_a_part_in_another_unit_is_warned_of_by_field_and_file(capsys: pytest.CaptureFixture[str]) -> None:
    check_scales(a_set([{**IN_SECONDS[at], **SHARES[at]} if at % 2 else SOUND[at] for at in range(72)]))
    ite, delay = capsys.readouterr().err.splitlines()
    assert ite.startswith("warning: targets.ite lies within 1 of 0 in 36 of 72 files, such as 0.16 in 1.json:")
    assert delay.startswith(
        "warning: targets.delay_ms lies within 0.6 of 0 in 36 of 72 files, such as 0.012 in 1.json:"
    )
    check_scales(a_set([*SOUND, IN_SECONDS[40]]))
    assert "targets.delay_ms lies within 0.6 of 0 in 1 of 73 files, such as 0.09 in 72.json" in capsys.readouterr().err


def test_made_shots_are_in_the_right_units(capsys: pytest.CaptureFixture[str]) -> None:
    made = [sample_shot(np.random.default_rng([0, number]))[2] for number in range(200)]
    targets = [{"ite": round(shot.ite, 2), "delay_ms": round(shot.delay_ms, 1)} for shot in made]
    assert any(0 < said["ite"] <= 1 for said in targets)
    for count in (20, 72, 200):
        check_scales(a_set(targets[:count]))
    check_scales(a_set(SOUND))
    assert not capsys.readouterr().err


def test_the_same_window_in_both_folders_is_refused_whatever_its_name_and_labels(tmp_path: Path) -> None:
    two_folders(tmp_path, [{"ite": 70.0}] * 4)
    written(tmp_path / "val" / "other.labeled.json", targets={"ite": 60.0}, height=0.35)
    with pytest.raises(
        ShotDataError, match=r"1 of the 2 windows .*such as other.labeled.json, which shows what 1.json"
    ):
        read_split(tmp_path)
