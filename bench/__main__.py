"""``python -m bench``: every server in turn, the same load, one report and one picture.

This file reads the flags and writes what comes out; ``run.py`` keeps the order of the measurements.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench import OUT, BenchError, machine, model_alone, plot, wrk
from bench.peer import Peer, latest_model, peers
from bench.processes import leave_in_order, refuse_if_taken
from bench.report import report
from bench.results import Results
from bench.run import Plan, Run
from bench.way import HTTP_WAYS, STREAM

PACKAGES: Final = ("ray", "onnxruntime", "torch", "flask", "gunicorn", "litserve", "starlette", "uvicorn")
PARTS: Final = ("closed", "open", "pis", "model")
WAYS: Final = (*HTTP_WAYS, STREAM)


def main(arguments: list[str]) -> int:
    """Run the benchmark; 0 when everything was measured, 1 with a sentence on stderr when something couldn't be."""
    options = _parse(arguments)
    leave_in_order()
    results = Results()
    try:
        setting = _measure(options, shlex.join(["python", "-m", "bench", *arguments]), results)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    text = report(results, setting)
    (OUT / "serving.md").write_text(text)
    plot.draw(results, OUT / "serving.png")
    print(f"\n{text}")
    if results.stopped:
        print(f"bench: {results.stopped}", file=sys.stderr)
    return 1 if results.stopped else 0


def _measure(options: argparse.Namespace, command: str, results: Results) -> list[str]:
    """Fill the results and give what must stand beside them; a failure once measuring has begun is in the results."""
    wrk.find_wrk()
    model = (options.model or latest_model()).resolve()
    OUT.mkdir(parents=True, exist_ok=True)
    plan = Plan(
        peers=_choose(peers(model), options.only, options.without),
        parts=frozenset(options.parts),
        ways=frozenset(options.ways),
        connections=options.connections,
        rounds=options.rounds,
        seconds=options.seconds,
        warm_up=options.warm_up,
        awake=options.awake,
    )
    # All that can be refused or missing, now rather than minutes later when it is that server's turn.
    for peer in plan.peers:
        refuse_if_taken(peer)
        if peer.prepare is not None:
            peer.prepare()
    setting = [
        *machine.describe(PACKAGES),
        f"model {model.parent.name}/{model.name}",
        f"command: `{command}`",
        f"a load is {plan.seconds} s after {plan.warm_up} s of warm-up; medians of {plan.rounds} rounds",
    ]
    if os.getloadavg()[0] > 0.5:
        print(f"The load average is {os.getloadavg()[0]:.2f}: something else uses this machine, figures will suffer.")
    if "model" in plan.parts:
        results.model_us = model_alone.microseconds_a_window(model)
    if plan.parts - {"model"}:
        try:
            Run(plan, OUT, results).measure()
        except BenchError as error:
            results.stopped = str(error)
    return setting


def _choose(available: tuple[Peer, ...], only: list[str], without: list[str]) -> tuple[Peer, ...]:
    known = [peer.name for peer in available]
    for name in (*only, *without):
        if name not in known:
            raise BenchError(f"{name}: no such server, expected one of {', '.join(known)}")
    return tuple(peer for peer in available if (not only or peer.name in only) and peer.name not in without)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="This service and its peers under one load.")
    parser.add_argument("--seconds", type=_count, default=5, help="length of a measured load (default 5)")
    parser.add_argument("--warm-up", type=_count, default=2, help="seconds of load before each (default 2)")
    parser.add_argument("--rounds", type=_count, default=2, help="times that every server is started (default 2)")
    parser.add_argument("--connections", type=_counts, default=[1, 16, 64, 256], help="default 1,16,64,256")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="this server alone; may be repeated"
    )
    parser.add_argument(
        "--without", action="append", default=[], metavar="NAME", help="not this server; may be repeated"
    )
    parser.add_argument("--parts", type=_some_of(PARTS), default=list(PARTS), help=f"default {','.join(PARTS)}")
    parser.add_argument("--ways", type=_some_of(WAYS), default=list(WAYS), help=f"default {','.join(WAYS)}")
    parser.add_argument(
        "--awake", action="store_true", help="keep the cores from halting while servers are measured (README)"
    )
    parser.add_argument("--model", type=Path, help="folder of model.onnx and card.json (default: the newest bundled)")
    return parser.parse_args(arguments)


def _some_of(known: tuple[str, ...]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        for part in (parts := text.split(",")):
            if part not in known:
                raise argparse.ArgumentTypeError(f"{part!r} found, expected some of {','.join(known)}")
        return parts

    return read


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} found, expected a whole number above 0")
    return int(text)


def _counts(text: str) -> list[int]:
    return [_count(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
