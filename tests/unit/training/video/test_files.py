"""Videos made on the spot: their frames and times, turned pictures, and files that are none."""

import contextlib
import math
from pathlib import Path

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2", reason="OpenCV isn't installed (edge_client/requirements.txt)")

from landmarks.pose import POINT, Array  # noqa: E402 - after the skip
from training.video.files import Overlay, VideoError, VideoFile, draw_pose, next_time, writable_rate  # noqa: E402


def made_video(path: Path, frames: int = 12, fps: float = 20.0) -> Path:
    """Grey frames that get brighter, 64 × 48, the left half black."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (64, 48))
    for number in range(frames):
        image = np.full((48, 64, 3), 20 * number, np.uint8)
        image[:, :32] = 0
        writer.write(image)
    writer.release()
    return path


def turned(path: Path) -> Path:
    """Write a quarter turn clockwise into the MP4's track header, as a phone held upright does."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    one, minus_one, half = (0x10000).to_bytes(4, "big"), (-0x10000).to_bytes(4, "big", signed=True), b"\x40\0\0\0"
    zero = bytes(4)
    data[matrix : matrix + 36] = zero + one + zero + minus_one + zero + zero + zero + zero + half
    path.write_bytes(bytes(data))
    return path


def paced(path: Path, shares: list[int]) -> Path:
    """Give each frame of an MP4 its own duration: the whole duration is dealt out by ``shares``, one a frame.

    Rewrites the box ``stts`` (ISO/IEC 14496-12, 8.6.1.2), which has a count and a duration for each run of frames.
    """
    data = bytearray(path.read_bytes())
    table = data.index(b"stts") - 4
    size, runs = (int.from_bytes(data[table + at : table + at + 4], "big") for at in (0, 12))
    assert runs == 1
    count, ticks = (int.from_bytes(data[table + at : table + at + 4], "big") for at in (16, 20))
    assert count == len(shares) and (count * ticks) % sum(shares) == 0
    deltas = [share * count * ticks // sum(shares) for share in shares]
    entries = b"".join((1).to_bytes(4, "big") + delta.to_bytes(4, "big") for delta in deltas)
    body = b"stts" + bytes(4) + count.to_bytes(4, "big") + entries
    grown = 4 + len(body) - size
    for box in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):  # what holds the table; moov comes after the pictures
        start = data.index(box) - 4
        data[start : start + 4] = (int.from_bytes(data[start : start + 4], "big") + grown).to_bytes(4, "big")
    data[table : table + size] = (4 + len(body)).to_bytes(4, "big") + body
    path.write_bytes(bytes(data))
    return path


def test_a_variable_frame_rate_has_the_times_of_the_container(tmp_path: Path) -> None:
    shares = [1, 1, 4, 1, 1, 1, 3, 1, 2, 1, 7, 1]  # of 0.6 s: a phone that lost frames now and then
    with VideoFile(paced(made_video(tmp_path / "a.mp4"), shares)) as video:
        frames = list(video.frames())
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.time_s for frame in frames] == pytest.approx(np.cumsum([0, *shares[:-1]]) * 0.6 / 24, abs=1e-3)
    assert [int(frame.image[:, 40:].mean()) for frame in frames] == pytest.approx(range(0, 240, 20), abs=6)


def test_every_frame_comes_with_its_number_and_the_containers_time(tmp_path: Path) -> None:
    with VideoFile(made_video(tmp_path / "a.mp4")) as video:
        frames = list(video.frames())
        assert (video.fps, video.count) == (20.0, 12)
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.time_s for frame in frames] == pytest.approx([number / 20 for number in range(12)])
    brightness = [int(frame.image[:, 40:].mean()) for frame in frames]
    assert brightness == pytest.approx([20 * number for number in range(12)], abs=6)


def test_a_stride_passes_frames_over_and_keeps_their_times(tmp_path: Path) -> None:
    with VideoFile(made_video(tmp_path / "a.mp4")) as video:
        frames = list(video.frames(stride=5))
    assert [(frame.index, frame.time_s) for frame in frames] == [(0, 0.0), (5, 0.25), (10, 0.5)]


def test_a_video_that_was_held_upright_comes_upright(tmp_path: Path) -> None:
    with VideoFile(turned(made_video(tmp_path / "a.mp4"))) as video:
        last = list(video.frames())[-1].image
    assert last.shape == (64, 48, 3)
    # The black left half is the upper half after a quarter turn clockwise.
    assert last[:24].mean() < 20 < 200 < last[40:].mean()


