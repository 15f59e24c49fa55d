"""Made recordings of hands, for tests and demonstrations. No person was recorded.

    python -m training.simulate --output made

writes ``made/made.npz``, laid out like recordings. Figures on this data say nothing about real people.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from landmarks.files.atomic import replace_file
from training.command_line import make_parser, whole_number
from training.synthetic.hands import make_windows


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = make_parser("simulate", __doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder that gets made.npz")
    parser.add_argument("--windows", type=whole_number(1), default=30, help="windows of each gesture by each signer")
    parser.add_argument("--signers", type=whole_number(1), default=4)
    parser.add_argument("--frames", type=whole_number(2), default=20)
    parser.add_argument("--seed", type=whole_number(0), default=0)
    options = parser.parse_args(arguments)
    made = make_windows(options.windows, options.signers, options.frames, options.seed)
    options.output.mkdir(parents=True, exist_ok=True)
    with replace_file(options.output / "made.npz") as file:
        np.savez_compressed(file, hands=made["hands"], label=made["label"], signer=made["signer"])


if __name__ == "__main__":
    main()
