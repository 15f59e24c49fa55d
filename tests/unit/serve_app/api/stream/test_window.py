"""The last frames of a session, as contiguous windows."""

import numpy as np

from serve_app.api.stream.window import FrameBuffer


def filled(buffer: FrameBuffer, frames: range) -> None:
    for number in frames:
        buffer.append(np.full(4, number, np.float32), np.array([number, -number], np.float32))


def test_the_last_frames_are_contiguous_however_many_came_before() -> None:
    buffer = FrameBuffer(seq_len=5, feature_dim=4)
    for count in range(1, 200):
        filled(buffer, range(count, count + 1))
        assert buffer.held == min(count, 5)
        frames, presence = buffer.last(buffer.held)
        assert frames.flags.c_contiguous and presence.flags.c_contiguous
        assert frames[:, 0].tolist() == list(range(count - buffer.held + 1, count + 1))
        assert presence[:, 1].tolist() == [-number for number in range(count - buffer.held + 1, count + 1)]


def test_a_window_that_waits_for_its_batch_stays_what_it_was() -> None:
    buffer = FrameBuffer(seq_len=5, feature_dim=4)
    filled(buffer, range(7))
    frames, presence = buffer.last(5)
    filled(buffer, range(100, 300))
    assert frames[:, 0].tolist() == presence[:, 0].tolist() == [2, 3, 4, 5, 6]


def test_after_a_reset_nothing_from_before_is_held() -> None:
    buffer = FrameBuffer(seq_len=5, feature_dim=4)
    filled(buffer, range(39))
    buffer.clear()
    assert buffer.held == 0
    filled(buffer, range(50, 53))
    frames, _ = buffer.last(buffer.held)
    assert frames[:, 0].tolist() == [50, 51, 52]
