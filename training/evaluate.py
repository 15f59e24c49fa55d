"""Held-out figures: a table, and for a model a report to lie beside it.

    python -m training.evaluate                                  # the public data sets under HELEN_DATA_DIR
    python -m training.evaluate --rows asl:3 unknown:1           # some of them, each with its number of seeds
    python -m training.evaluate --data_dir recordings            # your own windows, each signer or session left out

prints a line for each row as it is done, then the table. It selects nothing: epochs are fixed, and what is held out is
looked at once, at the end. With ``--output`` a folder gets ``report.md``, ``report.png`` and ``evaluation.json``, the
figures by architecture, which ``export_onnx`` takes for the card; its folder ``answers`` lets the same command go on
where it was interrupted.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from tqdm import tqdm  # type: ignore[import-untyped] # its stubs are a package of their own

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from training.data.recordings import DataError
from training.engine.lightning_module import RECIPES
from training.engine.reproducible_command import DATA_DIR, reproducible_command, whole_number
from training.evaluation.cross_validation import RECORDED, Fold, Progress, answers, inner_folds, train
from training.evaluation.experiments import VIEWS, Experiment, own, rows
from training.evaluation.latency import cost_lines
from training.evaluation.metrics import Predictions, pooled
from training.evaluation.prediction_cache import PredictionCache
from training.evaluation.report import write_report
from training.evaluation.results import ExperimentResult, FoldResult, table


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = _parser()
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    chosen = _chosen(options, parser)
    try:
        epochs = [_trainings(row, seeds) * row.max_epochs for _, row, seeds in chosen]
    except DataError as error:
        sys.exit(str(error))
    progress = Progress(sum(epochs))
    kept = PredictionCache(options.output / "answers" if options.output else None)
    results: dict[str, ExperimentResult] = {}
    for name, row, seeds in chosen:
        runs = [_run(row, seed, kept, progress) for seed in range(seeds)]
        results[name] = ExperimentResult(row, runs)
        tqdm.write(f"{name}: {results[name].summary}", file=sys.stdout)
    progress.bar.close()
    lines = [*table(results), "", *(detail for result in results.values() for detail in result.details), *cost_lines()]
    sys.stdout.write("\n".join(["", *lines, ""]))
    if options.output:
        notes = options.notes.read_text(encoding="utf-8") if options.notes else ""
        write_report(options.output, results, reproducible_command("training.evaluate", arguments), notes)


def _trainings(row: Experiment, seeds: int) -> int:
    folds = row.folds()
    inner = sum(len(fold.train.groups) for fold in folds) if row.calibrated and seeds else 0
    return len(folds) * seeds + inner


def _run(row: Experiment, seed: int, kept: PredictionCache, progress: Progress) -> list[FoldResult]:
    """One seed of a row: every fold, and with the first seed of a calibrated row the inner folds of each."""
    tries = []
    for fold in row.folds():
        found = _answers(row, fold, seed, kept, progress)
        inner = None
        if row.calibrated and not seed:
            once = replace(row, views=(RECORDED,))
            inner = pooled([_answers(once, each, seed, kept, progress)[RECORDED] for each in inner_folds(fold)])
        tries.append(FoldResult(fold.name, fold.train.class_labels, found, inner))
    return tries


def _answers(
    row: Experiment, fold: Fold, seed: int, kept: PredictionCache, progress: Progress
) -> dict[str, Predictions]:
    """What a fold's held-out windows get: trained now, or taken from an evaluation that was interrupted."""
    found = kept.read(row, fold, seed)
    if found is None:
        network = train(
            fold, row.recipe, seed=seed, max_epochs=row.max_epochs, batch_size=row.batch_size, progress=progress
        )
        found = {view: answers(network, fold.held, row.recipe, VIEWS[view]) for view in row.views}
        kept.write(row, fold, seed, found)
    else:
        progress.skip(row.max_epochs)
    tqdm.write(f"{row.data}, seed {seed}, {fold.name}: {100 * found[RECORDED].accuracy:.1f} % right")
    return found


def _chosen(options: argparse.Namespace, parser: argparse.ArgumentParser) -> list[tuple[str, Experiment, int]]:
    """The rows that were asked for, each with its name and its number of seeds."""
    if options.data_dir:
        epochs, batch_size = options.max_epochs, options.batch_size
        return [
            (name, own(options.data_dir, name, epochs, batch_size), options.seeds) for name in options.architectures
        ]
    root = os.environ.get(DATA_DIR)
    if not root:
        parser.error(f"name a folder with --data_dir, or that of the public data sets in the variable {DATA_DIR}")
    known = rows(Path(root))
    chosen = []
    for asked in options.rows or known:
        name, _, seeds = asked.partition(":")
        if name not in known or not (seeds or "1").isdigit():
            parser.error(f"--rows has {asked}, expected one of {sorted(known)}, with :SEEDS or without")
        chosen.append((name, known[name], int(seeds or options.seeds)))
    return chosen


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", nargs="+", default=[], help="rows of the table, as ROW or ROW:SEEDS (default: all)")
    parser.add_argument("--data_dir", type=Path, help="instead: a folder of .npz windows with a signer or session")
    parser.add_argument(
        "--architectures", nargs="+", choices=tuple(RECIPES), default=["ensemble"], help="for --data_dir: what to train"
    )
    parser.add_argument("--max_epochs", type=whole_number(1), default=15, help="for --data_dir")
    parser.add_argument("--batch_size", type=whole_number(1), default=64, help="for --data_dir")
    parser.add_argument("--seeds", type=whole_number(1), default=3)
    parser.add_argument("--threads", type=whole_number(1), default=1)
    parser.add_argument("--output", type=Path, help="folder for report.md, report.png and evaluation.json")
    parser.add_argument("--notes", type=Path, help="Markdown that goes to the end of the report")
    return parser


if __name__ == "__main__":
    main()
