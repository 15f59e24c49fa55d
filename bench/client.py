"""Runs one of the two load clients, ``stream_load.py`` or ``arrivals.py``, as a process, and reads what it prints."""

import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from bench import ROOT, BenchError
from bench.load_line import Line
from bench.wrk import Load

_GRACE_S: Final = 90.0  # for opening every session or connection, and for late answers


class Outcome(NamedTuple):
    """The load, all windows that were answered meanwhile, and the first thing that went wrong in words."""

    load: Load
    windows: int
    said: str


def sessions(url: str, count: int, seconds: float, *, rate: float | None = None, frames: int = 1) -> Outcome:
    """``count`` live sessions at full speed, or with ``rate`` messages a second each, of ``frames`` frames.

    Raises:
        BenchError: the client failed, for instance because a session was refused.
    """
    pace = () if rate is None else ("--rate", str(rate))
    arguments = (url, "--sessions", str(count), "--frames", str(frames), *pace)
    return _run("bench.stream_load", arguments, seconds)


def arrivals(
    url: str, headers: Mapping[str, str], body: Path, seconds: float, *, rate: float, connections: int
) -> Outcome:
    """Requests at a fixed rate, evenly over the connections.

    Raises:
        BenchError: the client failed, for instance because a connection was refused.
    """
    named = [part for name, value in headers.items() for part in ("--header", name, value)]
    arguments = (url, str(body), "--rate", str(rate), "--connections", str(connections), *named)
    return _run("bench.arrivals", arguments, seconds)


def parse(output: str) -> Outcome:
    """Read the last line that opens with ``{``.

    Raises:
        BenchError: when there is none, or it isn't a ``Line``.
    """
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise BenchError(f"the load client printed no line of JSON: {output.strip()[-500:]}")
    try:
        line = msgspec.json.decode(lines[-1], type=Line)
    except msgspec.DecodeError as error:
        raise BenchError(f"the load client printed {lines[-1]!r}: {error}") from error
    p50_ms, p99_ms = (math.nan if figure is None else figure for figure in (line.p50_ms, line.p99_ms))
    load = Load(line.predictions_per_s, p50_ms, p99_ms, line.errors + line.closed)
    return Outcome(load, line.answered, line.said)


def _run(module: str, arguments: tuple[str, ...], seconds: float) -> Outcome:
    command = [sys.executable, "-m", module, *arguments, "--seconds", str(seconds)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=seconds + _GRACE_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{module} did not end within {_GRACE_S:.0f} s after its {seconds:g} s of load") from error
    if done.returncode != 0:
        raise BenchError(f"{module} failed: {done.stderr.strip().splitlines()[-1]}")
    return parse(done.stdout)
