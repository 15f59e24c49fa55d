"""The shot network: what its answer does and does not depend on."""

import pytest
import torch
from torch import Tensor

from landmarks.pose import POINT, SHOULDERS_OVER_TRUNK
from training.networks.shot_tcn import BODY, FEATURES, ShotTCN, ShotTCNConfig, features


@pytest.fixture
def network() -> ShotTCN:
    torch.manual_seed(0)
    return ShotTCN(ShotTCNConfig(channels=16, blocks=2)).eval()


def poses(batch: int = 2, frames: int = 21) -> Tensor:
    """Random poses, all points seen."""
    x = 0.3 + 0.4 * torch.rand(batch, frames, 33, 3, generator=torch.Generator().manual_seed(1))
    x[..., 2] = 0.9
    return x


def place_points(x: Tensor) -> Tensor:
    """The points ``(T, body, 2)`` that the features of one window ``(1, T, 33, 3)`` begin with."""
    return features(x)[0, : 2 * len(BODY)].T.reshape(x.shape[1], len(BODY), 2)


def test_the_pelvis_is_the_origin_of_every_frame() -> None:
    hips = place_points(poses(1))[:, [BODY.index(POINT["left_hip"]), BODY.index(POINT["right_hip"])]]
    torch.testing.assert_close(hips.mean(dim=1), torch.zeros(21, 2), atol=1e-6, rtol=0)


def test_points_without_visibility_become_zero() -> None:
    x = poses(1)
    x[0, 2, POINT["nose"], 2] = 0
    assert (place_points(x)[2, BODY.index(POINT["nose"])] == 0).all()


@pytest.mark.parametrize(("breadth", "scale"), [(0.4, 0.4), (0.0, 0.3 * SHOULDERS_OVER_TRUNK)])
def test_the_scale_is_the_shoulders_or_from_the_side_the_trunk(breadth: float, scale: float) -> None:
    x = poses(1, 3)
    x[..., POINT["left_shoulder"], :2] = torch.tensor([0.5 + breadth / 2, 0.3])
    x[..., POINT["right_shoulder"], :2] = torch.tensor([0.5 - breadth / 2, 0.3])
    x[..., [POINT["left_hip"], POINT["right_hip"]], :2] = torch.tensor([0.5, 0.6])
    height = place_points(x)[:, BODY.index(POINT["left_shoulder"]), 1]
    torch.testing.assert_close(height, torch.full((3,), -0.3 / scale), atol=0, rtol=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 6, 21, 200])
def test_any_length_gets_four_logits_and_two_numbers(network: ShotTCN, frames: int) -> None:
    logits, preds = network(poses(3, frames))
    assert logits.shape == (3, 4) and preds.shape == (3, 2)
    assert ((preds[:, 0] >= 0) & (preds[:, 0] <= 100)).all()


def test_the_answer_does_not_depend_on_place_or_size(network: ShotTCN) -> None:
    x = poses()
    moved = x.clone()
    moved[..., :2] = x[..., :2] * 0.5 + 0.2
    for first, second in zip(network(x), network(moved), strict=True):
        torch.testing.assert_close(first, second, atol=1e-3, rtol=1e-3)


def test_what_is_not_seen_does_not_matter(network: ShotTCN) -> None:
    x = poses()
    x[:, 5:9, POINT["left_wrist"], 2] = 0.1
    wild = x.clone()
    wild[:, 5:9, POINT["left_wrist"], :2] = 7.0
    for first, second in zip(network(x), network(wild), strict=True):
        torch.testing.assert_close(first, second)


def test_the_face_does_not_matter_but_the_wrist_does(network: ShotTCN) -> None:
    x = poses()
    face, wrist = x.clone(), x.clone()
    face[:, :, POINT["mouth_left"], :2] += 0.1
    wrist[:, 10:, POINT["left_wrist"], :2] += 0.1
    torch.testing.assert_close(network(face)[0], network(x)[0])
    assert (network(wrist)[0] - network(x)[0]).abs().max() > 1e-4


def test_neighbours_in_a_batch_do_not_matter(network: ShotTCN) -> None:
    x = poses(4)
    torch.testing.assert_close(network(x)[0][2:3], network(x[2:3])[0], atol=1e-5, rtol=1e-5)


def test_frames_with_nobody_in_them_do_not_count(network: ShotTCN) -> None:
    x = poses()
    padded = torch.cat([x, x[:, -1:].repeat(1, 7, 1, 1)], dim=1)
    padded[:, 21:, :, 2] = 0
    place = features(padded)[:, :, 20]  # what the pelvis travelled is counted over the window
    assert place.isfinite().all()
    frozen = x.clone()
    frozen[..., :2] = x[:, :1, :, :2]  # a pelvis that stands still has the same mean with and without padding
    still = torch.cat([frozen, frozen[:, -1:].repeat(1, 7, 1, 1)], dim=1)
    still[:, 21:, :, 2] = 0
    for first, second in zip(network(still), network(frozen), strict=True):
        torch.testing.assert_close(first, second, atol=1e-3, rtol=1e-3)


def test_the_delay_sees_pelvis_and_arms_and_nothing_else(network: ShotTCN) -> None:
    x = poses()
    delay = network(x)[1][:, 1]
    for part, matters in (("knee", False), ("index", False), ("foot_index", False), ("hip", True), ("elbow", True)):
        moved = x.clone()
        # Both sides by as much, so that the middle of the shoulders, which gives the scale, stays where it was.
        moved[:, 8:, POINT[f"left_{part}"], :2] += 0.05
        moved[:, 8:, POINT[f"right_{part}"], :2] += 0.05
        assert ((network(moved)[1][:, 1] - delay).abs().max() > 1e-3) == matters, part


def test_nonsense_gives_finite_features() -> None:
    for x in (torch.zeros(1, 6, 33, 3), torch.full((1, 6, 33, 3), 10.0), -poses(1, 6)):
        found = features(x)
        assert found.shape == (1, FEATURES, 6)
        assert found.isfinite().all()


def test_no_person_at_all_has_a_finite_slope() -> None:
    x = torch.zeros(1, 6, 33, 3, requires_grad=True)
    features(x).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None and x.grad.isfinite().all()


@pytest.mark.parametrize(("field", "value"), [("channels", 0), ("blocks", 99), ("moments", True), ("dropout", 1.0)])
def test_sizes_out_of_bounds_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} is {value}, expected"):
        ShotTCNConfig(**{field: value})  # type: ignore[arg-type]
