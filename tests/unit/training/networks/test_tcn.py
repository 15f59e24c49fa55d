import pytest
import torch

from training.data.skeletons import KINECT_BODY
from training.networks.tcn import DilatedBlock, GestureTCN, TCNConfig


def network(channels: int = 8) -> GestureTCN:
    torch.manual_seed(0)
    return GestureTCN(TCNConfig(84, 5, channels=channels)).eval()


def test_it_reads_any_length() -> None:
    for frames in (1, 6, 40):
        assert network()(torch.rand(2, frames, 84), torch.ones(2, frames, 2)).shape == (2, 5)


def test_it_reads_bodies_too() -> None:
    bodies = GestureTCN(TCNConfig(60, 3, channels=8), KINECT_BODY).eval()
    assert bodies(torch.rand(2, 9, 60), torch.ones(2, 9, 1)).shape == (2, 3)


@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_a_block_sees_two_dilated_kernels_to_each_side_and_no_further(dilation: int) -> None:
    torch.manual_seed(0)
    block = DilatedBlock(4, dilation, dropout=0.0).eval()
    frames, mask = torch.rand(1, 4, 21, requires_grad=True), torch.ones(1, 1, 21)
    block(frames, mask)[0, :, 10].sum().backward()
    assert frames.grad is not None
    seen = frames.grad.abs().sum(dim=(0, 1)).nonzero().flatten()
    assert int(seen.min()) >= 10 - 2 * dilation and int(seen.max()) <= 10 + 2 * dilation
    assert len(seen) > 1


def test_what_a_masked_frame_holds_reaches_nothing() -> None:
    block = DilatedBlock(4, 1, dropout=0.0).eval()
    mask = torch.tensor([[[1.0, 1.0, 0.0, 1.0]]])
    frames = torch.rand(1, 4, 4) * mask
    with torch.no_grad():
        out = block(frames, mask)
    assert (out[..., 2] == 0).all()


def test_frames_without_a_hand_at_the_end_do_not_change_what_is_pooled() -> None:
    made = network()
    sequence, presence = torch.rand(1, 12, 84), torch.ones(1, 12, 2)
    presence[:, 8:] = 0
    changed = sequence.clone()
    changed[:, 8:] = torch.rand(1, 4, 84)
    with torch.no_grad():
        torch.testing.assert_close(made(sequence, presence), made(changed, presence))


def test_a_window_without_any_hand_is_answered() -> None:
    assert torch.isfinite(network()(torch.zeros(1, 6, 84), torch.zeros(1, 6, 2))).all()


@pytest.mark.parametrize("field, value", [("channels", 0), ("num_blocks", 13), ("dropout", 1.0)])
def test_sizes_out_of_bounds_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        TCNConfig(84, 5, **{field: value})  # type: ignore[arg-type]
