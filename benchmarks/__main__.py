"""``python -m benchmarks``: every server in turn, the same load, one report."""

import argparse
import shlex
import sys
from functools import partial

from benchmarks import OUT, BenchmarkError
from benchmarks.load.request_encoders import ENCODERS, STREAM
from benchmarks.serving.report import Results, describe_machine, write_report
from benchmarks.serving.run import Run
from benchmarks.serving.servers import SERVERS, clean_environment
from testkit.processes import StartError, exit_on_sigterm

PARTS = ["closed", "open", "pis"]


def main(arguments: list[str]) -> int:
    """Run the benchmark; 0 when everything was measured, 1 with a message when something couldn't be."""
    options = parse_arguments(arguments)
    exit_on_sigterm()
    clean_environment()
    OUT.mkdir(parents=True, exist_ok=True)
    setting = [
        *describe_machine(),
        f"command: `{shlex.join(['python', '-m', 'benchmarks', *arguments])}`",
        f"a load is {options.seconds} s after {options.warm_up} s of warm-up; medians of {options.rounds} rounds",
    ]
    results = Results()
    try:
        Run([server for server in SERVERS if server.name in options.only], options, results).measure()
    except (BenchmarkError, StartError) as error:
        results.stopped = str(error)
    text = write_report(results, setting)
    (OUT / "serving.md").write_text(text)
    print(f"\n{text}")
    return 1 if results.stopped else 0


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """What to measure; lists are comma-separated."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="This service and others, one load.")
    add = parser.add_argument
    add("--seconds", type=parse_count, default=5, help="length of a measured load (default 5)")
    add("--warm-up", type=parse_count, default=2, help="seconds of load before each (default 2)")
    add("--rounds", type=parse_count, default=2, help="times that every server is started (default 2)")
    add("--connections", type=parse_counts, default=[1, 16, 64, 256], help="default 1,16,64,256")
    names = [server.name for server in SERVERS]
    for flag, known in (("--only", names), ("--parts", PARTS), ("--ways", [*ENCODERS, STREAM])):
        add(flag, type=partial(parse_names, known), default=known, help=f"default {','.join(known)}")
    return parser.parse_args(arguments)


def parse_names(known: list[str], text: str) -> list[str]:
    """Comma-separated words that are all known."""
    for name in (names := text.split(",")):
        if name not in known:
            raise argparse.ArgumentTypeError(f"{name!r} found, expected some of {','.join(known)}")
    return names


def parse_count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} found, expected a whole number above 0")
    return int(text)


def parse_counts(text: str) -> list[int]:
    return [parse_count(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
