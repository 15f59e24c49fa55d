"""Held-out figures: a table, and for a model a report to lie beside it.

    python -m training.evaluate                                  # the public data sets under HELEN_DATA_DIR
    python -m training.evaluate --experiments asl:3 unknown:1    # some of them, each with its number of seeds
    python -m training.evaluate --data_dir recordings            # your own windows, each signer or session left out

prints a line for each experiment as it is done, then the table. It selects nothing: epochs are fixed, and what is held
out is looked at once, at the end. With ``--output`` a folder gets ``report.md``, ``report.png`` and
``evaluation.json``, the metrics by architecture, which ``export_onnx`` takes for the card; its folder ``answers`` lets
the same command go on where it was interrupted.
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

from training.command_line import DATA_DIR, make_parser, reproducible_command, whole_number
from training.data.windows import DataError
from training.engine.config import CONFIGS
from training.evaluation.cross_validation import RECORDED, Fold, Progress, inner_folds, predict, train_fold
from training.evaluation.experiments import EARLIER_NAMES, VIEWS, Experiment, list_experiments, make_experiment
from training.evaluation.latency import format_costs
from training.evaluation.metrics import Predictions, pool
from training.evaluation.prediction_cache import PredictionCache
from training.evaluation.report import write_report
from training.evaluation.results import ExperimentResult, FoldResult, format_results
from training.networks.architectures import resolve_architecture


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = _parser()
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    chosen = _choose_experiments(options, parser)
    try:
        epochs = [_count_trainings(experiment, seeds) * experiment.max_epochs for _, experiment, seeds in chosen]
    except DataError as error:
        sys.exit(str(error))
    progress = Progress(sum(epochs))
    cache = PredictionCache(options.output / "answers" if options.output else None)
    results: dict[str, ExperimentResult] = {}
    for name, experiment, seeds in chosen:
        runs = [_run(experiment, seed, cache, progress) for seed in range(seeds)]
        results[name] = ExperimentResult(experiment, runs)
        tqdm.write(f"{name}: {results[name].summary}", file=sys.stdout)
    progress.bar.close()
    details = [*(line for result in results.values() for line in result.details), *format_costs()]
    sys.stdout.write("\n".join(["", *format_results(results), "", *details, ""]))
    if options.output:
        write_report(options.output, results, details, reproducible_command("training.evaluate", arguments))


def _count_trainings(experiment: Experiment, seeds: int) -> int:
    folds = experiment.folds()
    inner = sum(len(fold.train.groups) for fold in folds) if experiment.calibrated and seeds else 0
    return len(folds) * seeds + inner


def _run(experiment: Experiment, seed: int, cache: PredictionCache, progress: Progress) -> list[FoldResult]:
    """One seed: every fold, and with the first seed of a calibrated experiment the inner folds of each."""
    results = []
    for fold in experiment.folds():
        predictions = _predict_fold(experiment, fold, seed, cache, progress)
        inner = None
        if experiment.calibrated and not seed:
            once = replace(experiment, views=(RECORDED,))
            inner = pool([_predict_fold(once, each, seed, cache, progress)[RECORDED] for each in inner_folds(fold)])
        results.append(FoldResult(fold.name, fold.train.class_labels, predictions, inner))
    return results


def _predict_fold(
    experiment: Experiment, fold: Fold, seed: int, cache: PredictionCache, progress: Progress
) -> dict[str, Predictions]:
    """What a fold's held-out windows get: trained now, or taken from an evaluation that was interrupted."""
    predictions = cache.read(experiment, fold, seed)
    if predictions is None:
        config, epochs = experiment.config, experiment.max_epochs
        batch_size = experiment.batch_size
        network = train_fold(fold, config, seed=seed, max_epochs=epochs, batch_size=batch_size, progress=progress)
        predictions = {view: predict(network, fold.held_out, config, VIEWS[view]) for view in experiment.views}
        cache.write(experiment, fold, seed, predictions)
    else:
        progress.skip(experiment.max_epochs)
    tqdm.write(f"{experiment.data}, seed {seed}, {fold.name}: {100 * predictions[RECORDED].accuracy:.1f} % right")
    return predictions


def _choose_experiments(
    options: argparse.Namespace, parser: argparse.ArgumentParser
) -> list[tuple[str, Experiment, int]]:
    """The experiments that were asked for, each with its name and its number of seeds."""
    if options.data_dir:
        epochs, batch_size = options.max_epochs, options.batch_size
        return [
            (name, make_experiment(options.data_dir, name, epochs, batch_size), options.seeds)
            for name in options.architectures
        ]
    root = os.environ.get(DATA_DIR)
    if not root:
        parser.error(f"name a folder with --data_dir, or that of the public data sets in the variable {DATA_DIR}")
    known = list_experiments(Path(root))
    chosen = []
    for wanted in options.experiments or known:
        name, _, seeds = wanted.partition(":")
        name = EARLIER_NAMES.get(name, name)
        if name not in known or not (seeds or "1").isdigit():
            parser.error(f"--experiments has {wanted}, expected one of {sorted(known)}, with :SEEDS or without")
        chosen.append((name, known[name], int(seeds or options.seeds)))
    return chosen


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("evaluate", __doc__)
    parser.add_argument(
        "--experiments", "--rows", nargs="+", default=[], help="which of them, as NAME or NAME:SEEDS (default: all)"
    )
    parser.add_argument("--data_dir", type=Path, help="instead: a folder of .npz windows with a signer or session")
    parser.add_argument(
        "--architectures",
        nargs="+",
        type=resolve_architecture,
        choices=tuple(CONFIGS),
        default=["ensemble"],
        help="for --data_dir: what to train",
    )
    parser.add_argument("--max_epochs", type=whole_number(1), default=15, help="for --data_dir")
    parser.add_argument("--batch_size", type=whole_number(1), default=64, help="for --data_dir")
    parser.add_argument("--seeds", type=whole_number(1), default=3)
    parser.add_argument("--threads", type=whole_number(1), default=1)
    parser.add_argument("--output", type=Path, help="folder for report.md, report.png and evaluation.json")
    parser.add_argument("--notes", help=argparse.SUPPRESS)  # of commands on older cards; a report holds figures only
    return parser


if __name__ == "__main__":
    main()
