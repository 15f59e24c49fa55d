"""Poses out of real and of empty videos, by the real tracker."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2", reason="OpenCV isn't installed (edge_client/requirements.txt)")
pytest.importorskip("mediapipe", reason="MediaPipe isn't installed (edge_client/requirements.txt)")

from landmarks.pose import POINT  # noqa: E402
from landmarks.shots.keypoint_files import read_track  # noqa: E402
from landmarks.tracking.assets import POSE_LANDMARKER, AssetError, find_asset  # noqa: E402 - after the skip
from tests.unit.training.video.test_files import made_video  # noqa: E402
from training import batch_extract, extract_keypoints  # noqa: E402
from training.extract_keypoints import NobodyError, extract  # noqa: E402
from training.video.files import VideoError, VideoFile  # noqa: E402


@pytest.fixture(autouse=True)
def pose_model() -> None:
    try:
        find_asset(POSE_LANDMARKER)
    except AssetError as error:
        pytest.skip(f"MediaPipe's pose model isn't there: {error}")


@pytest.fixture
def signer(data_dir: Path) -> Path:
    """58 frames of a person's upper body, 540 × 720."""
    return data_dir / "videos" / "signer_upper_body.mp4"


def test_a_video_becomes_a_file_and_an_overlay(
    signer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, overlay = tmp_path / "a.json", tmp_path / "a.mp4"
    command = ["--video_path", str(signer), "--output_path", str(output), "--stride", "6", "--overlay", str(overlay)]
    extract_keypoints.main(command)
    track = read_track(output)
    assert (track.width, track.height, track.source_video) == (540, 720, "signer_upper_body.mp4")
    assert track.fps == pytest.approx(29.92, abs=0.01)
    assert track.indices == (0, 6, 12, 18, 24, 30, 36, 42, 48, 54)
    assert track.times == pytest.approx(np.arange(10) * 6 / 29.92, abs=0.02)
    assert (track.points[:, POINT["left_shoulder"], 0] > track.points[:, POINT["right_shoulder"], 0]).all()
    assert (track.points[:, POINT["nose"], 2] > 0.9).all()
    assert "a person in 10 of 10 frames (100.0%)" in capsys.readouterr().out
    with VideoFile(overlay) as video:
        assert len(list(video.frames())) == 10


def test_a_video_without_a_person_says_so(tmp_path: Path) -> None:
    with pytest.raises(NobodyError, match=r"a.mp4 shows no person in any of 12 frames"):
        extract(made_video(tmp_path / "a.mp4"))


def test_a_missing_video_says_so_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="is not there"):
        extract(tmp_path / "gone.mp4")
    with pytest.raises(SystemExit, match=r"extract_keypoints: .*gone.mp4 is not there"):
        extract_keypoints.main(["--video_path", str(tmp_path / "gone.mp4"), "--output_path", str(tmp_path / "a.json")])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stride", ["0", "-1", "two"])
