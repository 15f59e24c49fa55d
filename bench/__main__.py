"""``python -m bench``: every server in turn, the same load, one table.

This file reads the flags, keeps the order of the rounds and shows progress; what it drives is in the modules beside it.
"""

import argparse
import datetime
import os
import shlex
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from bench import ROOT, BenchError, answer, machine, table, wrk
from bench.peer import BASELINES, Peer, latest_model, peers
from bench.processes import refuse_if_taken, running
from bench.window import FRAMES, json_body, made_window

OUT = ROOT / "bench" / "out"
PACKAGES = ("ray", "onnxruntime", "torch", "flask", "gunicorn", "litserve")


def main(arguments: list[str]) -> int:
    """Run the benchmark; 0 when every server was measured, 1 with a sentence on stderr when one couldn't be."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, _leave)
    try:
        report = _measure(options, shlex.join(["python", "-m", "bench", *arguments]))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(f"\n{report}")
    return 0


def _measure(options: argparse.Namespace, command: str) -> str:
    wrk.find_wrk()
    model = (options.model or latest_model()).resolve()
    chosen = _choose(peers(model), options.only)
    for peer in chosen:
        refuse_if_taken(peer)  # now, rather than minutes later when it is that server's turn
    setting = [*machine.describe(PACKAGES), f"model {model.parent.name}/{model.name}", f"command: `{command}`"]
    if os.getloadavg()[0] > 0.5:
        print(f"The load average is {os.getloadavg()[0]:.2f}: something else uses this machine, figures will suffer.")

    OUT.mkdir(parents=True, exist_ok=True)
    body = OUT / "window.json"
    body.write_bytes(json_body(made_window(seed=0)))
    rounds: dict[tuple[str, int], list[wrk.Load]] = {
        (peer.name, connections): [] for peer in chosen for connections in options.connections
    }
    progress = _Progress(len(rounds) * options.rounds)
    answers: dict[str, tuple[str, list[answer.Prediction]]] = {}
    for number in range(options.rounds):
        # Another server goes first in each round, so that a machine that warms up or slows down favours none.
        first = number % len(chosen)
        for peer in chosen[first:] + chosen[:first]:
            progress.say(f"starting {peer.name}")
            with running(peer, OUT / f"{peer.name}.log"):
                given = answer.ask(peer.name, peer.predict_url)
                answer.compare(peer.name, given, *answers.setdefault(peer.model, (peer.name, given)))
                for connections in options.connections:
                    wrk.load(peer.predict_url, body, connections=connections, seconds=options.warm_up)
                    load = wrk.load(peer.predict_url, body, connections=connections, seconds=options.seconds)
                    rounds[peer.name, connections].append(load)
                    progress.step(peer.name, connections, load)

    report = _report(rounds, setting, options)
    (OUT / "serving.md").write_text(report)
    return report


def _report(rounds: table.Rounds, setting: list[str], options: argparse.Namespace) -> str:
    date = datetime.datetime.now(datetime.UTC)
    body = (OUT / "window.json").stat().st_size
    return "\n".join(
        [
            f"# Serving, {date:%Y-%m-%d %H:%M} UTC",
            "",
            *(f"- {line}" for line in setting),
            f"- `POST /predict`, one window of {FRAMES} × 84 as JSON ({body} bytes)",
            f"- a load is {options.seconds} s after {options.warm_up} s of warm-up; median of {options.rounds} rounds",
            "",
            table.serving_table(rounds, BASELINES),
            "",
            "Requests/s of each round:",
            "",
            table.rounds_table(rounds),
            "",
        ]
    )


def _choose(available: tuple[Peer, ...], names: list[str]) -> tuple[Peer, ...]:
    known = [peer.name for peer in available]
    for name in names:
        if name not in known:
            raise BenchError(f"--only {name}: no such server, expected one of {', '.join(known)}")
    return tuple(peer for peer in available if not names or peer.name in names)


class _Progress:
    """One line a finished load, with the time that the rest will take at the pace so far."""

    def __init__(self, loads: int) -> None:
        self._loads = loads
        self._done = 0
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        print(f"[{self._done:>2}/{self._loads}] {text}", flush=True)

    def step(self, name: str, connections: int, load: wrk.Load) -> None:
        self._done += 1
        left = (time.monotonic() - self._started) / self._done * (self._loads - self._done)
        self.say(
            f"{name}, {connections} connections: {load.requests_per_s:.0f} requests/s, p50 {load.p50_ms:.1f} ms, "
            f"p99 {load.p99_ms:.1f} ms, {load.errors} errors; about {left / 60:.1f} min left"
        )


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="This service and its peers under one load.")
    parser.add_argument("--seconds", type=_count, default=10, help="length of a measured load (default 10)")
    parser.add_argument("--warm-up", type=_count, default=3, help="seconds of load before each (default 3)")
    parser.add_argument("--rounds", type=_count, default=2, help="times that every server is started (default 2)")
    parser.add_argument("--connections", type=_counts, default=[1, 16, 64], help="default 1,16,64")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="this server alone; may be repeated"
    )
    parser.add_argument("--model", type=Path, help="folder of model.onnx and card.json (default: the newest bundled)")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} found, expected a whole number above 0")
    return int(text)


def _counts(text: str) -> list[int]:
    return [_count(part) for part in text.split(",")]


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)  # unwinds the with blocks, which stop the server


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
