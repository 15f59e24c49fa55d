"""The architectures by name, and the label that unknown signs are given to. Training, export and cost use it."""

from collections.abc import Sequence
from typing import Any, Final

from landmarks.recording import NONE
from training.data.skeletons import TWO_HANDS, SkeletonLayout
from training.networks.bigru import GestureGRU, GRUConfig, LegacyGRU
from training.networks.ensemble import EnsembleConfig, GestureEnsemble
from training.networks.tcn import GestureTCN, TCNConfig

Network = GestureEnsemble | GestureGRU | GestureTCN | LegacyGRU
GESTURE_NETWORKS: Final[dict[str, type[Network]]] = {
    "ensemble": GestureEnsemble,
    "bigru": GestureGRU,
    "legacy_bigru": LegacyGRU,
    "tcn": GestureTCN,
}
NETWORK_CONFIGS: Final[dict[str, type[GRUConfig | TCNConfig]]] = {
    "ensemble": EnsembleConfig,
    "bigru": GRUConfig,
    "legacy_bigru": GRUConfig,
    "tcn": TCNConfig,
}
# The one architecture for shots is ``training.networks.shot_tcn``.
SHOT: Final = "shot"
# Names that flags, checkpoints and evaluations of earlier versions use.
EARLIER_NAMES: Final = {"recipe": "bigru", "seed": "legacy_bigru"}


def resolve_architecture(name: str) -> str:
    """The name of an architecture, also by the name that it had in an earlier version."""
    return EARLIER_NAMES.get(name, name)


def build_architecture(
    architecture: str, classes: int, layout: SkeletonLayout = TWO_HANDS, other_classes: int = 0
) -> Network:
    """A fresh gesture network of an architecture, with labels for ``classes`` and none for ``other_classes``."""
    kind: Any = GESTURE_NETWORKS[architecture]
    config = NETWORK_CONFIGS[architecture](layout.width, classes, other_classes=other_classes)
    network: Network = kind(config) if architecture == "legacy_bigru" else kind(config, layout)
    return network


def find_none_label(class_labels: Sequence[str]) -> int | None:
    """The index of the label ``none``, or None where the vocabulary doesn't have it."""
    return class_labels.index(NONE) if NONE in class_labels else None
