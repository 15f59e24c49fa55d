"""The load generator: runs ``wrk`` with ``post_window.lua`` and reads what it prints.

Closed loop: each connection sends its next request when the answer to the last one is in.
"""

import math
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from bench import BenchError

SCRIPT: Final = Path(__file__).with_name("post_window.lua")
TIMEOUT_S: Final = 5  # the Pi's client gives up then
_GRACE_S: Final = 30.0


class Summary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The line of JSON that ``post_window.lua`` prints; wrk counts a status over 399 as a status error."""

    requests: int
    duration_us: int
    p50_us: int
    p99_us: int
    connect_errors: int
    read_errors: int
    write_errors: int
    timeouts: int
    status_errors: int


@dataclass(frozen=True)
class Load:
    """The outcome of one load: good answers a second, latency of all answers, and how many requests failed."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    errors: int


def find_wrk() -> str:
    """The path of the ``wrk`` program.

    Raises:
        BenchError: when it isn't installed.
    """
    if (path := shutil.which("wrk")) is None:
        raise BenchError("wrk is not installed, the load comes from it: apt-get install wrk (Debian, Ubuntu)")
    return path


def load(url: str, headers: Mapping[str, str], body: Path, *, connections: int, seconds: int) -> Load:
    """Post the bytes of the file ``body`` to ``url`` on ``connections`` connections for ``seconds``.

    Raises:
        BenchError: when wrk is missing or fails.
    """
    command = [
        find_wrk(),
        # One thread: it keeps 256 connections busy with ease, and a second one would take the servers' cores.
        *("--threads", "1"),
        *("--connections", str(connections)),
        *("--duration", f"{seconds}s"),
        *("--timeout", f"{TIMEOUT_S}s"),
        *("--script", str(SCRIPT)),
        *(url, "--", str(body)),
        *(part for header in headers.items() for part in header),
    ]
    try:
        outcome = subprocess.run(command, capture_output=True, text=True, timeout=seconds + _GRACE_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"wrk did not end within {_GRACE_S:.0f} s after its {seconds} s of load") from error
    if outcome.returncode != 0:
        raise BenchError(f"wrk ended with {outcome.returncode}: {(outcome.stderr or outcome.stdout).strip()[-500:]}")
    return parse(outcome.stdout)


def parse(output: str) -> Load:
    """Read the outcome from what wrk printed: its last line that opens with ``{``.

    A server that answered nothing has 0 requests/s, no latency (NaN) and at least one error.

    Raises:
        BenchError: when there is no such line, or it isn't a ``Summary``.
    """
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise BenchError(f"wrk printed no line of JSON, expected one from {SCRIPT.name}: {output.strip()[-500:]}")
    try:
        summary = msgspec.json.decode(lines[-1], type=Summary)
    except msgspec.DecodeError as error:
        raise BenchError(f"wrk printed {lines[-1]!r}: {error}") from error
    sockets = summary.connect_errors + summary.read_errors + summary.write_errors + summary.timeouts
    if summary.requests == 0 or summary.duration_us == 0:  # a server that falls silent under load is a result too
        return Load(0.0, math.nan, math.nan, max(1, sockets))
    return Load(
        # An error answer is quick to make: it must not count as throughput.
        requests_per_s=(summary.requests - summary.status_errors) / (summary.duration_us / 1e6),
        p50_ms=summary.p50_us / 1e3,
        p99_ms=summary.p99_us / 1e3,
        errors=summary.status_errors + sockets,
    )
