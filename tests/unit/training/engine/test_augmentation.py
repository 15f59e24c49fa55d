from dataclasses import replace

import pytest
import torch

from training.data.frame_rates import resample
from training.data.skeletons import KINECT_BODY
from training.engine.augmentation import Augmentation, augment
from training.engine.config import BODY

STILL = Augmentation(
    speed=1.0, shift_time=0, warp_time=0, rotation=0, log_scale=0, log_aspect=0, shear=0, shift=0, view=0,
    log_hand_size=0, hand_offset=0, shape_offset=0, noise=0, drop_sequences=0, gap=0, one_handed=0, mirror=0,
)  # fmt: skip


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def hands(batch: int = 5, frames: int = 20, width: int = 126) -> torch.Tensor:
    """Made windows whose left hand is never there."""
    points = torch.rand(batch, frames, width, generator=generator()) + 0.1
    points[..., : width // 2] = 0
    return points


@pytest.mark.parametrize("width", [84, 126])
@pytest.mark.parametrize("length", [6, 20, 30])
def test_windows_keep_their_layout_and_get_the_length_asked_for(width: int, length: int) -> None:
    xy, presence = augment(hands(width=width), (length,), Augmentation(), generator())
    assert xy.shape == (5, length, 84)
    assert presence.shape == (5, length, 2)
    assert torch.isfinite(xy).all()


def test_absent_hands_are_zeros_and_present_hands_are_not() -> None:
    xy, presence = augment(hands(batch=200), (20,), Augmentation(), generator())
    there = xy.view(200, 20, 2, 42).ne(0).any(dim=-1)
    assert torch.equal(there, presence.bool())
    assert 0.5 < presence[..., 1].mean() < 0.95


def test_without_strength_nothing_changes() -> None:
    points = hands()
    xy, presence = augment(points, (20,), STILL, generator())
    expected = points.view(5, 20, 2, 21, 3)[..., :2].flatten(2)
    torch.testing.assert_close(xy, expected)
    assert (presence == torch.tensor([0.0, 1.0])).all()


def test_the_same_seed_gives_the_same_windows() -> None:
    first, second, other = (augment(hands(), (20, 30), Augmentation(), generator(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert first.shape != other.shape or not torch.equal(first, other)


def test_a_mirrored_window_swaps_the_hands_and_x() -> None:
    points = hands(width=84)
    xy, presence = augment(points, (20,), replace(STILL, mirror=1.0), generator())
    right = points.view(5, 20, 2, 21, 2)[:, :, 1]
    left = xy.view(5, 20, 2, 21, 2)[:, :, 0]
    torch.testing.assert_close(left[..., 0], 1 - right[..., 0])
    torch.testing.assert_close(left[..., 1], right[..., 1])
    assert (presence == torch.tensor([1.0, 0.0])).all()


def test_the_hand_seen_less_is_the_one_removed() -> None:
    points = torch.rand(4, 20, 84, generator=generator()) + 0.1
    points[:, 5:, 42:] = 0
    _, presence = augment(points, (20,), replace(STILL, one_handed=1.0), generator())
    assert (presence == torch.tensor([1.0, 0.0])).all()


@pytest.mark.parametrize(
    "field, lost",
    [("drop_frames", 0.2 * 0.5), ("gap", 0.15 / 4)],
)
def test_hands_are_lost_as_often_as_asked(field: str, lost: float) -> None:
    strength = {"drop_frames": replace(STILL, drop_sequences=0.5), "gap": replace(STILL, gap=0.5)}[field]
    points = torch.rand(2000, 20, 84, generator=generator()) + 0.1
    _, presence = augment(points, (20,), strength, generator())
    assert abs((1 - presence.mean()) - lost) < 0.01


def test_resampling_is_linear_between_frames_that_both_show_the_hand() -> None:
    points = torch.zeros(1, 3, 2, 21, 2)
    points[0, :, 1] = torch.tensor([1.0, 2.0, 4.0])[:, None, None]
    blended, present = resample(points, torch.tensor([[0.25, 1.5, 2.0]]))
    assert blended[0, :, 1, 0, 0].tolist() == [1.25, 3.0, 4.0]
    assert present[0].tolist() == [[0, 1]] * 3


def test_resampling_never_blends_a_hand_with_its_absence() -> None:
    points = torch.zeros(1, 2, 2, 21, 2)
    points[0, 1, 0] = 3.0
    blended, present = resample(points, torch.tensor([[0.4, 0.6]]))
    assert blended[0, :, 0, 0, 0].tolist() == [0.0, 3.0]
    assert present[0, :, 0].tolist() == [0, 1]


def test_bodies_keep_their_three_dimensions() -> None:
    bodies = torch.randn(3, 9, 60, generator=generator())
    still, presence = augment(bodies, (9,), STILL, generator(), KINECT_BODY)
    torch.testing.assert_close(still, bodies)
    assert presence.shape == (3, 9, 1)
    changed, _ = augment(bodies, (12,), BODY, generator(), KINECT_BODY)
    assert changed.shape == (3, 12, 60) and torch.isfinite(changed).all()


def test_depth_grows_with_a_body_but_does_not_turn_with_the_picture() -> None:
    bodies = torch.randn(3, 9, 60, generator=generator())
    turned, _ = augment(bodies, (9,), replace(STILL, rotation=0.5), generator(), KINECT_BODY)
    depth = turned.view(3, 9, 20, 3)[..., 2]
    torch.testing.assert_close(depth, bodies.view(3, 9, 20, 3)[..., 2])
    assert not torch.allclose(turned, bodies)
