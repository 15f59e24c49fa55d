"""Ten times what the service can take: ``python -m bench.overload`` starts it behind nginx, overloads it, and reports.

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
from urllib.parse import urlsplit

import uvloop

from bench import BenchError
from bench.aims import judged
from bench.arrivals import closed_loop, on_free
from bench.chaos import repository
from bench.closed import question_of
from bench.connection import Answers, Target
from bench.load_line import percentile
from bench.memory import memory_of
from bench.processes import leave_in_order
from bench.table import markdown
from testkit.nginx import NAME, front
from testkit.programs import found
from testkit.service import RunningService, running_service

LIMIT_CONNECTIONS: Final = 64
CLOSED_S: Final = 5.0
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
    "load",
    "asked/s",
    "answered/s",
    "p50 ms",
    "p99 ms",
    "p99 ms from sending",
    "429",
    "429 p50 ms",
    "429 p99 ms",
    "others",
    "not sent",
    "sender late p99 ms",
    "MiB",
)
TITLES: Final = ("ray::ServeReplica", "ray::ServeController", "ray::HAProxyManager", "ray::ProxyActor", "bin/haproxy ")


def resident_mib(service: RunningService) -> float:
    """The resident memory of the service's own processes together."""
    return sum(memory_of(pid) for title in TITLES for pid in service.pids(title))


def recovered_after_s(answers: Answers, bound_ms: float) -> float:
    """Seconds until a whole second begins in each step of which 99 % are accepted and answered within ``bound_ms``."""
    good = [holds(answers, answers.began_s + step * STEP_S, bound_ms) for step in range(int(RECOVERY_S / STEP_S))]
    steps = int(1 / STEP_S)
    starts = range(len(good) - steps + 1)
    return next((step * STEP_S for step in starts if all(good[step : step + steps])), math.inf)


def holds(answers: Answers, since_s: float, bound_ms: float) -> bool:
    """Whether 99 % of the requests that were due in a step were accepted and answered within ``bound_ms``."""
    due = [
        (status, ms) for status in answers.statuses for ms in answers.latencies_ms(status, since_s, since_s + STEP_S)
    ]
    return sum(status == 200 and ms <= bound_ms for status, ms in due) >= 0.99 * len(due) > 0


def row(name: str, rate: float, seconds: float, answers: Answers, memory: float) -> list[str]:
    """One load as a row of the table."""
    statuses = answers.statuses
    others = statuses.total() - statuses[200] - statuses[429]
    accepted, waited, refused = answers.latencies_ms(200), answers.waited_ms(200), answers.waited_ms(429)
    return [
        name,
        f"{rate:.0f}",
        f"{statuses[200] / seconds:.0f}",
        *(f"{percentile(accepted, share):.0f}" for share in (0.5, 0.99)),
        f"{percentile(waited, 0.99):.0f}",
        str(statuses[429]),
        *(f"{percentile(refused, share):.0f}" for share in (0.5, 0.99)),
        str(others),
        str(answers.not_sent),
        f"{percentile(answers.late_ms(), 0.99):.0f}",
        f"{memory:.0f}",
    ]


async def sustained(target: Target, warm_up_s: float) -> tuple[float, Answers]:
    """The highest rate at which next to no request is refused, and what came back at it.

    Raises:
        BenchError: there is none.
    """
    await closed_loop(target, seconds=warm_up_s, connections=LIMIT_CONNECTIONS)
    top = (await closed_loop(target, seconds=CLOSED_S, connections=LIMIT_CONNECTIONS)).statuses[200] / CLOSED_S
    print(f"{LIMIT_CONNECTIONS} connections that wait for their answers: {top:.0f} answers/s", flush=True)
    for share in SHARES:
        answers = await on_free(target, rate=share * top, seconds=CALM_S, connections=USUAL_CONNECTIONS)
        print(f"{share * top:.0f} requests/s at fixed times: {dict(answers.statuses)}", flush=True)
        if answers.statuses[200] >= ACCEPTED * answers.asked:
            return share * top, answers
    raise BenchError(f"at {share * top:.0f} requests/s not {ACCEPTED:.1%} were accepted: {answers.said}")


