import pytest
import torch

from training.rejection import MINOR_AXES, NearestClass, Scatter, whitening


def two_classes(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors of width 10 around two centres; axis 0 varies widely within a class and axis 9 hardly."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.arange(count) % 2
    spread = torch.linspace(2.0, 0.1, 10)
    centres = torch.zeros(2, 10)
    centres[1, 5] = 4.0
    return centres[target] + spread * torch.randn(count, 10, generator=generator), target


def fitted(embedding: int = 6, classes: int = 2) -> NearestClass:
    vectors, target = two_classes(4000, 0)
    scatter = Scatter(torch.bincount(target), 10)
    for part in range(0, 4000, 400):
        scatter.add(vectors[part : part + 400], target[part : part + 400])
    nearest = NearestClass(embedding, 10 - embedding, classes)
    nearest.fit(scatter, torch.arange(classes))
    return nearest


def test_sums_over_batches_give_the_means_and_the_covariance_within_classes() -> None:
    vectors, target = two_classes(1000, 1)
    scatter = Scatter(torch.bincount(target), 10)
    scatter.add(vectors[:300], target[:300])
    scatter.add(vectors[300:], target[300:])
    means = torch.stack([vectors[target == label].mean(dim=0) for label in (0, 1)]).double()
    away = vectors.double() - means[target]
    torch.testing.assert_close(scatter.means, means)
    torch.testing.assert_close(scatter.within, away.T @ away / 1000)


def test_a_class_with_few_windows_weighs_as_much_as_one_with_many() -> None:
    away = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    few, many = away, torch.tensor([[0.0, 1.0], [0.0, -1.0]]).repeat(50, 1)
    scatter = Scatter(torch.tensor([2, 100]), 2)
    scatter.add(torch.cat([few, many]), torch.tensor([0] * 2 + [1] * 100))
    torch.testing.assert_close(scatter.within, 0.5 * torch.eye(2, dtype=torch.float64))


@pytest.mark.parametrize("shrinkage", [0.0, 0.3])
def test_whitened_training_windows_have_a_mean_squared_length_of_one(shrinkage: float) -> None:
    vectors, target = two_classes(4000, 2)
    away = vectors.double()[target == 0]
    within = (away.T @ away) / len(away)
    assert (away @ whitening(within, shrinkage, 6)).square().sum(dim=-1).mean() == pytest.approx(1.0, rel=1e-6)


def test_the_axes_kept_are_those_of_least_variance() -> None:
    axes = whitening(torch.diag(torch.tensor([4.0, 1.0, 0.01], dtype=torch.float64)), 0.0, 1)
    assert axes[:2].abs().max() < 1e-9 < axes[2].abs().max()


def test_windows_like_those_of_training_are_about_two_away_and_others_far() -> None:
    vectors, _ = two_classes(2000, 3)
    nearest = fitted()
    known = nearest(vectors[:, :6], vectors[:, 6:])
    strange = vectors.clone()
    strange[:, 8] += 4.0
    assert known.mean() == pytest.approx(2.0, abs=0.2)
    assert nearest(strange[:, :6], strange[:, 6:]).min() > known.quantile(0.95)


def test_the_nearest_class_counts() -> None:
    nearest = fitted()
    at_each_centre = torch.zeros(2, 10)
    at_each_centre[1, 5] = 4.0
    assert nearest(at_each_centre[:, :6], at_each_centre[:, 6:]).max() < 0.1


def test_before_it_is_fitted_nothing_is_far() -> None:
    assert NearestClass(6, 4, 2)(torch.randn(3, 6), torch.randn(3, 4)).tolist() == [0, 0, 0]


def test_a_class_that_nobody_recorded_is_nowhere() -> None:
    vectors, target = two_classes(400, 4)
    scatter = Scatter(torch.tensor([200, 200, 0]), 10)
    scatter.add(vectors, target)
    nearest = NearestClass(6, 4, 3)
    nearest.fit(scatter, torch.arange(3))
    assert torch.equal(nearest.centres[2], nearest.centres[0])


def test_wide_embeddings_keep_a_fixed_number_of_axes() -> None:
    assert NearestClass(512, 4, 2).embedding_axes.shape == (512, MINOR_AXES)
