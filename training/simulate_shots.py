"""A data set of made shots: made players seen by virtual cameras. No person was recorded.

    python -m training.simulate_shots --output made_shots --shots 2000 --val_shots 300

writes ``train/*.json`` and ``val/*.json`` as ``train_tcn`` reads them. No player of ``val`` is in ``train``. Figures on
this data say nothing about real people.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm  # type: ignore[import-untyped] # its stubs are a package of their own

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from landmarks.shots.keypoint_files import write_labelled
from landmarks.shots.keypoints import POST_MS, PRE_MS
from training.command_line import make_parser, whole_number
from training.synthetic.shots import make_shot_window

# Milliseconds before and after the release. Training cuts its windows shorter, each in another place.
WINDOWS: Final = {"train": (600.0, 300.0), "val": (PRE_MS, POST_MS)}


def name_shots(folder: Path, count: int) -> list[Path]:
    """The files of ``count`` shots.

    Raises:
        FileExistsError: the folder has windows beside them, which would be taken for part of the set.
    """
    files = [folder / f"shot_{number:05d}.labeled.json" for number in range(count)]
    others = sorted(set(folder.glob("*.json")) - set(files))
    if others:
        raise FileExistsError(
            f"{folder} holds {len(others)} windows that are none of the {count} to be made, such as {others[0].name}:"
            " expected an empty folder, or one with no more shots than are made now"
        )
    return files


def write_shots(files: Sequence[Path], seed: Sequence[int], pre_ms: float, post_ms: float) -> None:
    """Write labelled windows, each with a random stream of its own, so that more shots change none before."""
    for number, file in enumerate(tqdm(files, unit=" shots", desc=files[0].parent.name)):
        write_labelled(make_shot_window(np.random.default_rng([*seed, number]), pre_ms, post_ms), file)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = make_parser("simulate_shots", __doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder that gets train and val")
    parser.add_argument("--shots", type=whole_number(1), default=2000)
    parser.add_argument("--val_shots", type=whole_number(1), default=300)
    parser.add_argument("--seed", type=whole_number(0), default=0)
    options = parser.parse_args(arguments)
    counts = {"train": options.shots, "val": options.val_shots}
    try:
        files = {name: name_shots(options.output / name, count) for name, count in counts.items()}
    except FileExistsError as error:
        sys.exit(f"simulate_shots: {error}")
    for place, name in enumerate(files):
        write_shots(files[name], (options.seed, place), *WINDOWS[name])


if __name__ == "__main__":
    main()
