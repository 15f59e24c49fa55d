"""What the service says of its model, typed, and whether a window is what its model takes.

Data only: ``http_client.py`` and ``stream_client.py`` ask for it.
"""

import msgspec
import numpy as np

from edge_client.types import WindowShape
from landmarks.hands import HANDS, Array, feature_dim
from landmarks.models.card import Count, Normalization


class ModelMetadata(msgspec.Struct, frozen=True):
    """What ``GET /metadata`` says of the gesture model."""

    seq_len: Count
    min_seq_len: Count
    use_z: bool
    num_classes: Count
    class_labels: tuple[str, ...]
    feature_dim: Count
    normalization: Normalization
    version: str | int | None = None
    encodings: tuple[str, ...] = ()  # a service of before says nothing and takes JSON

    def __post_init__(self) -> None:
        if len(self.class_labels) != self.num_classes:
            raise ValueError(f"class_labels has {len(self.class_labels)} labels, num_classes says {self.num_classes}")
        expected = feature_dim(self.use_z)
        if self.feature_dim != expected:
            raise ValueError(f"feature_dim is {self.feature_dim}, expected {expected} with use_z {self.use_z}")
        if self.min_seq_len > self.seq_len:
            raise ValueError(f"min_seq_len is {self.min_seq_len}, expected at most seq_len, {self.seq_len}")

    @property
    def shape(self) -> WindowShape:
        return WindowShape(self.seq_len, self.min_seq_len, self.use_z, self.normalization)


def check_window(sequence: Array, mask: Array | None, metadata: ModelMetadata) -> None:
    """Refuse a window that the service would refuse, with the same reasons.

    Raises:
        ValueError: naming the field, what was found and what was expected.
    """
    if sequence.ndim != 2 or sequence.shape[1] != metadata.feature_dim:
        raise ValueError(f"sequence has shape {sequence.shape}, expected (T, {metadata.feature_dim})")
    frames = len(sequence)
    if not metadata.min_seq_len <= frames <= metadata.seq_len:
        raise ValueError(f"sequence has {frames} frames, expected {metadata.min_seq_len} to {metadata.seq_len}")
    if not np.isfinite(sequence).all():
        raise ValueError("sequence has numbers that are not finite")
    if mask is not None and mask.shape != (frames, len(HANDS)):
        raise ValueError(f"mask has shape {mask.shape}, expected ({frames}, {len(HANDS)})")
