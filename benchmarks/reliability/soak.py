"""Half an hour at 70 % load: ``python -m benchmarks.reliability.soak --minutes 30`` prints a row a minute.

The load is 0.7 of the limit that ``overload.py`` finds, here without nginx, sent evenly. Memory is compared with that
after the first row, when every replica has met its largest batch.
"""

import argparse
import os
import sys
from statistics import median
from typing import Final

import uvloop

from benchmarks.load.open_loop import send_when_free
from benchmarks.load.results import get_percentile
from benchmarks.reliability.overload import MEMORY_GROWTH, build_target, find_limit, get_memory_by_pid
from benchmarks.tables import format_table, report_pass_fail
from testkit.processes import exit_on_sigterm, get_title
from testkit.service import RunningService, copied_models, running_service

SHARE: Final = 0.7
WARM_UP_S: Final = 10.0
SLOWER: Final = 1.5
CONNECTIONS: Final = 512
HEADER: Final = ("minute", "answered", "429", "not sent", "others", "p50 ms", "p99 ms", "processes", "MiB")


async def measure(service: RunningService, minutes: float) -> int:
    """Load, a row each step; 1 when a criterion is missed."""
    target = build_target(service.url)
    limit, _ = await find_limit(target, WARM_UP_S)
    rate = SHARE * limit
    step_s = min(60.0, minutes * 6)
    steps = round(minutes * 60 / step_s)
    print(f"{rate:.0f} requests/s, {steps} rows of {step_s:g} s", flush=True)
    rows: list[list[str]] = []
    first: dict[int, float] = {}
    medians_ms: list[float] = []
    errors = 0
    for step in range(steps):
        responses = await send_when_free(target, rate=rate, seconds=step_s, connections=CONNECTIONS)
        memory = get_memory_by_pid(service)
        first = first or memory
        refused, answered = responses.statuses[429], responses.statuses[200]
        others = responses.sent - answered - refused - responses.not_sent
        errors += refused + others + responses.not_sent
        latencies_ms = responses.latencies_ms(200)
        medians_ms.append(get_percentile(latencies_ms, 0.5))
        if refused or others:
            print(f"{dict(responses.statuses)}, {responses.lost_connections} lost: {responses.first_error}", flush=True)
        counts = (answered, refused, responses.not_sent, others)
        p99_ms = get_percentile(latencies_ms, 0.99)
        rows.append([f"{(step + 1) * step_s / 60:.1f}", *map(str, counts), f"{medians_ms[-1]:.1f}", f"{p99_ms:.1f}"])
        rows[-1] += [str(len(memory)), f"{sum(memory.values()):.0f}"]
        print("  ".join(f"{name} {cell}" for name, cell in zip(HEADER, rows[-1], strict=True)), flush=True)
    print(f"\n{format_table(HEADER, rows)}\n")
    growth = {pid: memory[pid] / first[pid] for pid in first if pid in memory}
    for pid, ratio in growth.items():
        print(f"{ratio:.3f} × {first[pid]:.0f} MiB: {get_title(pid)[:60]}")
    third = max(1, steps // 3)
    early_ms, late_ms = median(medians_ms[:third]), median(medians_ms[-third:])
    slow_down = f"no slow-down: p50 {early_ms:.1f} ms in the first third, {late_ms:.1f} ms in the last"
    return report_pass_fail(
        {
            "every process within 5 % of its memory": max(growth.values()) <= MEMORY_GROWTH,
            "no process was replaced": set(first) <= set(memory),
            "no error": errors == 0,
            slow_down: late_ms <= SLOWER * early_ms,
        }
    )


def main() -> int:
    """Run it against a service of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30, help="of load (30)")
    options = parser.parse_args()
    exit_on_sigterm()
    print(f"load average before the run: {os.getloadavg()[0]:.1f}")
    with copied_models() as models, running_service(models, {}) as service:
        return uvloop.run(measure(service, options.minutes))


if __name__ == "__main__":
    sys.exit(main())
