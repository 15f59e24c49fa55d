"""How each gesture architecture is trained: the numbers of a training, and the ones that were measured."""

from dataclasses import dataclass
from typing import Final

from landmarks.models.card import Normalization
from training.engine.augmentation import Augmentation


@dataclass(frozen=True)
class TrainingConfig:
    """One way to train one architecture."""

    architecture: str
    learning_rate: float
    normalization: Normalization
    augmentation: Augmentation | None
    lengths: tuple[int, ...] = (20,)  # window lengths to train on, drawn for each batch
    weight_decay: float = 1e-2
    warm_up_ratio: float = 0.1  # of all steps
    final_rate_ratio: float = 0.02  # of the learning rate, at the end of the cosine
    gradient_clip: float = 2.0
    label_smoothing: float = 0.05
    class_weight_power: float = 0.5
    class_weight_cap: float = 5.0
    static_negative_ratio: float = 0.3  # share of the windows that are shown held still too, as none


# Recordings have 20 frames; the service takes 6 to 30. So half of the batches keep 20, and half go from 10 to 30.
MANY_LENGTHS: Final = (20,) * 5 + (10, 15, 20, 25, 30)
CONFIGS: Final = {
    "ensemble": TrainingConfig("ensemble", 3e-3, "image", Augmentation(), MANY_LENGTHS),
    "bigru": TrainingConfig("bigru", 3e-3, "image", Augmentation(), MANY_LENGTHS),
    # The source system augmented nothing and weighed all classes alike.
    "legacy_bigru": TrainingConfig("legacy_bigru", 1e-3, "hand_box", None, label_smoothing=0.0, class_weight_power=0.0),
    "tcn": TrainingConfig("tcn", 3e-3, "image", Augmentation(), MANY_LENGTHS),
}
# Bodies are larger than hands, measured in metres, and stand upright; nobody in the data is left-handed.
BODY: Final = Augmentation(
    shift_time=0.05,
    rotation=0.1,
    shear=0.08,
    shift=0.02,
    view=0.3,
    log_hand_size=0.0,
    hand_offset=0.0,
    shape_offset=0.02,
    noise=0.01,
    drop_sequences=0.25,
    gap=0.0,
    one_handed=0.0,
    mirror=0.0,
)