@pytest.mark.parametrize(
    ("reported", "last", "fps", "expected"),
    [
        (0.0, -math.inf, 30.0, 0.0),
        (0.5, 0.4, 30.0, 0.5),
        (0.7, 0.4, 30.0, 0.7),
        (0.4, 0.4, 20.0, 0.45),
        (0.1, 0.4, 20.0, 0.45),
        (math.nan, 0.4, None, 0.4 + 1 / 30),
        (math.nan, -math.inf, 20.0, 0.0),
    ],
)
def test_times_are_the_containers_where_they_increase(
    reported: float, last: float, fps: float | None, expected: float
) -> None:
    assert next_time(reported, last, fps) == pytest.approx(expected)


def test_a_missing_video_says_so(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"gone.mp4 is not there, expected a video file"):
        VideoFile(tmp_path / "gone.mp4")


def test_a_file_that_is_no_video_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"not a video" * 100)
    with pytest.raises(VideoError, match=r"a.mp4 can't be opened: it is no video"):
        VideoFile(tmp_path / "a.mp4")


def test_the_overlay_is_a_video_with_lines_on_it(tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    with Overlay(tmp_path / "new" / "o.mp4", 10.0) as overlay:
        for _ in range(3):
            overlay.write(picture, made_pose())
    with VideoFile(tmp_path / "new" / "o.mp4") as video:
        frames = list(video.frames())
    assert len(frames) == 3
    assert frames[0].image.max() > 100


def test_an_overlay_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "o.mp4").mkdir()
    for name, reason in (("o.mp4", "it is a folder"), ("o.xyz", "expected a path that ends in .mp4")):
        with Overlay(tmp_path / name, 10.0) as overlay:
            for _ in range(2):
                overlay.write(np.zeros((48, 64, 3), np.uint8), None)
        assert f"{name} can't be written: {reason}" in overlay.problem
    assert [found.name for found in tmp_path.iterdir()] == ["o.mp4"]


def test_an_overlay_gets_its_name_when_it_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "o.mp4"
    path.write_bytes(b"the one before")
    with contextlib.suppress(KeyboardInterrupt), Overlay(path, 10.0) as given_up:
        given_up.write(np.zeros((48, 64, 3), np.uint8), None)
        raise KeyboardInterrupt
    assert path.read_bytes() == b"the one before"
    with Overlay(path, 10.0) as finished:
        finished.write(np.zeros((48, 64, 3), np.uint8), None)
        assert path.read_bytes() == b"the one before"
    with VideoFile(path) as video:
        assert len(list(video.frames())) == 1
    assert [found.name for found in tmp_path.iterdir()] == ["o.mp4"]


@pytest.mark.parametrize(
    ("fps", "expected"),
    [
        (30.0003, 30.0),
        (65.535, 65.535),
        (66.667, 66.67),
        (119.881, 119.88),
        (655.367, 655.4),
        (6553.67, 6554),
        (1e5, 65535),
    ],
)
def test_an_overlay_is_written_at_every_rate(tmp_path: Path, fps: float, expected: float) -> None:
    assert writable_rate(fps) == pytest.approx(expected)
    with Overlay(tmp_path / "o.mp4", fps) as overlay:
        for shade in (0, 100, 200):
            overlay.write(np.full((48, 64, 3), shade, np.uint8), None)
    with VideoFile(tmp_path / "o.mp4") as video:
        assert len(list(video.frames())) == 3
        assert video.fps == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("fps", [0.01, 0.0001])
def test_a_rate_below_what_can_be_said_is_one_that_can(fps: float) -> None:
    assert 0 < writable_rate(fps) <= 1


def test_a_video_that_is_cut_off_says_how_many_frames_it_had(tmp_path: Path) -> None:
    whole = tmp_path / "a.avi"  # AVI has its header first: the beginning alone can be opened
    writer = cv2.VideoWriter(str(whole), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (64, 48))
    for noise in np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), np.uint8):
        writer.write(noise)
    writer.release()
    with VideoFile(whole) as video:
        assert len(list(video.frames(stride=7))) == 6
        assert video.damage == ""
    cut = tmp_path / "b.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with VideoFile(cut) as video:
        read = len(list(video.frames()))
        assert 0 < read < 30
        assert video.damage == f"{cut}: {read} of 40 frames could be read: it is cut off or damaged"


def test_a_folder_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="can't be read as a video file: Is a directory"):
        VideoFile(tmp_path)


def made_pose() -> Array:
    pose = np.zeros((33, 3), np.float32)
    pose[POINT["left_shoulder"]] = [0.25, 0.5, 1.0]
    pose[POINT["right_shoulder"]] = [0.75, 0.5, 1.0]
    pose[POINT["nose"]] = [0.5, 0.1, 0.1]
    return pose


def test_bones_are_drawn_between_points_that_are_seen() -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    drawn = draw_pose(picture, made_pose())
    assert drawn[24, 32].any()  # half-way between the shoulders
    assert not drawn[5, 32].any()  # the nose is hidden
    assert not picture.any()
