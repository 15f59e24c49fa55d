"""What the extraction refuses before the work: paths that would cost a file, and libraries that are missing."""

import builtins
import subprocess
import sys
from pathlib import Path

import pytest

from landmarks.shots.keypoint_files import LabelledWindow, write_labelled
from landmarks.shots.keypoints import SHOT_LABELS
from landmarks.tracking.vision_libraries import LibraryError, check_libraries, import_library
from serve_app.settings import PROJECT_ROOT
from tests.unit.training.test_prepare_windows import made_track
from training import extract_keypoints


def extract(*flags: str | Path) -> None:
    extract_keypoints.main([str(flag) for flag in flags])


def test_no_output_is_written_over_the_video_or_another_output(tmp_path: Path) -> None:
    video, other = tmp_path / "a.mp4", tmp_path / "b.json"
    video.write_bytes(b"the only copy")
    link = tmp_path / "link.mp4"
    link.symlink_to(video)
    for flags, sentence in (
        ((video, other, "--overlay", video), "--video_path and --overlay are both"),
        ((video, other, "--overlay", link), "--video_path and --overlay are both"),
        ((video, video), "--video_path and --output_path are both"),
        ((video, other, "--overlay", other), "--output_path and --overlay are both"),
    ):
        with pytest.raises(SystemExit, match=sentence):
            extract("--video_path", flags[0], "--output_path", *flags[1:])
    assert video.read_bytes() == b"the only copy"


def test_labels_are_not_extracted_over(tmp_path: Path) -> None:
    labels = dict.fromkeys(SHOT_LABELS, False)
    write_labelled(LabelledWindow(made_track(), None, labels), tmp_path / "a.json")
    with pytest.raises(SystemExit, match=r"a.json is there, and its labels or targets would be lost"):
        extract("--video_path", tmp_path / "gone.mp4", "--output_path", tmp_path / "a.json")


@pytest.mark.parametrize("output", ["folder", "file/a.json"])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path, output: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match=r"extract_keypoints: .* can't be written: "):
        extract("--video_path", tmp_path / "gone.mp4", "--output_path", tmp_path / output)


def without(*modules: str) -> str:
    """A program's beginning that makes modules look as if they were not installed."""
    return f"import sys; sys.modules.update(dict.fromkeys({modules!r})); "


@pytest.mark.parametrize("name", ["extract_keypoints", "batch_extract"])
@pytest.mark.parametrize("missing", ["mediapipe", "cv2", "tqdm"])
def test_a_library_that_is_missing_is_named_with_the_commands(tmp_path: Path, name: str, missing: str) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video")
    flags = {
        "extract_keypoints": ["--video_path", str(tmp_path / "a.mp4"), "--output_path", str(tmp_path / "a.json")],
        "batch_extract": ["--videos_dir", str(tmp_path), "--output_dir", str(tmp_path / "out")],
    }[name]
    code = without(missing) + f"from training import {name}; {name}.main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, *flags], cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    shown = {"mediapipe": "MediaPipe", "cv2": "OpenCV"}.get(missing, missing)
    assert done.stderr.startswith(f"{name}: {shown} is not installed")
    assert "pip install -r training/requirements.txt, then pip install --no-deps mediapipe==1.2.2" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_system_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str) -> object:
        if name == "cv2":
            raise ImportError("libGL.so.1: cannot open shared object file")
        return real(name)

    monkeypatch.setattr("importlib.import_module", refuse)
    with pytest.raises(LibraryError, match=r"OpenCV can't be loaded \(libGL.so.1: .*sudo apt-get install"):
        import_library("cv2")


def test_what_is_missing_is_found_without_importing() -> None:
    check_libraries(["json", "msgspec"])
    with pytest.raises(
        LibraryError, match="no_such_module_a and no_such_module_b are not installed: pip install -r edge"
    ):
        check_libraries(["no_such_module_a", "json", "no_such_module_b"])
