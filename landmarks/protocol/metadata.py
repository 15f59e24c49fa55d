"""What a service tells its clients of the gesture model: in ``GET /metadata``, and when a live session opens."""

from typing import Annotated, Self

import msgspec
from msgspec import Meta


class WindowSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The windows that a model takes, and the labels that it gives."""

    seq_len: Annotated[int, Meta(description="frames that a window may have")]
    min_seq_len: Annotated[int, Meta(description="frames that it must have")]
    use_z: bool
    num_classes: int
    class_labels: tuple[str, ...]
    feature_dim: Annotated[int, Meta(description="numbers a frame: 84, or 126 with z")]
    normalization: Annotated[str, Meta(description="`image`: landmarks as MediaPipe gives them")]

    @classmethod
    def read(cls, card: object) -> Self:
        """Those of a ``ModelCard``."""
        return msgspec.convert(card, cls, from_attributes=True)
