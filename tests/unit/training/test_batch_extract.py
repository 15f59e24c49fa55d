"""Which videos of a folder become which files."""

import time
from pathlib import Path

import pytest

pytest.importorskip("cv2", reason="OpenCV isn't installed (edge_client/requirements.txt)")
pytest.importorskip("mediapipe", reason="MediaPipe isn't installed (edge_client/requirements.txt)")

from training import batch_extract
from training.batch_extract import Extraction, extract_all, list_skipped, output_paths


def test_videos_keep_their_place_and_namesakes_their_ending(tmp_path: Path) -> None:
    for name in ("a.MP4", "b/a.mp4", "b/c.mov", "b/c.mp4", "b/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    outputs = output_paths(tmp_path, Path("out"))
    assert {str(video.relative_to(tmp_path)): str(output) for video, output in outputs.items()} == {
        "a.MP4": "out/a.json",
        "b/a.mp4": "out/b/a.json",
        "b/c.mov": "out/b/c.mov.json",
        "b/c.mp4": "out/b/c.mp4.json",
    }


def test_a_gif_is_a_video_and_what_is_skipped_is_known(tmp_path: Path) -> None:
    for name in ("a.gif", "b.WMV", "notes.txt", "photo.jpg", "._a.mp4", "out/a.json", "mine.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [video.name for video in output_paths(tmp_path, tmp_path / "out")] == ["a.gif", "b.WMV"]
    skipped = list_skipped(tmp_path, tmp_path / "out")
    assert [path.name for path in skipped] == ["mine.json", "notes.txt", "photo.jpg"]


def test_an_output_folder_that_cannot_be_written_is_said_once_and_first(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video")
    (tmp_path / "out").write_text("a file")
    with pytest.raises(SystemExit, match=r"batch_extract: .*out can't be written: "):
        batch_extract.main(["--videos_dir", str(tmp_path), "--output_dir", str(tmp_path / "out")])


def test_who_stops_early_waits_for_no_video_that_has_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    def extract_one(video: Path, output: Path) -> Extraction:
        begun.append(video)
        if len(begun) > 1:
            time.sleep(0.05)  # as long as it takes this test to stop
        return Extraction()

    monkeypatch.setattr(batch_extract, "extract_one", extract_one)
    running = extract_all({Path(f"{number}.mp4"): Path("a.json") for number in range(1000)}, workers=1)
    next(running)
    running.close()
    assert len(begun) < 1000


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="holds no video"):
        batch_extract.main(["--videos_dir", str(tmp_path), "--output_dir", str(tmp_path)])
    with pytest.raises(SystemExit, match="gone is not there, expected a folder of videos"):
        batch_extract.main(["--videos_dir", str(tmp_path / "gone"), "--output_dir", str(tmp_path)])
