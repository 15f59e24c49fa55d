"""Choose the movements that ship with Helen as nobody's gestures, from public recordings whose licences allow it.

python -m training.build_background --data_dir "$HELEN_DATA_DIR" --output landmarks/models/background.npz
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from landmarks.files.atomic import replace_file
from landmarks.hands import Array, compute_presence, split_hands
from landmarks.models.vocabulary import BACKGROUND
from landmarks.recording import NONE, read_labelled_hands
from training.command_line import make_parser
from training.data.frame_rates import stretch, stretch_each

FRAMES: Final = 20
EACH: Final = 64
GRID: Final = 1024  # coordinates are rounded to a share of the picture, so that the file stays small
LEAST_PRESENCE: Final = 0.5


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    options = _parser().parse_args(arguments)
    rng = np.random.default_rng(0)
    coffee = read_labelled_hands(options.data_dir / "asl_coffee_hands" / "asl_coffee_hands.npz")
    german = read_labelled_hands(options.data_dir / "dgs_signs" / "dgs_signs.npz")
    rest = coffee.label == NONE
    length = np.full(len(german.hands), german.hands.shape[1]) if german.length is None else german.length
    parts = {
        "asl_coffee_hands, none": choose(stretch(coffee.hands[rest], FRAMES), EACH, rng),
        "asl_coffee_hands, signs": choose(stretch(coffee.hands[~rest], FRAMES), EACH, rng),
        "dgs_signs": choose(stretch_each(german.hands, length, FRAMES), 2 * EACH, rng),
    }
    hands = np.concatenate(list(parts.values()))
    split_hands(hands)[..., 2] = 0  # depth differs from tracker to tracker
    rounded = (np.round(hands * GRID) / GRID).astype(np.float16)
    source = np.repeat(list(parts), [len(part) for part in parts.values()])
    with replace_file(options.output) as file:
        np.savez_compressed(file, allow_pickle=False, hands=rounded, source=source)


def choose(hands: Array, count: int, rng: np.random.Generator) -> Array:
    """Some of the windows ``(N, T, 126)`` that show a hand at least half of the time."""
    shown = compute_presence(hands).max(axis=-1).mean(axis=-1) >= LEAST_PRESENCE
    chosen: Array = hands[rng.choice(np.flatnonzero(shown), count, replace=False)]
    return chosen


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("build_background", __doc__)
    parser.add_argument("--data_dir", type=Path, required=True, help="folder of the public data sets")
    parser.add_argument("--output", type=Path, default=BACKGROUND)
    return parser


if __name__ == "__main__":
    main()
