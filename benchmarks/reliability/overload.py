"""Ten times what the service can take, behind nginx: ``python -m benchmarks.reliability.overload``.

The limit is the highest rate at fixed times at which 99.9 % of the requests are accepted, in tenths of what 64
connections get that each wait for their answer. nginx is deploy/nginx.conf as shipped but without TLS; the clients
have addresses enough for each to stay within its own limits.
"""

import argparse
import math
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import uvloop

from benchmarks import BenchmarkError
from benchmarks.load.connection import Target
from benchmarks.load.generator import send_closed_loop, send_when_free
from benchmarks.load.http_connection import build_http_target
from benchmarks.load.request_encoders import ENCODERS
from benchmarks.load.results import ResponseLog, get_percentile
from benchmarks.tables import format_table, report_pass_fail
from landmarks.synthetic import make_window
from testkit.nginx import NAME, nginx_front
from testkit.processes import exit_on_sigterm
from testkit.programs import find_program
from testkit.service import RunningService, running_copy

LIMIT_CONNECTIONS: Final = 64
LIMIT_S: Final = 5.0
WARM_UP_S: Final = 10.0  # at full speed, for the autoscaler
SHARES: Final = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
CALM_S: Final = 10.0
ACCEPTED: Final = 0.999
SENT: Final = 0.99  # of the overload: the rest found every connection waiting
MEMORY_GROWTH: Final = 1.05
USUAL_CONNECTIONS: Final = 256
OVERLOAD_CONNECTIONS: Final = 1000
TIMES: Final = 10.0
RECOVERY_S: Final = 6.0
STEP_S: Final = 0.25
ADDRESSES: Final = 250
# TLS of some ten thousand requests a second would cost the sender, in Python, a core that it shares with the service.
NO_TLS: Final = ((r" ssl( default_server)?;", r"\1;"),)
HEADER: Final = ("load", "answered/s", "429/s", "others", "not sent", "p50 ms", "p99 ms", "429 p50 ms", "429 p99 ms")

Load = Callable[[RunningService, float], Coroutine[Any, Any, int]]  # the service and the length, to the exit status


def get_recovery_s(responses: ResponseLog, bound_ms: float) -> float:
    """Seconds until a whole second begins in each step of which 99 % are accepted and answered within ``bound_ms``."""
    good = []
    for step in range(int(RECOVERY_S / STEP_S)):
        since_s = responses.began_s + step * STEP_S
        due = [
            status == 200 and ms <= bound_ms
            for status in responses.statuses
            for ms in responses.latencies_ms(status, since_s, since_s + STEP_S)
        ]
        good.append(sum(due) >= 0.99 * len(due) > 0)
    steps = int(1 / STEP_S)
    return next((i * STEP_S for i in range(len(good) - steps + 1) if all(good[i : i + steps])), math.inf)


def format_row(name: str, seconds: float, responses: ResponseLog) -> list[str]:
    """A row of the table, latencies counted from when a request was due."""
    counts = responses.statuses
    others = counts.total() - counts[200] - counts[429]
    figures = [counts[200] / seconds, counts[429] / seconds, others, responses.not_sent]
    figures += [get_percentile(responses.latencies_ms(status), q) for status in (200, 429) for q in (0.5, 0.99)]
    return [name, *(f"{figure:.0f}" for figure in figures)]


async def find_limit(target: Target) -> tuple[float, ResponseLog]:
    """The highest rate at which next to no request is refused, and what came back at it.

    Raises:
        BenchmarkError: there is none.
    """
    await send_closed_loop(target, seconds=WARM_UP_S, connections=LIMIT_CONNECTIONS)
    closed = await send_closed_loop(target, seconds=LIMIT_S, connections=LIMIT_CONNECTIONS)
    top = closed.statuses[200] / LIMIT_S
    for share in SHARES:
        responses = await send_when_free(target, rate=share * top, seconds=CALM_S, connections=USUAL_CONNECTIONS)
        print(f"{share * top:.0f} requests/s at fixed times: {dict(responses.statuses)}", flush=True)
        if responses.statuses[200] >= ACCEPTED * responses.sent:
            return share * top, responses
    raise BenchmarkError(f"at {share * top:.0f} requests/s not {ACCEPTED:.1%} were accepted: {responses.first_error}")


def build_target(url: str, name: str = "") -> Target:
    """A window as a Pi sends it, to a server of this machine, from many addresses."""
    addresses = [f"127.0.1.{1 + index}" for index in range(ADDRESSES)]
    return build_http_target(url, ENCODERS["fp16"].encode(make_window(seed=0)), name=name, addresses=addresses)


async def measure(service: RunningService, target: Target, seconds: float) -> int:
    """Find the limit, overload, recover; 1 when a criterion is missed."""
    limit, calm = await find_limit(target)
    before = sum(service.memory_mib().values())
    over = await send_when_free(target, rate=limit * TIMES, seconds=seconds, connections=OVERLOAD_CONNECTIONS)
    during = sum(service.memory_mib().values())
    after = await send_when_free(target, rate=limit, seconds=RECOVERY_S, connections=USUAL_CONNECTIONS)
    loads = (("at the limit", CALM_S, calm), (f"{TIMES:g} times", seconds, over), ("after it", RECOVERY_S, after))
    print(f"\n{format_table(HEADER, [format_row(*load) for load in loads])}\n")
    bound_ms = 3 * get_percentile(calm.latencies_ms(200), 0.99)
    p99_ms = get_percentile(over.latencies_ms(200), 0.99)
    recovery_s = get_recovery_s(after, bound_ms)
    rejected_well = set(over.statuses) <= {200, 429} and not over.missing_retry_after
    return report_pass_fail(
        {
            f"accepted requests' p99 is within 3 times the p99 at the limit, {bound_ms:.0f} ms": p99_ms <= bound_ms,
            f"99 % of it was sent: {over.not_sent} of {over.sent} were not": over.not_sent <= (1 - SENT) * over.sent,
            f"each rejection is a 429 with Retry-After: {dict(over.statuses)}": rejected_well,
            f"the service's memory is within 5 %: {before:.0f} to {during:.0f} MiB": during <= MEMORY_GROWTH * before,
            f"recovery within 2 s: {recovery_s:g} s": recovery_s <= 2,
        }
    )


async def measure_front(service: RunningService, seconds: float) -> int:
    """Measure the service behind nginx as shipped."""
    with tempfile.TemporaryDirectory(prefix="helen-") as folder:
        async with nginx_front(Path(folder), service.url.removeprefix("http://"), NO_TLS) as nginx:
            return await measure(service, build_target(f"http://127.0.0.1:{nginx.tls}", NAME), seconds)


def run_program(document: str | None, flag: str, default: float, load: Load) -> int:
    """Run a load of a length that ``flag`` sets against a service of its own; the exit status.

    Ends the program with a sentence where the load can't be measured.
    """
    parser = argparse.ArgumentParser(description=(document or "").partition("\n")[0])
    parser.add_argument(flag, dest="length", type=float, default=default, help=f"of load ({default})")
    length = parser.parse_args().length
    exit_on_sigterm()
    with running_copy() as service:
        try:
            return uvloop.run(load(service, length))
        except BenchmarkError as error:
            sys.exit(f"{error}; measure on a machine that does nothing else")


if __name__ == "__main__":
    if find_program("nginx") is None:
        sys.exit("nginx is not installed, it stands in front of the service: apt-get install nginx")
    sys.exit(run_program(__doc__, "--seconds", 60, measure_front))
