import pytest
import torch

from training.head import LIMIT, TEMPERATURE, GestureHead
from training.rejection import Scatter

EMBEDDING, LOOK, CLASSES, NONE = 6, 4, 4, 1


def head(none: int | None = NONE) -> GestureHead:
    torch.manual_seed(0)
    made = GestureHead(EMBEDDING, LOOK, CLASSES, none).eval()
    target = torch.arange(400) % CLASSES
    scatter = Scatter(torch.bincount(target), EMBEDDING + LOOK)
    scatter.add(torch.randn(400, EMBEDDING + LOOK) + target[:, None], target)
    made.fit(scatter)
    return made


def windows(away: float) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(8, EMBEDDING) * 0.1 + away, torch.randn(8, LOOK) * 0.1 + away


def test_a_window_far_from_every_class_is_none() -> None:
    probabilities = head()(*windows(100.0)).softmax(dim=-1)
    assert (probabilities[:, NONE] > 0.999).all()


def test_a_window_near_a_class_is_answered_as_the_linear_layer_says() -> None:
    embedding, look = windows(0.0)
    made = head()
    assert made.nearest is not None and made.nearest(embedding, look).max() < LIMIT - 3
    plain = made.linear(embedding) / TEMPERATURE
    torch.testing.assert_close(made(embedding, look).softmax(-1), plain.softmax(-1), atol=0.01, rtol=0)


def test_only_the_logit_of_none_changes() -> None:
    embedding, look = windows(5.0)
    made = head()
    plain, others = made.linear(embedding) / TEMPERATURE, [0, 2, 3]
    logits = made(embedding, look)
    assert torch.equal(logits[:, others], plain[:, others])
    assert (logits[:, NONE] > plain[:, NONE]).all()


def test_half_of_the_probability_goes_to_none_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    embedding, look = windows(0.0)
    made = head()
    assert made.nearest is not None
    monkeypatch.setattr(made.nearest, "forward", lambda *_: torch.full((8,), LIMIT))
    before = (made.linear(embedding) / TEMPERATURE).softmax(dim=-1)
    after = made(embedding, look).softmax(dim=-1)
    torch.testing.assert_close(after[:, 0], before[:, 0] / 2)


def test_without_none_in_the_vocabulary_nothing_is_rejected() -> None:
    embedding, look = windows(100.0)
    made = head(none=None)
    assert torch.equal(made(embedding, look), made.linear(embedding) / TEMPERATURE)


def test_training_reads_the_linear_layer_alone() -> None:
    made = GestureHead(EMBEDDING, LOOK, CLASSES, NONE, dropout=0.0)
    embedding, look = windows(100.0)
    assert torch.equal(made(embedding, look), made.linear(embedding))
