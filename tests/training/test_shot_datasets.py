"""Labelled windows as arrays of one length and one frame rate."""

from pathlib import Path

import numpy as np
import pytest

from landmarks.keypoint_files import LabelledWindow, write_labelled
from landmarks.keypoints import SHOT_LABELS, PoseTrack
from training.shot_datasets import ShotDataError, read_shots


def written(path: Path, frames: int = 21, fps: float = 30.0, **said: object) -> None:
    points = np.full((frames, 33, 3), 0.5, np.float32)
    points[..., 0] = np.linspace(0.2, 0.8, frames)[:, None]
    track = PoseTrack(points, 3.0 + np.arange(frames) / fps, tuple(range(frames)))
    write_labelled(LabelledWindow(track, **said), path)  # type: ignore[arg-type]


NONE_HOLDS = dict.fromkeys(SHOT_LABELS, False)


def test_files_become_arrays_and_what_nobody_said_is_nan(tmp_path: Path) -> None:
    written(tmp_path / "a.json", labels=NONE_HOLDS | {"brazo_no_alineado": True}, targets={"ite": 70.0})
    written(tmp_path / "b.labeled.json", targets={"ite": 10.0, "delay_ms": 90.0})
    shots = read_shots(tmp_path)
    assert shots.x.shape == (2, 21, 33, 3) and shots.x.dtype == np.float32
    np.testing.assert_array_equal(shots.labels, [[0, 0, 0, 1], [np.nan] * 4])
    np.testing.assert_array_equal(shots.targets, [[70, np.nan], [10, 90]])


@pytest.mark.parametrize(("frames", "fps"), [(41, 60.0), (21, 30.0), (11, 15.0)])
def test_any_frame_rate_comes_to_thirty(tmp_path: Path, frames: int, fps: float) -> None:
    written(tmp_path / "a.json", frames, fps, labels=NONE_HOLDS)
    x = read_shots(tmp_path).x
    assert x.shape[1] == 21
    np.testing.assert_allclose(x[0, :, 0, 0], np.linspace(0.2, 0.8, 21), atol=1e-4)


def test_a_shorter_window_ends_in_frames_that_are_not_seen(tmp_path: Path) -> None:
    written(tmp_path / "a.json", 21, labels=NONE_HOLDS)
    written(tmp_path / "b.json", 11, labels=NONE_HOLDS)
    short = read_shots(tmp_path).x[1]
    assert (short[11:, :, 2] == 0).all() and (short[:11, :, 2] > 0).all()
    np.testing.assert_array_equal(short[20, :, :2], short[10, :, :2])


def test_a_folder_without_windows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShotDataError, match=r"holds no .json, expected labelled windows"):
        read_shots(tmp_path / "train")


def test_files_that_teach_nothing_are_named(tmp_path: Path) -> None:
    written(tmp_path / "a.json")
    with pytest.raises(ShotDataError, match=r"a.json has neither labels nor targets"):
        read_shots(tmp_path)
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ShotDataError, match=r"a.json is not a keypoints file"):
        read_shots(tmp_path)
