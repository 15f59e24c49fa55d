"""Left and right: a hand keeps its side through crossings, wrong labels and gaps; points are smoothed."""

import numpy as np
import pytest

from landmarks.hands import Array
from landmarks.tracking.hand_identity import HandednessTracker, SeenHand, Side
from testkit.edge.hands import made_hand


def seen(points: Array, side: Side, score: float = 0.95) -> SeenHand:
    return SeenHand(points, side, score)


def get_x(hands: Array, side: int) -> float:
    return float(hands[side, 0, 0])


def test_a_hand_goes_to_the_side_that_its_label_names() -> None:
    raw, _ = HandednessTracker().update([seen(made_hand(0.3), "right")])
    assert not raw[0].any()
    assert get_x(raw, 1) == pytest.approx(0.3)


def test_two_hands_with_one_label_the_surer_keeps_it() -> None:
    raw, _ = HandednessTracker().update([seen(made_hand(0.2), "right", 0.7), seen(made_hand(0.8), "right", 0.9)])
    assert get_x(raw, 1) == pytest.approx(0.8)
    assert get_x(raw, 0) == pytest.approx(0.2)


def test_of_three_hands_the_surest_two_are_kept() -> None:
    hands = [seen(made_hand(0.2), "left", 0.9), seen(made_hand(0.5), "left", 0.3), seen(made_hand(0.8), "right", 0.9)]
    raw, _ = HandednessTracker().update(hands)
    assert [get_x(raw, 0), get_x(raw, 1)] == pytest.approx([0.2, 0.8])


@pytest.mark.parametrize("wrong_around", [0.0, 0.05, 0.1])
def test_crossing_hands_keep_their_sides(wrong_around: float) -> None:
    """Two hands pass through each other; near the crossing the tracker even swaps its labels."""
    tracks = HandednessTracker(smoothing=0.0)
    for step in np.linspace(0, 1, 41):
        left_x, right_x = 0.25 + 0.5 * step, 0.75 - 0.5 * step
        swapped = abs(left_x - right_x) < 2 * wrong_around
        left_label: Side = "right" if swapped else "left"
        right_label: Side = "left" if swapped else "right"
        hands = [seen(made_hand(left_x), left_label), seen(made_hand(right_x, mirrored=True), right_label)]
        if step > 0.5:
            hands.reverse()
        raw, _ = tracks.update(hands)
        assert get_x(raw, 0) == pytest.approx(left_x)
        assert get_x(raw, 1) == pytest.approx(right_x)


def test_hands_that_jump_towards_each_other_and_stop_keep_their_sides() -> None:
    tracks = HandednessTracker()
    for left_x, right_x in ((0.26, 0.72), (0.26, 0.72), (0.36, 0.58), (0.37, 0.57), (0.37, 0.57)):
        raw, _ = tracks.update([seen(made_hand(left_x), "left"), seen(made_hand(right_x, mirrored=True), "right")])
        assert [get_x(raw, 0), get_x(raw, 1)] == pytest.approx([left_x, right_x])


@pytest.mark.parametrize("wrong_frames", [1, 3, 7])
def test_a_label_that_is_wrong_for_a_while_is_not_believed(wrong_frames: int) -> None:
    tracks = HandednessTracker()
    for _ in range(10):
        tracks.update([seen(made_hand(0.5), "right")])
    for _ in range(wrong_frames):
        raw, _ = tracks.update([seen(made_hand(0.5), "left")])
        assert raw[1].any()
        assert not raw[0].any()


def test_a_label_that_stays_is_believed() -> None:
    tracks = HandednessTracker()
    tracks.update([seen(made_hand(0.5), "left")])
    for _ in range(9):
        raw, _ = tracks.update([seen(made_hand(0.5), "right")])
    assert raw[1].any()
    assert not raw[0].any()


def test_a_hand_that_is_back_soon_keeps_its_side() -> None:
    tracks = HandednessTracker()
    tracks.update([seen(made_hand(0.5), "right")])
    for _ in range(7):
        tracks.update([])
    raw, _ = tracks.update([seen(made_hand(0.52), "left")])
    assert raw[1].any()


def test_a_hand_lost_for_eight_frames_is_found_afresh() -> None:
    tracks = HandednessTracker()
    tracks.update([seen(made_hand(0.5), "right")])
    for _ in range(8):
        tracks.update([])
    raw, smoothed = tracks.update([seen(made_hand(0.52), "left")])
    assert raw[0].any()
    assert not raw[1].any()
    assert (raw == smoothed).all()


def test_another_hand_far_away_opens_its_own_track() -> None:
    tracks = HandednessTracker()
    for _ in range(5):
        tracks.update([seen(made_hand(0.2), "left")])
    raw, _ = tracks.update([seen(made_hand(0.8), "right")])
    assert raw[1].any()
    assert not raw[0].any()


def test_smoothing_is_the_weight_of_the_past() -> None:
    tracks = HandednessTracker(smoothing=0.35)
    tracks.update([seen(made_hand(0.4), "right")])
    raw, smoothed = tracks.update([seen(made_hand(0.5), "right")])
    assert get_x(raw, 1) == pytest.approx(0.5)
    assert get_x(smoothed, 1) == pytest.approx(0.5 - 0.35 * 0.1)


def test_absent_hands_are_zeros() -> None:
    tracks = HandednessTracker()
    tracks.update([seen(made_hand(0.4), "right")])
    raw, smoothed = tracks.update([])
    assert not raw.any()
    assert not smoothed.any()


def test_frames_without_a_hand_are_counted_up_to_the_limit() -> None:
    tracks = HandednessTracker(lost_frames=3)
    tracks.update([seen(made_hand(), "left")])
    counts = []
    for _ in range(5):
        tracks.update([])
        counts.append(tracks.lost)
    assert counts == [1, 2, 3, 3, 3]
