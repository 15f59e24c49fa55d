"""Windows: when there is one, what is in it, and what it says of the hands."""

from dataclasses import replace

import numpy as np
import pytest

from edge_client.settings import Tracking
from edge_client.types import Window, WindowShape
from edge_client.windows import HandWindows
from landmarks.hands import Array, drop_z, hand_box_normalise
from testkit.edge.hands import made_frame, made_hand

SHAPE = WindowShape(seq_len=30, min_seq_len=6, use_z=False, normalization="image")
EMPTY = made_frame()


def play(windows: HandWindows, *frames: Array, start: int = 0) -> list[Window]:
    pushed = [windows.push(frame, (start + index) / 30) for index, frame in enumerate(frames)]
    return [window for window in pushed if window is not None]


def make_windows(stride: int = 1, shape: WindowShape = SHAPE) -> HandWindows:
    return HandWindows(shape, Tracking(stride=stride, lost_frames=8))


@pytest.mark.parametrize(
    ("seq_len", "least", "first"), [(30, 6, 15), (20, 6, 10), (10, 6, 6), (8, 6, 6), (6, 6, 6), (30, 20, 20)]
)
def test_partial_windows_begin_at_half_the_length_but_at_six(seq_len: int, least: int, first: int) -> None:
    shape = WindowShape(seq_len, least, use_z=False, normalization="image")
    assert shape.first_frames == first
    lengths = [window.stats.frames for window in play(make_windows(shape=shape), *[made_frame(made_hand())] * 40)]
    assert lengths[0] == first
    assert max(lengths) == seq_len


def test_a_window_comes_every_stride_frames() -> None:
    times = [window.time_s for window in play(make_windows(stride=3), *[made_frame(made_hand())] * 30)]
    assert np.allclose(np.diff(times), 0.1)


def test_a_window_holds_the_newest_frames_in_order() -> None:
    frames = [made_frame(right=made_hand(x=0.2 + index / 100)) for index in range(40)]
    last = play(make_windows(), *frames)[-1]
    assert last.hands.shape == (30, 126)
    assert np.allclose(last.hands, np.stack(frames[-30:]).reshape(30, 126))
    assert (last.presence == [0, 1]).all()


def test_without_hands_there_is_no_window() -> None:
    windows = make_windows()
    assert play(windows, *[EMPTY] * 100) == []
    assert not windows.open


def test_hands_out_of_view_for_eight_frames_begin_a_new_episode() -> None:
    windows = make_windows()
    hand = made_frame(made_hand())
    first = play(windows, *[hand] * 20)
    short_gap = play(windows, *[EMPTY] * 7, *[hand] * 3, start=20)
    assert {window.stats.episode for window in first + short_gap} == {1}
    assert short_gap[-1].stats.frames == 30
    assert short_gap[-1].stats.presence == pytest.approx(23 / 30)
    long_gap = play(windows, *[EMPTY] * 8, *[hand] * 15, start=30)
    assert [window.stats.frames for window in long_gap if window.stats.episode == 2] == [15]


def test_presence_is_the_share_of_frames_with_a_hand() -> None:
    hand = made_frame(made_hand())
    last = play(make_windows(), *[hand] * 10, *[EMPTY] * 5, *[hand] * 5)[-1]
    assert last.stats.presence == pytest.approx(15 / 20)
    assert last.presence[:, 0].sum() == 15


def test_while_hands_are_out_of_view_the_whole_sign_is_asked_again() -> None:
    frames = [made_frame(made_hand(x=0.3 + index / 100)) for index in range(20)]
    windows = make_windows()
    whole = play(windows, *frames)[-1]
    later = play(windows, *[EMPTY] * 7, start=20)
    assert len(later) == 7
    for window in later:
        assert (window.hands == whole.hands).all()
        assert window.stats == replace(whole.stats, complete=True)
        assert window.time_s > whole.time_s


def test_area_is_the_crops_around_the_hands_in_view() -> None:
    large, small = made_hand(size=0.25), made_hand(x=0.2, size=0.1)
    sides = [float(np.ptp(hand[:, :2], axis=0).max()) for hand in (small, large)]
    stats = play(make_windows(), *[made_frame(small, large)] * 15)[-1].stats
    assert stats.area == pytest.approx(sum((2 * side) ** 2 for side in sides), rel=1e-4)


def test_a_hand_that_came_into_view_has_moved_and_one_that_stays_has_not() -> None:
    windows = make_windows()
    hand = made_frame(made_hand(size=0.2))
    stats = [window.stats for window in play(windows, *[hand] * 60)]
    assert stats[0].motion > 0.1
    assert stats[-1].motion == 0.0


@pytest.mark.parametrize("fps", [15, 30, 60])
def test_motion_does_not_depend_on_the_frame_rate(fps: int) -> None:
    speed = 0.6  # image widths a second
    shape = WindowShape(6, 6, use_z=False, normalization="image")
    windows = HandWindows(shape, Tracking(stride=1, lost_frames=8))
    window = None
    for index in range(20):
        window = windows.push(made_frame(made_hand(x=speed * index / fps)), index / fps)
    assert window is not None
    assert window.stats.motion == pytest.approx(speed / 30, rel=1e-3)


def test_windows_are_prepared_as_the_metadata_says() -> None:
    hands = np.stack([made_frame(made_hand(), made_hand(x=0.7))] * 6).reshape(6, 126)
    raw = WindowShape(30, 6, use_z=True, normalization="image")
    boxed = WindowShape(30, 6, use_z=False, normalization="hand_box")
    assert (raw.prepare(hands) == hands).all()
    assert SHAPE.prepare(hands).shape == (6, 84)
    assert np.allclose(boxed.prepare(hands), hand_box_normalise(drop_z(hands)))
