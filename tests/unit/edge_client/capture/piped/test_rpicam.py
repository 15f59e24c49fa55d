"""What the Pi's own camera is called, what its program is told, and what of its words is quoted."""

from pathlib import Path

import pytest

from edge_client.capture.frames import SourceError
from edge_client.capture.piped.rpicam import PiCamera, build_command, parse_camera, quote_error
from edge_client.settings import Capture

pytest.importorskip("cv2", reason="OpenCV is not installed here: see edge_client/README.md")


@pytest.mark.parametrize("name", ["rpicam:", "rpicam:x", "rpicam:12", "rpicam:²"])
def test_a_camera_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(SourceError, match=r"found, expected rpicam, or rpicam:1 for the second camera"):
        parse_camera(name)


@pytest.mark.parametrize("name", ["0", "rpicam.mp4", "rpicams", "tcp://pi:1", "rpicam://x", "-"])
def test_other_sources_are_not_the_pis_camera(name: str) -> None:
    assert parse_camera(name) is None


@pytest.mark.parametrize("size", [(650, 480), (640, 481)])
def test_raw_pictures_whose_rows_would_be_padded_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(SourceError, match=r"with capture.codec yuv420 expected a multiple of 64 and of 2"):
        PiCamera(0, Capture(codec="yuv420", width=size[0], height=size[1]))


@pytest.mark.parametrize(
    ("rotate", "mirror", "flags"),
    [
        (0, False, ""),
        (180, False, "--rotation 180"),
        (0, True, "--hflip"),
        (180, True, "--rotation 180 --hflip"),
        (90, True, ""),
        (270, False, ""),
    ],
)
def test_the_camera_turns_what_it_can(rotate: int, mirror: bool, flags: str) -> None:
    settings = Capture(rotate=rotate, mirror=mirror)  # type: ignore[arg-type]
    command = " ".join(build_command("rpicam-vid", 0, settings))
    turned = command.partition("--quality 85 ")[2].partition("--flush")[0].strip()
    assert turned == flags


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", ""),
        ("INFO all is well", ""),
        ("ERROR: *** failed to start output stream ***", "failed to start output stream"),
        ("ERROR one\nERROR: *** two ***\nthe end", "two"),
        ("[0:1] ERROR V4L2 x.cpp:1 Unable to set\x1b[0m", "[0:1] ERROR V4L2 x.cpp:1 Unable to set[0m"),
        ("ERROR: " + "x" * 900, "x" * 200),
    ],
)
def test_an_error_is_quoted_in_a_line(text: str, quoted: str) -> None:
    assert quote_error(text) == quoted


def test_the_kernel_ends_it_with_a_client_that_is_killed_where_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build_command("rpicam-vid", 0, Capture())[0] == "rpicam-vid"
    guard = tmp_path / "setpriv"
    guard.touch(0o755)
    guarded = build_command("rpicam-vid", 0, Capture())
    assert guarded[:5] == [str(guard), "--pdeathsig", "KILL", "--", "rpicam-vid"]
