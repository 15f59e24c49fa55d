"""The closed loop over HTTP: each connection of ``wrk`` sends its next request when the last one is answered."""

import math
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from benchmarks import BenchmarkError
from benchmarks.load.results import LoadResult
from edge_client.service.request_encoding import EncodedRequest

SCRIPT: Final = Path(__file__).with_name("post_window.lua")
TIMEOUT_S: Final = 5  # the Pi's client gives up then
GRACE_S: Final = 30.0


class Summary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The line of JSON that ``post_window.lua`` prints; wrk counts a status over 399 as a status error."""

    requests: int
    duration_us: int
    p50_us: int
    p99_us: int
    socket_errors: int  # connections, reads and writes that failed, and time-outs
    status_errors: int


def find_wrk() -> str:
    """The path of the ``wrk`` program.

    Raises:
        BenchmarkError: it isn't installed.
    """
    if (path := shutil.which("wrk")) is None:
        raise BenchmarkError("wrk is not installed, the load comes from it: apt-get install wrk (Debian, Ubuntu)")
    return path


def run_wrk(url: str, request: EncodedRequest, *, connections: int, seconds: int) -> LoadResult:
    """Post a request to the server at ``url`` on ``connections`` connections for ``seconds``.

    Raises:
        BenchmarkError: wrk is missing, fails, or prints no summary.
    """
    with tempfile.NamedTemporaryFile() as body:
        body.write(request.body)
        body.flush()
        command = [
            find_wrk(),
            # One thread: it keeps 256 connections busy with ease, and a second one would take the servers' cores.
            *("--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"),
            *("--timeout", f"{TIMEOUT_S}s", "--script", str(SCRIPT), url + request.path, "--", body.name),
            *(part for header in request.headers.items() for part in header),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE_S, check=True)
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
            raise BenchmarkError(f"wrk gave no result: {error}, {error.stderr!r}") from error
    return parse_summary(done.stdout)


def parse_summary(output: str) -> LoadResult:
    """Read the last line that opens with ``{``.

    A server that answered nothing has 0 requests/s, no latency (NaN) and at least one error.

    Raises:
        BenchmarkError: there is no such line, or it isn't a ``Summary``.
    """
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise BenchmarkError(f"wrk printed no line of JSON, expected one from {SCRIPT.name}: {output.strip()[-500:]}")
    try:
        summary = msgspec.json.decode(lines[-1], type=Summary)
    except msgspec.DecodeError as error:
        raise BenchmarkError(f"wrk printed {lines[-1]!r}: {error}") from error
    errors = summary.socket_errors + summary.status_errors
    if summary.requests == 0 or summary.duration_us == 0:  # a server that falls silent under load is a result too
        return LoadResult(0.0, math.nan, math.nan, max(1, errors))
    # An error answer is quick to make: it must not count as throughput.
    requests_per_s = (summary.requests - summary.status_errors) / (summary.duration_us / 1e6)
    return LoadResult(requests_per_s, summary.p50_us / 1e3, summary.p99_us / 1e3, errors)
