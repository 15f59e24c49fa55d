"""The architectures by name, and the label that unknown signs are given to. Training, export and cost use it."""

from collections.abc import Sequence
from typing import Final

from training.data.skeletons import TWO_HANDS, SkeletonLayout
from training.networks.bigru import GestureGRU, GRUConfig, LegacyGRU
from training.networks.ensemble import EnsembleConfig, GestureEnsemble
from training.networks.tcn import GestureTCN, TCNConfig

# The label of everything that is no gesture.
NONE: Final = "none"

Network = GestureEnsemble | GestureGRU | GestureTCN | LegacyGRU
KINDS: Final[dict[str, type[Network]]] = {
    "ensemble": GestureEnsemble,
    "recipe": GestureGRU,
    "seed": LegacyGRU,
    "tcn": GestureTCN,
}


def build_architecture(architecture: str, classes: int, layout: SkeletonLayout = TWO_HANDS) -> Network:
    """A fresh network of an architecture."""
    if architecture == "seed":
        return LegacyGRU(GRUConfig(layout.width, classes))
    if architecture == "ensemble":
        return GestureEnsemble(EnsembleConfig(layout.width, classes), layout)
    if architecture == "tcn":
        return GestureTCN(TCNConfig(layout.width, classes), layout)
    return GestureGRU(GRUConfig(layout.width, classes), layout)


def find_none_label(class_labels: Sequence[str]) -> int | None:
    """The index of the label ``none``, or None where the vocabulary doesn't have it."""
    return class_labels.index(NONE) if NONE in class_labels else None
