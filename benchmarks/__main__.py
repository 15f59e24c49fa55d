"""``python -m benchmarks``: every server in turn, the same load, one report and one chart."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks import OUT, BenchmarkError
from benchmarks.load.closed_loop import find_wrk
from benchmarks.load.request_encoders import ENCODERS, STREAM
from benchmarks.serving.chart import draw_chart
from benchmarks.serving.machine import describe_machine
from benchmarks.serving.model_cost import measure_model_us
from benchmarks.serving.report import write_report
from benchmarks.serving.results import Results
from benchmarks.serving.run import Run
from benchmarks.serving.servers import Server, clean_environment, find_latest_model, list_servers
from testkit.processes import StartError, exit_on_sigterm

PACKAGES: Final = ("ray", "onnxruntime", "torch", "flask", "gunicorn", "litserve", "starlette", "uvicorn")
PARTS: Final = ("closed", "open", "pis", "model")
ENCODINGS: Final = (*ENCODERS, STREAM)


def main(arguments: list[str]) -> int:
    """Run the benchmark; 0 when everything was measured, 1 with a message on stderr when something couldn't be."""
    options = parse_arguments(arguments)
    exit_on_sigterm()
    clean_environment()
    results = Results()
    try:
        find_wrk()
        model = (options.model or find_latest_model()).resolve()
        servers = choose_servers(list_servers(model), options.only, options.without)
    except BenchmarkError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    OUT.mkdir(parents=True, exist_ok=True)
    setting = [
        *describe_machine(PACKAGES),
        f"model {model.parent.name}/{model.name}",
        f"command: `{shlex.join(['python', '-m', 'benchmarks', *arguments])}`",
        f"a load is {options.seconds} s after {options.warm_up} s of warm-up; medians of {options.rounds} rounds",
    ]
    if os.getloadavg()[0] > 0.5:
        print(f"The load average is {os.getloadavg()[0]:.2f}: something else uses this machine, figures will suffer.")
    try:
        if "model" in options.parts:
            results.model_us = measure_model_us(model)
        Run(
            servers,
            frozenset(options.parts),
            frozenset(options.ways),
            options.connections,
            options.rounds,
            options.seconds,
            options.warm_up,
            options.awake,
            OUT,
            results,
        ).measure()
    except (BenchmarkError, StartError) as error:
        results.stopped = str(error)
    text = write_report(results, setting)
    (OUT / "serving.md").write_text(text)
    draw_chart(results, OUT / "serving.png")
    print(f"\n{text}")
    return 1 if results.stopped else 0


def choose_servers(available: tuple[Server, ...], only: list[str], without: list[str]) -> tuple[Server, ...]:
    """The servers that are named by ``only`` (all without it) and not by ``without``.

    Raises:
        BenchmarkError: a name that no server here has.
    """
    known = [server.name for server in available]
    for name in (*only, *without):
        if name not in known:
            raise BenchmarkError(f"{name}: no such server here, expected one of {', '.join(known)}")
    return tuple(server for server in available if (not only or server.name in only) and server.name not in without)


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="This service and others, one load.")
    add = parser.add_argument
    add("--seconds", type=parse_count, default=5, help="length of a measured load (default 5)")
    add("--warm-up", type=parse_count, default=2, help="seconds of load before each (default 2)")
    add("--rounds", type=parse_count, default=2, help="times that every server is started (default 2)")
    add("--connections", type=parse_counts, default=[1, 16, 64, 256], help="default 1,16,64,256")
    add("--only", action="append", default=[], metavar="NAME", help="this server alone; may be repeated")
    add("--without", action="append", default=[], metavar="NAME", help="not this server; may be repeated")
    add("--parts", type=parse_some_of(PARTS), default=list(PARTS), help=f"default {','.join(PARTS)}")
    add("--ways", type=parse_some_of(ENCODINGS), default=list(ENCODINGS), help=f"default {','.join(ENCODINGS)}")
    add("--awake", action="store_true", help="keep the cores from halting meanwhile (docs/benchmarks.md)")
    add("--model", type=Path, help="folder of model.onnx and card.json (default: the newest bundled)")
    return parser.parse_args(arguments)


def parse_some_of(known: tuple[str, ...]) -> Callable[[str], list[str]]:
    """A parser of comma-separated words that are all known."""

    def parse(text: str) -> list[str]:
        for part in (parts := text.split(",")):
            if part not in known:
                raise argparse.ArgumentTypeError(f"{part!r} found, expected some of {','.join(known)}")
        return parts

    return parse


def parse_count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} found, expected a whole number above 0")
    return int(text)


def parse_counts(text: str) -> list[int]:
    return [parse_count(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
