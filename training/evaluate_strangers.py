"""A gesture model on people and signs that it hasn't seen: one table.

    python -m training.evaluate_strangers --model models/gesture/1 --output runs/strangers

reads ``asl_tutorials_mit``, ``ksl13_hands`` and ``dgs_unknown`` in ``HELEN_DATA_DIR``, in about a minute. With
``--output`` a folder gets ``report.md``, ``report.png`` and ``evaluation.json``, the figures for a card; ``--card``
puts them into the model's own.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from landmarks.models.card import CARD_FILE, ModelError, write_card
from landmarks.models.session import ModelSession
from training.command_line import DATA_DIR, reproducible_command
from training.data.strangers import GERMAN, KOREAN, TUTORIALS
from training.data.windows import DataError
from training.evaluation.stranger_figures import StrangerEvaluation
from training.evaluation.stranger_report import format_table, make_evaluations, write_report

MODULE = "training.evaluate_strangers"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; ends with code 1 and one sentence where it can't be done."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, default=Path("models/gesture/1"), help="folder of model.onnx, card.json")
    parser.add_argument("--output", type=Path, help="folder for report.md, report.png and evaluation.json")
    parser.add_argument("--card", action="store_true", help="put the figures into the model's card")
    parser.add_argument(
        "--trained-on", nargs="*", help="sets that the model was trained on (default: those that its card names)"
    )
    options = parser.parse_args(arguments)
    if not os.environ.get(DATA_DIR):
        parser.error(f"{DATA_DIR} names no folder, expected the folder of {TUTORIALS}, {KOREAN} and {GERMAN}")
    try:
        session = ModelSession.open(options.model, kind="gesture")
        if session.card.embedding_dim is None:
            raise ModelError(f"the model in {options.model} has no embedding, expected one: export it again")
        trained = options.trained_on
        if trained is None:
            trained = [name for name in (TUTORIALS, KOREAN, GERMAN) if name in session.card.training.data]
        rows = StrangerEvaluation(Path(os.environ[DATA_DIR]), session, trained).list_rows()
    except (DataError, ModelError) as error:
        sys.exit(f"evaluate_strangers: {error}")
    sys.stdout.write("\n".join(format_table(rows)) + "\n")
    command = reproducible_command(MODULE, arguments)
    evaluations = make_evaluations(rows, command)
    if options.output:
        write_report(options.output, rows, evaluations, command)
    if options.card:
        others = [each for each in session.card.evaluation if not each.command.startswith(f"python -m {MODULE}")]
        write_card(structs.replace(session.card, evaluation=(*others, *evaluations)), options.model / CARD_FILE)


if __name__ == "__main__":
    main()
