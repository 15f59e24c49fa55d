"""Ten times what the service can take, behind nginx: ``python -m benchmarks.reliability.overload``.

The limit is the highest rate at fixed times at which 99.9 % of the requests are accepted, in tenths of what 64
connections get that each wait for their answer. nginx is deploy/nginx.conf as shipped but without TLS; the clients
have addresses enough for each to stay within its own limits.
"""

import argparse
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

import uvloop

from benchmarks import BenchmarkError
from benchmarks.load.http_connection import HttpTarget
from benchmarks.load.open_loop import send_closed_loop, send_when_free
from benchmarks.load.request_encoders import ENCODERS
from benchmarks.load.results import ResponseLog, get_percentile
from benchmarks.tables import format_table, report_pass_fail
from landmarks.synthetic import make_window
from testkit.nginx import NAME, nginx_front
from testkit.processes import exit_on_sigterm, get_memory_mib
from testkit.programs import find_program
from testkit.service import RunningService, copied_models, running_service

LIMIT_CONNECTIONS: Final = 64
LIMIT_S: Final = 5.0
SHARES: Final = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
CALM_S: Final = 10.0
ACCEPTED: Final = 0.999
SENT: Final = 0.99  # of the overload: the rest found every connection waiting
MEMORY_GROWTH: Final = 1.05
USUAL_CONNECTIONS: Final = 256
TIMES: Final = 10.0
RECOVERY_S: Final = 6.0
STEP_S: Final = 0.25
ADDRESSES: Final = 250
# TLS of some ten thousand requests a second would cost the sender, in Python, a core that it shares with the service.
NO_TLS: Final = ((r" ssl( default_server)?;", r"\1;"),)
HEADER: Final = (
    *("load", "asked/s", "answered/s", "p50 ms", "p99 ms", "p99 ms from sending", "429", "429 p50 ms", "429 p99 ms"),
    *("others", "not sent", "sender late p99 ms", "MiB"),
)
TITLES: Final = ("ray::ServeReplica", "ray::ServeController", "ray::HAProxyManager", "ray::ProxyActor", "bin/haproxy ")


def get_memory_by_pid(service: RunningService) -> dict[int, float]:
    """The resident MiB of each of the service's own processes."""
    return {pid: get_memory_mib(pid) for title in TITLES for pid in service.pids(title)}


def get_recovery_s(responses: ResponseLog, bound_ms: float) -> float:
    """Seconds until a whole second begins in each step of which 99 % are accepted and answered within ``bound_ms``."""
    count, steps = int(RECOVERY_S / STEP_S), int(1 / STEP_S)
    good = [is_well(responses, responses.began_s + step * STEP_S, bound_ms) for step in range(count)]
    starts = range(count - steps + 1)
    return next((step * STEP_S for step in starts if all(good[step : step + steps])), math.inf)


def is_well(responses: ResponseLog, since_s: float, bound_ms: float) -> bool:
    """Whether 99 % of the requests that were due in a step were accepted and answered within ``bound_ms``."""
    due = [
        status == 200 and ms <= bound_ms
        for status in responses.statuses
        for ms in responses.latencies_ms(status, since_s, since_s + STEP_S)
    ]
    return sum(due) >= 0.99 * len(due) > 0


def format_row(name: str, rate: float, seconds: float, responses: ResponseLog, memory: float) -> list[str]:
    statuses = responses.statuses
    refused_ms = responses.service_times_ms(429)
    figures = [
        *(get_percentile(responses.latencies_ms(200), share) for share in (0.5, 0.99)),
        get_percentile(responses.service_times_ms(200), 0.99),
        statuses[429],
        *(get_percentile(refused_ms, share) for share in (0.5, 0.99)),
        statuses.total() - statuses[200] - statuses[429],
        responses.not_sent,
        get_percentile(responses.lateness_ms(), 0.99),
        memory,
    ]
    return [name, *(f"{figure:.0f}" for figure in (rate, statuses[200] / seconds, *figures))]


