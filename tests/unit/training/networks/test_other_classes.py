from typing import Any

import pytest
import torch

from training.networks.architectures import build_architecture
from training.networks.bigru import OTHER_WEIGHT, GRUConfig

ARCHITECTURES = ("ensemble", "bigru", "tcn")


def made_hands() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.rand(3, 9, 84), torch.ones(3, 9, 2)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_signs_without_a_label_count_as_none_the_last_label(architecture: str) -> None:
    network: Any = build_architecture(architecture, 3, other_classes=2).eval()
    with torch.no_grad():
        each = network.member_logits(*made_hands())
        logits, _ = network.predict(*made_hands())
    assert each.shape[1:] == (3, 5) and logits.shape == (3, 3)
    everything = each.softmax(dim=-1).mean(dim=0)
    rest = everything[:, 2:3] + OTHER_WEIGHT * everything[:, 3:].sum(dim=-1, keepdim=True)
    expected = torch.cat([everything[:, :2], rest], dim=-1)
    torch.testing.assert_close(logits.softmax(dim=-1), expected / expected.sum(dim=-1, keepdim=True))


@pytest.mark.parametrize("architecture", (*ARCHITECTURES, "legacy_bigru"))
def test_the_embedding_is_a_unit_vector_that_depends_on_the_window(architecture: str) -> None:
    network: Any = build_architecture(architecture, 3).eval()
    with torch.no_grad():
        logits, embedding = network.predict(*made_hands())
        torch.testing.assert_close(logits, network(*made_hands()))
    torch.testing.assert_close(embedding.norm(dim=-1), torch.ones(3))
    assert (embedding[0] - embedding[1]).abs().max() > 1e-4


@pytest.mark.parametrize("count", [-1, 2.0, True, 10_001])
def test_a_number_of_other_classes_out_of_bounds_is_refused(count: object) -> None:
    with pytest.raises(ValueError, match="other_classes is"):
        GRUConfig(84, 5, other_classes=count)  # type: ignore[arg-type]
