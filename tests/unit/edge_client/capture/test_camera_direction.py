"""Hands that are upside down for seconds: a camera on its head, told from hands at rest and from real signs."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_client.capture.camera_direction import FORGOTTEN_S, LOOKED_AT_S, UpsideDownCheck, find_hanging
from landmarks.hands import Array
from testkit.edge.hands import made_frame, made_hand

FPS = 30
UP = made_hand()
DOWN = np.concatenate([1 - UP[:, :2], UP[:, 2:]], axis=1)

RIGHT = np.array([1, 0, 0], dtype=np.float32)


def move(hand: Array, frames: int, by: float = 0.01) -> Iterator[Array]:
    """A right hand that sways so far each frame."""
    for frame in range(frames):
        yield made_frame(right=hand + by * (frame % 2) * RIGHT)


def note_all(check: UpsideDownCheck, frames: Iterator[Array], started_s: float = 0.0) -> list[bool]:
    return [check.note(hands, started_s + frame / FPS) for frame, hands in enumerate(frames)]


def test_a_hand_hangs_where_its_fingers_are_below_its_wrist() -> None:
    assert find_hanging(np.stack([UP, DOWN, np.zeros_like(UP)])).tolist() == [False, True, False]


def test_hands_that_hang_for_seconds_are_upside_down() -> None:
    said = note_all(UpsideDownCheck(), move(DOWN, 10 * FPS))
    first_s = said.index(True) / FPS
    assert LOOKED_AT_S <= first_s < LOOKED_AT_S + 0.1
    assert all(said[said.index(True) :])


@pytest.mark.parametrize("hand", [UP, made_hand(mirrored=True)])
def test_upright_hands_are_not(hand: Array) -> None:
    assert not any(note_all(UpsideDownCheck(), move(hand, 30 * FPS)))


def test_hands_at_rest_hang_and_are_not() -> None:
    assert not any(note_all(UpsideDownCheck(), move(DOWN, 60 * FPS, by=0.001)))


def test_one_hand_up_is_enough() -> None:
    both = (made_frame(DOWN + 0.01 * (n % 2) * RIGHT, UP) for n in range(30 * FPS))
    assert not any(note_all(UpsideDownCheck(), both))


def test_it_is_over_once_the_camera_is_turned() -> None:
    check = UpsideDownCheck()
    assert note_all(check, move(DOWN, 10 * FPS))[-1]
    assert not note_all(check, move(UP, 10 * FPS), 10.0)[-1]


def test_without_hands_it_is_shown_on_and_forgotten_in_the_end() -> None:
    check = UpsideDownCheck()
    note_all(check, move(DOWN, 10 * FPS))
    assert check.note(made_frame(), 9 + FORGOTTEN_S)
    assert not check.note(made_frame(), 11 + FORGOTTEN_S)
    assert not any(note_all(check, move(DOWN, 4 * FPS), 100.0)), "it is looked at afresh"


def test_times_that_stand_still_or_go_back_are_survived() -> None:
    check = UpsideDownCheck()
    assert not any(check.note(hands, time_s) for hands in move(DOWN, 50) for time_s in (1.0, 1.0, 0.5))


def test_real_signs_are_told_from_the_same_signs_upside_down() -> None:
    path = Path(os.environ.get("HELEN_DATA_DIR", "")) / "asl_coffee_hands" / "asl_coffee_hands.npz"
    if not path.is_file():
        pytest.skip("HELEN_DATA_DIR names no folder with asl_coffee_hands")
    with np.load(path) as file:
        hands, signer = file["hands"], file["signer"]
    random = np.random.default_rng(17)
    for name in np.unique(signer):
        for _ in range(5):
            windows = hands[random.permutation(np.flatnonzero(signer == name))[:60]]
            frames = windows.reshape(-1, 2, 21, 3).astype(np.float32)
            present = frames.any(axis=(2, 3), keepdims=True)
            turned = np.where(present, np.concatenate([1 - frames[..., :2], frames[..., 2:]], axis=-1), 0)
            assert not any(note_all(UpsideDownCheck(), iter(frames)))
            assert any(note_all(UpsideDownCheck(), iter(turned.astype(np.float32))))
