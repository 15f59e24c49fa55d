"""Ten times what the service can take: ``python -m bench.overload`` starts it, finds its limit, overloads it, reports.

The limit is what 64 connections get that each wait for their answer. "At the limit" is 0.8 of that rate, sent evenly.
"""

import argparse
import asyncio
import os
import sys
import time
from typing import Final

import uvloop

from bench.aims import judged
from bench.chaos import repository
from bench.memory import memory_of
from bench.open_loop import Answers, at_rate, capacity
from bench.table import markdown
from tests.e2e.running_service import RunningService, running_service

LIMIT_CONNECTIONS: Final = 64
AT_THE_LIMIT: Final = 0.8
TIMES: Final = 10.0
RECOVERY_S: Final = 6.0
STEP_S: Final = 0.25
TITLES: Final = ("ray::ServeReplica", "ray::ServeController", "ray::HAProxyManager", "ray::ProxyActor", "bin/haproxy ")


def resident_mib(service: RunningService) -> float:
    """The resident memory of the service's own processes together."""
    return sum(memory_of(pid) for title in TITLES for pid in service.pids(title))


def recovered_after_s(answers: Answers, began_s: float, bound_ms: float) -> float:
    """Seconds until every request is answered within ``bound_ms`` at its 99th percentile, step by step."""
    last = 0.0
    for step in range(int(RECOVERY_S / STEP_S)):
        since_s = began_s + step * STEP_S
        p99 = answers.percentile_ms(200, 99, since_s, since_s + STEP_S)
        if not p99 <= bound_ms or any(since_s <= when < since_s + STEP_S for when, _ in answers.took_ms.get(429, ())):
            last = (step + 1) * STEP_S
    return last


def row(name: str, rate: float, seconds: float, answers: Answers, memory: float) -> list[str]:
    """One load as a row of the table."""
    others = sum(count for status, count in answers.statuses.items() if status not in (200, 429))
    return [
        name,
        f"{rate:.0f}",
        f"{answers.statuses[200] / seconds:.0f}",
        f"{answers.percentile_ms(200, 50):.0f}",
        f"{answers.percentile_ms(200, 99):.0f}",
        str(answers.statuses[429]),
        f"{answers.percentile_ms(429, 50):.0f}",
        f"{answers.percentile_ms(429, 99):.0f}",
        str(others + answers.broken),
        str(answers.not_sent),
        f"{memory:.0f}",
    ]


async def measure(service: RunningService, options: argparse.Namespace) -> int:
    """Find the limit, overload, recover; 1 when an aim is missed."""
    url = service.url
    await capacity(url, options.warm_up, LIMIT_CONNECTIONS)
    limit = await capacity(url, 5, LIMIT_CONNECTIONS)
    usual = limit * AT_THE_LIMIT
    print(f"the limit: {limit:.0f} answers/s on {LIMIT_CONNECTIONS} connections", flush=True)
    calm = await at_rate(url, usual, 10, 256)
    rows = [row("at the limit", usual, 10, calm, resident_mib(service))]
    over = await at_rate(url, limit * TIMES, options.seconds, options.connections)
    rows.append(row(f"{TIMES:g} times the limit", limit * TIMES, options.seconds, over, resident_mib(service)))
    began_s = time.perf_counter()
    after = await at_rate(url, usual, RECOVERY_S, 256)
    rows.append(row("at the limit again", usual, RECOVERY_S, after, resident_mib(service)))
    header = [
        "load",
        "asked/s",
        "answered/s",
        "p50 ms",
        "p99 ms",
        "429",
        "p50 ms ",
        "p99 ms ",
        "others",
        "not sent",
        "MiB",
    ]
    print(f"\n{markdown(header, rows)}\n")
    print(f"statuses under overload: {dict(over.statuses)}; {over.broken} connections ended without an answer\n")
    bound = 3 * calm.percentile_ms(200, 99)
    back = recovered_after_s(after, began_s, bound)
    aims = {
        f"accepted requests' p99 is within 3 times the p99 at the limit, {bound:.0f} ms": over.percentile_ms(200, 99)
        <= bound,
        "each refusal is a 429 with Retry-After": set(over.statuses) <= {200, 429} and not over.without_retry_after,
        f"recovery within 2 s: {back:g} s": back <= 2,
    }
    return judged(aims)


def main(options: argparse.Namespace) -> int:
    """Run it against a service of its own."""
    print(f"load average before the run: {os.getloadavg()[0]:.1f}")
    with repository() as models, running_service(models, {}) as service:
        return asyncio.Runner(loop_factory=uvloop.new_event_loop).run(measure(service, options))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.overload", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="of overload (60)")
    parser.add_argument(
        "--warm-up", type=float, default=10, help="seconds at full speed before, for the autoscaler (10)"
    )
    parser.add_argument("--connections", type=int, default=1000, help="connections of the overload (1000)")
    sys.exit(main(parser.parse_args()))