def test_a_stride_below_one_is_refused(stride: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        extract_keypoints.main(["--video_path", "a", "--output_path", "b", "--stride", stride])
    assert f"'{stride}' found, expected a whole number from 1 up" in capsys.readouterr().err


def test_a_folder_is_extracted_past_bad_videos_and_taken_up_again(
    tmp_path: Path, signer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    videos, output = tmp_path / "videos", tmp_path / "keypoints"
    (videos / "sub").mkdir(parents=True)
    (videos / "bad.mp4").write_bytes(b"no video")
    short = cv2.VideoWriter(str(videos / "sub" / "good.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, (540, 720))
    with VideoFile(signer) as video:
        for frame in video.frames(stride=10):
            short.write(frame.image)
    short.release()
    command = ["--videos_dir", str(videos), "--output_dir", str(output), "--workers", "1"]
    with pytest.raises(SystemExit) as ended:
        batch_extract.main(command)
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert said.out == "1 extracted, 0 there already, 1 failed\n"
    assert "bad.mp4 can't be opened: it is no video" in said.err
    assert [path.relative_to(output) for path in output.rglob("*.json")] == [Path("sub/good.json")]
    assert len(json.loads((output / "sub" / "good.json").read_text())["frames"]) == 6
    with pytest.raises(SystemExit):
        batch_extract.main(command)
    assert capsys.readouterr().out == "0 extracted, 1 there already, 1 failed\n"


def test_a_video_that_crashes_the_extraction_is_told_by_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashing = tmp_path / "python"
    crashing.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crashing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(crashing))
    extraction = batch_extract.extract_one(tmp_path / "a.mp4", tmp_path / "a.json")
    assert extraction.problem == f"{tmp_path / 'a.mp4'} ended the extraction with code -11"


def cut_off(whole: Path, part: Path) -> Path:
    """A video of which the first half is there; its table of frames comes first in this one."""
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    return part


def test_a_video_that_is_cut_off_is_extracted_and_said_to_be(
    tmp_path: Path, signer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "videos").mkdir()
    cut_off(signer, tmp_path / "videos" / "a.mp4")
    (tmp_path / "videos" / "notes.txt").touch()
    for _ in range(2):  # a second run does nothing, and says the same
        with pytest.raises(SystemExit) as ended:
            batch_extract.main(["--videos_dir", str(tmp_path / "videos"), "--output_dir", str(tmp_path / "out")])
        assert ended.value.code == 1
        said = capsys.readouterr()
        assert said.out == "0 extracted, 0 there already, 0 failed, 1 cut off, 1 skipped\n"
        assert "a.mp4: 23 of 58 frames could be read: it is cut off or damaged" in said.err
        assert "notes.txt is skipped: it ends in none of the video endings" in said.err
        assert len(read_track(tmp_path / "out" / "a.json").times) == 23
    command = ["--video_path", str(tmp_path / "videos" / "a.mp4"), "--output_path", str(tmp_path / "b.json")]
    with pytest.raises(SystemExit, match=r"extract_keypoints: .*a.mp4: 23 of 58 frames could be read"):
        extract_keypoints.main([*command, "--stride", "4"])
    assert "of 6 frames" in capsys.readouterr().out
    assert len(read_track(tmp_path / "b.json").times) == 6


def test_what_is_there_is_whole_at_any_stride_and_another_file_is_left_alone(
    tmp_path: Path, signer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    videos, output = tmp_path / "videos", tmp_path / "out"
    videos.mkdir()
    for name in ("a.mp4", "b.mp4"):
        (videos / name).symlink_to(signer)
    command = ["--video_path", str(signer), "--output_path", str(output / "a.json"), "--stride", "12"]
    extract_keypoints.main(command)
    (output / "b.json").write_text("[]")
    capsys.readouterr()
    batch_extract.main(["--videos_dir", str(videos), "--output_dir", str(output)])
    assert capsys.readouterr().out == "0 extracted, 2 there already, 0 failed\n"


def test_poses_are_written_although_the_overlay_cannot_be(
    tmp_path: Path, signer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, folder = tmp_path / "a.json", tmp_path / "o.mp4"
    folder.mkdir()
    command = ["--video_path", str(signer), "--output_path", str(output), "--stride", "29", "--overlay", str(folder)]
    with pytest.raises(SystemExit, match=r"extract_keypoints: .*o.mp4 can't be written: it is a folder"):
        extract_keypoints.main(command)
    assert len(read_track(output).times) == 2
    assert "a person in 2 of 2 frames" in capsys.readouterr().out


def test_a_gif_is_extracted(tmp_path: Path, signer: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    with VideoFile(signer) as video:
        pictures = [image.fromarray(frame.image[..., ::-1]) for frame in video.frames(stride=20)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=200)
    assert extract(tmp_path / "a.gif")[0].times == pytest.approx([0, 0.2, 0.4])
