import math

import pytest
import torch

from training.data.skeletons import KINECT_BODY, NATOPS_ARMS, TWO_HANDS, SkeletonLayout
from training.networks.features import PointFeatures

REACH, TRACK, PLACE, SIZE, SPEED, PRESENCE = 0, 40, 42, 44, 45, 57
ONE_HAND = TWO_HANDS.features // 2


def square_hand(x: float, y: float, half: float) -> torch.Tensor:
    """A made hand: the wrist at one corner of a square around (x, y), four points on each other corner, 8 left over."""
    corners = torch.tensor([[-half, -half], [half, -half], [half, half], [-half, half]])
    points = torch.cat([corners[:1], corners.repeat(5, 1)])
    return points + torch.tensor([x, y])


def window(*right_hands: torch.Tensor) -> torch.Tensor:
    frames = [torch.cat([torch.zeros(42), hand.flatten()]) for hand in right_hands]
    return torch.stack(frames)[None]


def only_right(frames: int) -> torch.Tensor:
    return torch.tensor([0.0, 1.0]).expand(1, frames, 2)


def get_right_hand(features: torch.Tensor) -> torch.Tensor:
    return features[0, :, ONE_HAND:]


def test_there_are_116_features_a_frame() -> None:
    features = PointFeatures()(torch.rand(3, 7, 84), torch.ones(3, 7, 2))
    assert features.shape == (3, 7, 116)


def test_an_absent_hand_has_zeros_everywhere() -> None:
    features = PointFeatures()(torch.rand(1, 4, 84), only_right(4))
    assert torch.equal(features[0, :, :ONE_HAND], torch.zeros(4, ONE_HAND))
    assert (get_right_hand(features)[:, PRESENCE] == 1).all()


def test_the_points_are_seen_from_the_wrist_and_measured_in_hand_sizes() -> None:
    hand = square_hand(0.5, 0.4, 0.1)
    size = math.sqrt(float(((hand - hand.mean(0)) ** 2).sum(-1).mean()))
    features = get_right_hand(PointFeatures()(window(hand), only_right(1)))
    expected = 0.5 * (hand[1:] - hand[0]) / size
    torch.testing.assert_close(features[0, REACH:TRACK], expected.flatten())


def test_the_wrist_is_placed_in_the_image_and_against_the_window_mean() -> None:
    hands = square_hand(0.5, 0.4, 0.1), square_hand(0.6, 0.4, 0.1)
    size = math.sqrt(float(((hands[0] - hands[0].mean(0)) ** 2).sum(-1).mean()))
    features = get_right_hand(PointFeatures()(window(*hands), only_right(2)))
    torch.testing.assert_close(
        features[:, PLACE:SIZE], 4 * torch.tensor([[0.4 - 0.5, 0.3 - 0.5], [0.5 - 0.5, 0.3 - 0.5]])
    )
    torch.testing.assert_close(features[:, TRACK:PLACE], 0.3 * torch.tensor([[-0.05, 0.0], [0.05, 0.0]]) / size)


def test_a_hand_that_doubles_is_told_from_the_mean_size() -> None:
    features = get_right_hand(
        PointFeatures()(window(square_hand(0.5, 0.5, 0.1), square_hand(0.5, 0.5, 0.2)), only_right(2))
    )
    torch.testing.assert_close(features[:, SIZE], torch.tensor([math.log(1 / 1.5), math.log(2 / 1.5)]))


def test_speed_is_zero_at_first_then_the_change_a_frame_in_hand_sizes_up_to_three() -> None:
    hands = square_hand(0.5, 0.4, 0.1), square_hand(0.6, 0.4, 0.1), square_hand(0.6, 1.4, 0.1)
    size = math.sqrt(float(((hands[0] - hands[0].mean(0)) ** 2).sum(-1).mean()))
    speed = get_right_hand(PointFeatures()(window(*hands), only_right(3)))[:, SPEED:PRESENCE]
    assert (speed[0] == 0).all()
    torch.testing.assert_close(speed[1].view(6, 2), torch.tensor([0.1 / size, 0.0]).expand(6, 2))
    torch.testing.assert_close(speed[2].view(6, 2), torch.tensor([0.0, 3.0]).expand(6, 2))


def test_a_hand_that_comes_back_has_no_speed_in_that_frame() -> None:
    hands = window(square_hand(0.5, 0.4, 0.1), square_hand(0.5, 0.4, 0.1), square_hand(0.6, 0.4, 0.1))
    presence = torch.tensor([[[0.0, 1.0], [0.0, 0.0], [0.0, 1.0]]])
    assert (get_right_hand(PointFeatures()(hands, presence))[:, SPEED:PRESENCE] == 0).all()


@pytest.mark.parametrize("dx, dy, factor", [(0.2, 0.0, 1.0), (0.0, 0.0, 2.0), (-0.1, 0.3, 0.5)])
def test_only_the_place_features_change_when_the_camera_moves(dx: float, dy: float, factor: float) -> None:
    torch.manual_seed(0)
    points = torch.rand(1, 5, 42, 2)
    moved = (points * factor + torch.tensor([dx, dy])).flatten(2)
    before = PointFeatures()(points.flatten(2), torch.ones(1, 5, 2)).view(5, 2, ONE_HAND)
    after = PointFeatures()(moved, torch.ones(1, 5, 2)).view(5, 2, ONE_HAND)
    torch.testing.assert_close(after[..., :PLACE], before[..., :PLACE], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(after[..., SIZE:], before[..., SIZE:], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("value", [0.0, 1e6, -1e6, 1e-30])
def test_any_finite_input_gives_finite_features_within_eight(value: float) -> None:
    sequence = torch.full((1, 4, 84), value)
    sequence[0, 1, ::3] = -value
    features = PointFeatures()(sequence, torch.ones(1, 4, 2))
    assert torch.isfinite(features).all()
    assert features.abs().max() <= 8


@pytest.mark.parametrize("layout", [TWO_HANDS, KINECT_BODY, NATOPS_ARMS])
def test_bodies_go_through_the_same_features(layout: SkeletonLayout) -> None:
    points = torch.rand(2, 5, layout.width)
    features = PointFeatures(layout)(points, torch.ones(2, 5, layout.parts))
    assert features.shape == (2, 5, layout.features)
    origin = points.view(2, 5, layout.parts, layout.points, layout.dims)[..., list(layout.anchor), :].mean(dim=-2)
    place = (layout.dims * (len(layout.reaching) + 1), layout.dims * (len(layout.reaching) + 2))
    found = features.view(2, 5, layout.parts, -1)[..., slice(*place)]
    torch.testing.assert_close(found, 4 * (origin - layout.centre))