async def measure(service: RunningService, target: Target, options: argparse.Namespace) -> int:
    """Find the limit, overload, recover; 1 when an aim is missed."""
    usual, calm = await sustained(target, options.warm_up)
    before = resident_mib(service)
    rows = [row("at the limit", usual, CALM_S, calm, before)]
    over = await on_free(target, rate=usual * TIMES, seconds=options.seconds, connections=options.connections)
    during = resident_mib(service)
    rows.append(row(f"{TIMES:g} times the limit", usual * TIMES, options.seconds, over, during))
    after = await on_free(target, rate=usual, seconds=RECOVERY_S, connections=USUAL_CONNECTIONS)
    rows.append(row("at the limit again", usual, RECOVERY_S, after, resident_mib(service)))
    print(f"\n{markdown(HEADER, rows)}\n")
    print(f"statuses under overload: {dict(over.statuses)}; {over.closed} connections were lost\n")
    bound_ms = 3 * percentile(calm.latencies_ms(200), 0.99)
    p99_ms = percentile(over.latencies_ms(200), 0.99)
    back_s = recovered_after_s(after, bound_ms)
    aims = {
        f"accepted requests' p99 is within 3 times the p99 at the limit, {bound_ms:.0f} ms": p99_ms <= bound_ms,
        f"99 % of it was sent: {over.not_sent} of {over.asked} were not": over.not_sent <= (1 - SENT) * over.asked,
        "each refusal is a 429 with Retry-After": set(over.statuses) <= {200, 429} and not over.without_retry_after,
        f"the service's memory is within 5 %: {before:.0f} to {during:.0f} MiB": during <= MEMORY_GROWTH * before,
        f"recovery within 2 s: {back_s:g} s": back_s <= 2,
    }
    return judged(aims)


def target_at(port: int, name: str | None = None) -> Target:
    """A window as a Pi sends it, to a port of this machine, from many addresses."""
    question = question_of("fp16")
    url = f"http://127.0.0.1:{port}{question.path}"
    addresses = [f"127.0.1.{1 + index}" for index in range(ADDRESSES)]
    return Target.post(url, question.headers, question.body, name=name, addresses=addresses)


async def behind_nginx(service: RunningService, options: argparse.Namespace) -> int:
    """Measure the service behind nginx as shipped."""
    with tempfile.TemporaryDirectory(prefix="helen-") as folder:
        async with front(Path(folder), service.url.removeprefix("http://"), NO_TLS) as nginx:
            return await measure(service, target_at(nginx.tls, NAME), options)


async def bare(service: RunningService, options: argparse.Namespace) -> int:
    """Measure the service without anything in front, for comparison."""
    return await measure(service, target_at(urlsplit(service.url).port or 80), options)


def main(options: argparse.Namespace) -> int:
    """Run it against a service of its own."""
    leave_in_order()
    if options.front == "nginx" and found("nginx") is None:
        raise SystemExit("nginx is not installed, it stands in front of the service: apt-get install nginx")
    print(f"load average before the run: {os.getloadavg()[0]:.1f}")
    with repository() as models, running_service(models, {}) as service:
        return uvloop.run(FRONTS[options.front](service, options))


FRONTS: Final = {"nginx": behind_nginx, "none": bare}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.overload", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="of overload (60)")
    parser.add_argument(
        "--warm-up", type=float, default=10, help="seconds at full speed before, for the autoscaler (10)"
    )
    parser.add_argument("--connections", type=int, default=1000, help="connections of the overload (1000)")
    parser.add_argument("--front", choices=FRONTS, default="nginx", help="what stands in front of the service (nginx)")
    sys.exit(main(parser.parse_args()))
