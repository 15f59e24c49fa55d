"""How far a window is from every class that was trained: what an unknown sign is told by. Part of the exported graph.

A network that has seen ten signs knows no eleventh: its softmax gives an unknown sign to the class that is least
wrong, often surely. But it lies away from every class, in two ways that complement each other: in the directions of
the network's embedding in which training windows of one class hardly differ, and in what its features look like.
"""

from typing import Final

import torch
from torch import Tensor, nn

# Axes of the embedding that count: those of least variance within the classes.
MINOR_AXES: Final = 64
# Shrinkage of a covariance towards a multiple of the identity.
EMBEDDING_SHRINKAGE: Final = 0.02
LOOK_SHRINKAGE: Final = 0.3


class Scatter:
    """Sums over training windows, from which means and the covariance within the classes follow.

    Each class weighs the same, however many windows it has.
    """

    def __init__(self, windows_each: Tensor, width: int) -> None:
        """``windows_each`` ``(C,)`` is how many windows of each class will be added; ``width`` that of the vectors."""
        self.weight = 1.0 / windows_each.double().clamp(min=1.0)
        self.count = torch.zeros(len(windows_each), dtype=torch.float64)
        self.total = torch.zeros(len(windows_each), width, dtype=torch.float64)
        self.square = torch.zeros(width, width, dtype=torch.float64)

    def add(self, vectors: Tensor, target: Tensor) -> None:
        """Count a batch: vectors ``(B, width)`` and their classes ``(B,)``."""
        vectors = vectors.detach().double()
        self.count.index_add_(0, target, torch.ones(len(target), dtype=torch.float64))
        self.total.index_add_(0, target, vectors)
        self.square += (vectors * self.weight[target, None]).T @ vectors

    @property
    def means(self) -> Tensor:
        """``(C, width)``; zeros for a class without windows."""
        return self.total / self.count.clamp(min=1.0)[:, None]

    @property
    def within(self) -> Tensor:
        """Covariance within the classes ``(width, width)``."""
        share = self.weight * self.count
        between = (self.means * share[:, None]).T @ self.means
        return (self.square - between) / share.sum().clamp(min=1e-9)


class NearestClass(nn.Module):
    """Squared Mahalanobis distance of a window from the nearest class: Lee et al. 2018, with two distances summed.

    One is taken in ``MINOR_AXES`` axes of the embedding, the other in the window's look, the mean and the standard
    deviation over time of its scaled features. Each is in units of the mean distance of training windows from their
    own class, so that windows like those in training have about 2. Before ``fit`` every distance is 0.
    """

    origin: Tensor
    embedding_axes: Tensor
    look_axes: Tensor
    centres: Tensor

    def __init__(self, embedding: int, look: int, classes: int) -> None:
        super().__init__()
        minor = min(MINOR_AXES, embedding)
        self.register_buffer("origin", torch.zeros(embedding + look))
        self.register_buffer("embedding_axes", torch.zeros(embedding, minor))
        self.register_buffer("look_axes", torch.zeros(look, look))
        self.register_buffer("centres", torch.zeros(classes, minor + look))

    def forward(self, embedding: Tensor, look: Tensor) -> Tensor:
        """``(B, embedding)`` and ``(B, look)`` to distances ``(B,)``."""
        away = self._project(torch.cat([embedding, look], dim=-1))[:, None] - self.centres
        return (away * away).sum(dim=-1).amin(dim=-1)

    def fit(self, scatter: Scatter, classes: Tensor) -> None:
        """Take centres and axes from training windows; ``classes`` are the indices that count as near."""
        split = len(self.embedding_axes)
        within = scatter.within
        self.origin.copy_(scatter.means[classes].mean(dim=0))
        self.embedding_axes.copy_(whitening(within[:split, :split], EMBEDDING_SHRINKAGE, self.embedding_axes.shape[1]))
        self.look_axes.copy_(whitening(within[split:, split:], LOOK_SHRINKAGE, len(self.look_axes)))
        centres = self._project(scatter.means[classes].float())
        missing = scatter.count[classes] == 0
        # A class that nobody recorded is nowhere: it takes the place of one that somebody did.
        self.centres.copy_(torch.where(missing[:, None], centres[~missing][:1], centres))

    def _project(self, vectors: Tensor) -> Tensor:
        away, split = vectors - self.origin, len(self.embedding_axes)
        return torch.cat([away[..., :split] @ self.embedding_axes, away[..., split:] @ self.look_axes], dim=-1)


def whitening(within: Tensor, shrinkage: float, axes: int) -> Tensor:
    """The ``axes`` directions of least variance of a covariance, scaled: ``(width, axes)``.

    Squared lengths after it are Mahalanobis distances under the shrunk covariance of those axes, divided by their
    mean over windows that have this covariance.
    """
    variance, directions = torch.linalg.eigh(within)
    variance, directions = variance[:axes].clamp(min=0.0), directions[:, :axes]
    shrunk = (1 - shrinkage) * variance + shrinkage * variance.mean() + 1e-9
    whitened: Tensor = directions / (shrunk * (variance / shrunk).sum().clamp(min=1e-9)).sqrt()
    return whitened
