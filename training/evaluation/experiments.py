"""The experiments of the evaluation: which data, which protocol, which training, and what is to be reached.

Data are public sets under one folder (see ``list_experiments``), or a folder of one's own windows.
``training.evaluate`` runs them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from training.data.public_datasets import KINECT_FRAMES, read_kinect, read_natops
from training.data.recordings import OtherSigns, add_other_signs, read_grouped, read_windows
from training.data.windows import DataError, Windows
from training.engine.config import BODY, CONFIGS, TrainingConfig
from training.evaluation.cross_validation import (
    RECORDED,
    Fold,
    TimeSampling,
    as_recorded,
    first_frames,
    leave_labels_out,
    leave_one_group_out,
    resample_to,
)

# The unknown-sign experiment. What training does about unknown signs was developed with signer_b held out, on the
# labels that signer_b adds to the common ones; those and that signer are left out here.
DEVELOPED_ON: Final = frozenset(
    ["a", "b", "c", "can", "e", "f", "g", "h", "i", "j", "k", "l", "muffin", "please", "water"]
)
REPORTED_SIGNERS: Final = ("signer_a", "signer_c")
LEFT_OUT: Final = (("get", "large"), ("no", "tea"), ("thank-you",))

# Names that experiments had in earlier versions.
EARLIER_NAMES: Final = {"plain": "no_static_negatives", "seed": "legacy_bigru"}

VIEWS: Final[dict[str, TimeSampling]] = {
    RECORDED: as_recorded,
    "resampled to 30 frames": resample_to(30),
    "resampled to 10 frames": resample_to(10),
    **{f"first {frames} frames": first_frames(frames) for frames in (4, 6, 8, 10, 12, 15, 18)},
}


@dataclass(frozen=True)
class Experiment:
    """Folds to train, how, and the published figure (``baseline``) and the wanted one (``target``) in words."""

    data: str
    protocol: str
    config: TrainingConfig
    folds: Callable[[], list[Fold]]
    max_epochs: int
    batch_size: int
    baseline: str = ""
    target: str = ""
    views: tuple[str, ...] = (RECORDED,)
    unknown: bool = False  # the folds leave labels out
    calibrated: bool = False  # with the first seed, a temperature is fitted on the people each fold trains with


def make_experiment(data_dir: Path, architecture: str, max_epochs: int, batch_size: int) -> Experiment:
    """A folder of windows, every signer or session left out once, on the labels that all of them recorded."""
    return Experiment(
        data=data_dir.name,
        protocol="leave one group out, labels of all groups",
        config=CONFIGS[architecture],
        folds=lambda: leave_one_group_out(select_common_labels(read_grouped(data_dir))),
        max_epochs=max_epochs,
        batch_size=batch_size,
        views=tuple(VIEWS),
    )


def list_experiments(root: Path) -> dict[str, Experiment]:
    """The public data sets in the folders ``asl_coffee_hands``, ``ksl13_hands``, ``natops``, ``isl30_kinect``."""
    asl = replace(
        make_experiment(root / "asl_coffee_hands", "ensemble", 15, 64),
        protocol="leave one signer out, 11 labels",
        baseline="86.5",
        target="95.5",
    )
    body = replace(CONFIGS["bigru"], augmentation=BODY)
    return {
        "asl": asl,
        "no_static_negatives": replace(
            asl,
            config=replace(CONFIGS["ensemble"], static_negative_ratio=0.0),
            protocol=f"{asl.protocol}, no still hands",
            calibrated=True,
        ),
        "other_signs": replace(
            asl,
            protocol=f"{asl.protocol}, other signs beside them",
            folds=lambda: _folds_with_other_signs(root),
        ),
        "tcn": replace(asl, config=CONFIGS["tcn"], baseline="90.7", target="BiGRU − 1"),
        "legacy_bigru": replace(asl, config=CONFIGS["legacy_bigru"], target=""),
        "unknown": replace(
            asl,
            protocol="leave signs and one signer out",
            folds=lambda: _unknown_folds(root / "asl_coffee_hands"),
            baseline="AUROC 77–79, accepted 36",
            target="AUROC 88, accepted 15",
            views=(RECORDED,),
            unknown=True,
        ),
        "ksl13": Experiment(
            "ksl13_hands",
            "leave one session out, worst session",
            replace(CONFIGS["bigru"], lengths=(20, 25, 30)),
            lambda: leave_one_group_out(read_windows(root / "ksl13_hands")),
            max_epochs=10,
            batch_size=64,
            baseline="68–73",
            target="80",
        ),
        "natops": Experiment(
            "natops",
            "official split",
            replace(body, lengths=(51,)),
            lambda: [Fold("test", *read_natops(root / "natops"))],
            max_epochs=40,
            batch_size=32,
            baseline="91",
            target="96",
        ),
        "isl30": Experiment(
            "isl30_kinect",
            "leave one signer out, 20 body joints",
            replace(body, lengths=(KINECT_FRAMES,)),
            lambda: leave_one_group_out(read_kinect(root / "isl30_kinect")),
            max_epochs=18,
            batch_size=64,
            baseline="84.81",
            target="92",
        ),
    }


def select_common_labels(windows: Windows) -> Windows:
    """The windows whose label every group recorded.

    Raises:
        DataError: there is no such label.
    """
    labels = windows.common_labels()
    if not labels:
        by = windows.grouped_by or "group"
        raise DataError(f"no label was recorded for every {by} ({', '.join(windows.groups)}), expected at least one")
    return windows.select_labels(labels)


def _folds_with_other_signs(root: Path) -> list[Fold]:
    """Folds that train as the bundled model is trained: beside signs of other people and languages."""
    others = [OtherSigns(root / name, {}) for name in ("dgs_signs", "ksl13_hands", "asl_tutorials_mit")]
    folds = []
    for fold in leave_one_group_out(select_common_labels(read_windows(root / "asl_coffee_hands"))):
        train = add_other_signs(fold.train, None, others)
        folds.append(replace(fold, train=train, held_out=fold.held_out.relabel(train.class_labels)))
    return folds


def _unknown_folds(data_dir: Path) -> list[Fold]:
    windows = read_windows(data_dir)
    return leave_labels_out(windows, windows.common_labels(), LEFT_OUT, REPORTED_SIGNERS, DEVELOPED_ON)
