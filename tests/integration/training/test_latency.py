import pytest

from training.evaluation.latency import count_multiply_accumulates, format_costs
from training.networks.architectures import GESTURE_NETWORKS, build_architecture
from training.networks.bigru import GestureGRU, GRUConfig


def test_the_multiply_accumulates_of_a_recurrent_network_follow_from_its_sizes() -> None:
    network = GestureGRU(GRUConfig(84, 5, hidden_dim=8, num_layers=2))
    first, second = 2 * 3 * 8 * (116 + 8), 2 * 3 * 8 * (16 + 8)
    assert count_multiply_accumulates(network, 30) == 30 * (first + second) + 32 * 5


@pytest.mark.parametrize("name", GESTURE_NETWORKS)
def test_every_architecture_stays_within_what_a_window_may_cost(name: str) -> None:
    assert count_multiply_accumulates(build_architecture(name, 34), 30) < 15e6


def test_every_architecture_has_a_line() -> None:
    assert [line.split()[0] for line in format_costs()[1:]] == list(GESTURE_NETWORKS)