async def find_limit(target: HttpTarget, warm_up_s: float) -> tuple[float, ResponseLog]:
    """The highest rate at which next to no request is refused, and what came back at it.

    Raises:
        BenchmarkError: there is none.
    """
    await send_closed_loop(target, seconds=warm_up_s, connections=LIMIT_CONNECTIONS)
    closed = await send_closed_loop(target, seconds=LIMIT_S, connections=LIMIT_CONNECTIONS)
    top = closed.statuses[200] / LIMIT_S
    print(f"{LIMIT_CONNECTIONS} connections that wait for their answers: {top:.0f} answers/s", flush=True)
    for share in SHARES:
        responses = await send_when_free(target, rate=share * top, seconds=CALM_S, connections=USUAL_CONNECTIONS)
        print(f"{share * top:.0f} requests/s at fixed times: {dict(responses.statuses)}", flush=True)
        if responses.statuses[200] >= ACCEPTED * responses.sent:
            return share * top, responses
    raise BenchmarkError(f"at {share * top:.0f} requests/s not {ACCEPTED:.1%} were accepted: {responses.first_error}")


async def measure(service: RunningService, target: HttpTarget, options: argparse.Namespace) -> int:
    """Find the limit, overload, recover; 1 when a criterion is missed."""

    def get_memory_total() -> float:
        return sum(get_memory_by_pid(service).values())

    usual, calm = await find_limit(target, options.warm_up)
    before = get_memory_total()
    rows = [format_row("at the limit", usual, CALM_S, calm, before)]
    over = await send_when_free(target, rate=usual * TIMES, seconds=options.seconds, connections=options.connections)
    during = get_memory_total()
    rows.append(format_row(f"{TIMES:g} times the limit", usual * TIMES, options.seconds, over, during))
    after = await send_when_free(target, rate=usual, seconds=RECOVERY_S, connections=USUAL_CONNECTIONS)
    rows.append(format_row("at the limit again", usual, RECOVERY_S, after, get_memory_total()))
    print(f"\n{format_table(HEADER, rows)}\n")
    print(f"statuses under overload: {dict(over.statuses)}; {over.lost_connections} connections were lost\n")
    bound_ms = 3 * get_percentile(calm.latencies_ms(200), 0.99)
    p99_ms = get_percentile(over.latencies_ms(200), 0.99)
    recovery_s = get_recovery_s(after, bound_ms)
    return report_pass_fail(
        {
            f"accepted requests' p99 is within 3 times the p99 at the limit, {bound_ms:.0f} ms": p99_ms <= bound_ms,
            f"99 % of it was sent: {over.not_sent} of {over.sent} were not": over.not_sent <= (1 - SENT) * over.sent,
            "each rejection is a 429 with Retry-After": set(over.statuses) <= {200, 429}
            and not over.missing_retry_after,
            f"the service's memory is within 5 %: {before:.0f} to {during:.0f} MiB": during <= MEMORY_GROWTH * before,
            f"recovery within 2 s: {recovery_s:g} s": recovery_s <= 2,
        }
    )


def build_target(url: str, name: str = "") -> HttpTarget:
    """A window as a Pi sends it, to a server of this machine, from many addresses."""
    request = ENCODERS["fp16"].encode(make_window(seed=0))
    addresses = [f"127.0.1.{1 + index}" for index in range(ADDRESSES)]
    return HttpTarget.post(url + request.path, request.headers, request.body, name=name, addresses=addresses)


async def measure_front(service: RunningService, options: argparse.Namespace) -> int:
    """Measure the service behind nginx as shipped, or without anything in front, for comparison."""
    if options.front == "none":
        return await measure(service, build_target(service.url), options)
    with tempfile.TemporaryDirectory(prefix="helen-") as folder:
        async with nginx_front(Path(folder), service.url.removeprefix("http://"), NO_TLS) as nginx:
            return await measure(service, build_target(f"http://127.0.0.1:{nginx.tls}", NAME), options)


def main() -> int:
    """Run it against a service of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--seconds", type=float, default=60, help="of overload (60)")
    add("--warm-up", type=float, default=10, help="seconds at full speed before, for the autoscaler (10)")
    add("--connections", type=int, default=1000, help="connections of the overload (1000)")
    add("--front", choices=("nginx", "none"), default="nginx", help="what stands in front of the service (nginx)")
    options = parser.parse_args()
    exit_on_sigterm()
    if options.front == "nginx" and find_program("nginx") is None:
        raise SystemExit("nginx is not installed, it stands in front of the service: apt-get install nginx")
    print(f"load average before the run: {os.getloadavg()[0]:.1f}")
    with copied_models() as models, running_service(models, {}) as service:
        return uvloop.run(measure_front(service, options))


if __name__ == "__main__":
    sys.exit(main())
