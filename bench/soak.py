"""Half an hour at 70 % load: ``python -m bench.soak --minutes 30`` starts the service and prints a row a minute.

The load is 0.7 of the limit that ``overload.py`` finds, here without nginx, sent evenly. Memory is compared with that
after the first row, when every replica has met its largest batch.
"""

import argparse
import os
import sys
from typing import Final
from urllib.parse import urlsplit

import uvloop

from bench.aims import judged
from bench.arrivals import on_free
from bench.chaos import repository
from bench.load_line import percentile
from bench.memory import memory_of
from bench.overload import MEMORY_GROWTH, TITLES, sustained, target_at
from bench.processes import leave_in_order
from bench.table import markdown
from testkit.service import RunningService, get_title, running_service

SHARE: Final = 0.7
WARM_UP_S: Final = 10.0
SLOWER: Final = 1.5
CONNECTIONS: Final = 512


def memories(service: RunningService) -> dict[str, float]:
    """Resident MiB of each process of the service, by its title and id."""
    pids = {pid for title in TITLES for pid in service.pids(title)}
    # A title may end in the call that is being answered, "ray::ServeController.listen_for_change".
    titles = {pid: get_title(pid).split()[0].rpartition("/")[2].partition(".")[0] for pid in sorted(pids)}
    named = {f"{title} {pid}": memory_of(pid) for pid, title in titles.items()}
    return {name: memory for name, memory in named.items() if memory}


async def measure(service: RunningService, options: argparse.Namespace) -> int:
    """Load, a row each step; 1 when an aim is missed."""
    target = target_at(urlsplit(service.url).port or 80)
    limit, _ = await sustained(target, WARM_UP_S)
    rate = SHARE * limit
    step_s = min(60.0, options.minutes * 6)
    steps = round(options.minutes * 60 / step_s)
    print(f"{rate:.0f} requests/s, {steps} rows of {step_s:g} s", flush=True)
    header = ["minute", "answered", "429", "not sent", "others", "p50 ms", "p99 ms", "processes", "MiB"]
    rows: list[list[str]] = []
    first: dict[str, float] = {}
    medians: list[float] = []
    errors = 0
    for step in range(steps):
        answers = await on_free(target, rate=rate, seconds=step_s, connections=CONNECTIONS)
        now = memories(service)
        first = first or now
        refused = answers.statuses[429]
        others = answers.asked - answers.statuses[200] - refused - answers.not_sent
        errors += refused + others + answers.not_sent
        latencies_ms = answers.latencies_ms(200)
        medians.append(percentile(latencies_ms, 0.5))
        minute = f"{(step + 1) * step_s / 60:.1f}"
        if refused or others:
            print(f"{dict(answers.statuses)}, {answers.closed} connections lost: {answers.said}", flush=True)
        latency = (f"{medians[-1]:.1f}", f"{percentile(latencies_ms, 0.99):.1f}")
        rows.append(
            [
                minute,
                str(answers.statuses[200]),
                str(refused),
                str(answers.not_sent),
                str(others),
                *latency,
                str(len(now)),
                f"{sum(now.values()):.0f}",
            ]
        )
        print("  ".join(f"{name} {cell}" for name, cell in zip(header, rows[-1], strict=True)), flush=True)
    print(f"\n{markdown(header, rows)}\n")
    last = memories(service)
    grown = {name: last[name] / first[name] for name in first if name in last}
    print(
        markdown(
            ["process", "MiB at first", "MiB at last", "ratio"],
            [[name, f"{first[name]:.0f}", f"{last[name]:.0f}", f"{ratio:.3f}"] for name, ratio in grown.items()],
        )
    )
    third = max(1, steps // 3)
    early, late = sorted(medians[:third])[third // 2], sorted(medians[-third:])[third // 2]
    aims = {
        "every process that was there all the time within 5 % of its memory": max(grown.values()) <= MEMORY_GROWTH,
        "no process was replaced": set(first) <= set(last),
        "no error": errors == 0,
        f"no slow-down: p50 {early:.1f} ms in the first third, {late:.1f} ms in the last": late <= SLOWER * early,
    }
    print()
    return judged(aims)


def main(options: argparse.Namespace) -> int:
    """Run it against a service of its own."""
    leave_in_order()
    print(f"load average before the run: {os.getloadavg()[0]:.1f}")
    with repository() as models, running_service(models, {}) as service:
        return uvloop.run(measure(service, options))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=30, help="of load (30)")
    sys.exit(main(parser.parse_args()))
