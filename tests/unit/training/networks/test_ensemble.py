import pytest
import torch

from training.networks.ensemble import EnsembleConfig, GestureEnsemble


def made_hands() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.rand(3, 9, 84), torch.ones(3, 9, 2)


def test_the_answer_is_the_mean_of_the_members_probabilities() -> None:
    hands, presence = made_hands()
    network = GestureEnsemble(EnsembleConfig(84, 5, hidden_dim=8)).eval()
    with torch.no_grad():
        each = network.member_logits(hands, presence).softmax(dim=-1)
        answer = network(hands, presence)
    assert each.shape == (3, 3, 5)
    assert not torch.allclose(each[0], each[1])
    torch.testing.assert_close(answer.softmax(dim=-1), each.mean(dim=0))
    # Logits are log probabilities already, so that a mean near 0 keeps its digits.
    torch.testing.assert_close(answer.exp(), each.mean(dim=0))


def test_members_that_disagree_are_less_sure_together_than_each_alone() -> None:
    hands, presence = made_hands()
    network = GestureEnsemble(EnsembleConfig(84, 2, hidden_dim=8, members=2)).eval()
    for member, sure_of in zip(network.members, (0, 1), strict=True):
        linear = member.get_submodule("head.2")
        assert isinstance(linear, torch.nn.Linear)
        torch.nn.init.zeros_(linear.weight)
        with torch.no_grad():
            linear.bias.copy_(torch.nn.functional.one_hot(torch.tensor(sure_of), 2) * 10.0)
    with torch.no_grad():
        torch.testing.assert_close(network(hands, presence).softmax(dim=-1), torch.full((3, 2), 0.5))


@pytest.mark.parametrize("members", [0, 17, 2.0, True])
def test_a_number_of_members_out_of_bounds_is_refused(members: object) -> None:
    with pytest.raises(ValueError, match="members is"):
        EnsembleConfig(84, 5, members=members)  # type: ignore[arg-type]


def test_a_members_sizes_are_checked_too() -> None:
    with pytest.raises(ValueError, match="hidden_dim"):
        EnsembleConfig(84, 5, hidden_dim=0)
