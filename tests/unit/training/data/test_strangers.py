from pathlib import Path

import numpy as np
import pytest

from landmarks.hands import compute_presence, split_hands
from landmarks.synthetic import make_window
from training.data.strangers import GERMAN, KOREAN, TUTORIALS, mirror, read_signs, turn_upside_down
from training.data.windows import DataError


def test_padding_is_cut_and_long_and_short_recordings_are_resampled(tmp_path: Path) -> None:
    (tmp_path / GERMAN).mkdir()
    hands = np.zeros((3, 50, 126), np.float16)
    lengths = (45, 20, 3)
    for row, length in zip(hands, lengths, strict=True):
        row[:length] = make_window(length, use_z=True)
    np.savez(
        tmp_path / GERMAN / "a.npz",
        hands=hands,
        label=np.array(["x", "y", "z"]),
        length=np.array(lengths),
        signer=np.array(["several"] * 3),
    )
    signs = read_signs(tmp_path, GERMAN)
    assert [window.shape for window in signs.windows] == [(30, 126), (20, 126), (6, 126)]
    assert all(compute_presence(window).all() for window in signs.windows)
    assert np.array_equal(signs.windows[0][[0, -1]], hands[0, [0, 44]].astype(np.float32))
    assert (signs.label.tolist(), signs.group.tolist()) == (["x", "y", "z"], ["several"] * 3)


@pytest.mark.parametrize(("name", "groups"), [(TUTORIALS, ["ana"]), (KOREAN, ["monday"])])
def test_people_are_kept_apart_by_signer_and_the_one_korean_signer_by_session(
    tmp_path: Path, name: str, groups: list[str]
) -> None:
    (tmp_path / name).mkdir()
    columns = {"label": np.array(["x"]), "signer": np.array(["ana"]), "session": np.array(["monday"])}
    np.savez(tmp_path / name / "a.npz", hands=make_window(8)[None], **columns)  # type: ignore[arg-type]
    assert read_signs(tmp_path, name).group.tolist() == groups


def test_a_set_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ksl13_hands has no \.npz file, expected the recordings of ksl13_hands"):
        read_signs(tmp_path, KOREAN)


@pytest.mark.parametrize("use_z", [False, True])
def test_cameras_turn_and_mirror_hands_that_are_there_and_nothing_else(use_z: bool) -> None:
    window = make_window(8, use_z=use_z)
    hands = split_hands(window)
    hands[2, 0] = 0
    turned, mirrored = split_hands(turn_upside_down(window)), split_hands(mirror(window))
    assert np.allclose(turned[0, 0, 0, :2], 1 - hands[0, 0, 0, :2])
    assert np.allclose(mirrored[0, 1, 0, :2], [1 - hands[0, 0, 0, 0], hands[0, 0, 0, 1]])
    assert not turned[2, 0].any() and not mirrored[2, 1].any() and mirrored[2, 0].any()
    assert np.allclose(turn_upside_down(turn_upside_down(window)), window, atol=1e-6)
    assert np.allclose(mirror(mirror(window)), window, atol=1e-6)
    if use_z:
        assert np.array_equal(turned[..., 2], hands[..., 2])
