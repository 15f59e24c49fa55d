import pytest
import torch

from training.networks.bigru import GestureGRU, GRUConfig, LegacyGRU, TrimmedLegacyGRU


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("frames", [1, 2, 17])
def test_the_trimmed_network_is_the_source_systems_network(layers: int, bidirectional: bool, frames: int) -> None:
    torch.manual_seed(0)
    config = GRUConfig(84, 5, hidden_dim=16, num_layers=layers, bidirectional=bidirectional)
    network = LegacyGRU(config).eval()
    sequence = torch.rand(3, frames, 84)
    with torch.no_grad():
        whole = network(sequence, torch.ones(3, frames, 2))
        trimmed = TrimmedLegacyGRU(network).eval()(sequence)
    torch.testing.assert_close(trimmed, whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_the_gesture_network_reads_any_length(bidirectional: bool) -> None:
    network = GestureGRU(GRUConfig(84, 5, hidden_dim=8, bidirectional=bidirectional)).eval()
    for frames in (1, 6, 40):
        assert network(torch.rand(2, frames, 84), torch.ones(2, frames, 2)).shape == (2, 5)


def test_a_hand_that_is_not_there_changes_nothing() -> None:
    torch.manual_seed(0)
    network = GestureGRU(GRUConfig(84, 5, hidden_dim=8)).eval()
    sequence, presence = torch.rand(1, 9, 84), torch.tensor([0.0, 1.0]).expand(1, 9, 2)
    changed = sequence.clone()
    changed[..., :42] = torch.rand(1, 9, 42)
    with torch.no_grad():
        assert torch.equal(network(sequence, presence), network(changed, presence))


def test_the_feature_scale_has_a_floor() -> None:
    network = GestureGRU(GRUConfig(84, 5, hidden_dim=8))
    network.features.set_scale(torch.zeros(4, 6, 84), torch.zeros(4, 6, 2))
    assert torch.equal(network.features.std, torch.full((116,), 0.05))


@pytest.mark.parametrize(
    "field, value",
    [("hidden_dim", 0), ("hidden_dim", 2.5), ("num_layers", 99), ("dropout", 1.0), ("bidirectional", 1)],
)
def test_sizes_out_of_bounds_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        GRUConfig(84, 5, **{field: value})  # type: ignore[arg-type]
