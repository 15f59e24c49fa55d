"""Which videos of a folder become which files."""

from pathlib import Path

import pytest

pytest.importorskip("cv2", reason="OpenCV isn't installed (edge_client/requirements.txt)")
pytest.importorskip("mediapipe", reason="MediaPipe isn't installed (edge_client/requirements.txt)")

from training import batch_extract
from training.batch_extract import outputs_of


def test_videos_keep_their_place_and_namesakes_their_ending(tmp_path: Path) -> None:
    for name in ("a.MP4", "b/a.mp4", "b/c.mov", "b/c.mp4", "b/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    outputs = outputs_of(tmp_path, Path("out"))
    assert {str(video.relative_to(tmp_path)): str(output) for video, output in outputs.items()} == {
        "a.MP4": "out/a.json",
        "b/a.mp4": "out/b/a.json",
        "b/c.mov": "out/b/c.mov.json",
        "b/c.mp4": "out/b/c.mp4.json",
    }


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="holds no video"):
        batch_extract.main(["--videos_dir", str(tmp_path), "--output_dir", str(tmp_path)])
    with pytest.raises(SystemExit, match="gone is not there, expected a folder of videos"):
        batch_extract.main(["--videos_dir", str(tmp_path / "gone"), "--output_dir", str(tmp_path)])
