"""Half an hour at 70 % load: ``python -m benchmarks.reliability.soak --minutes 30`` prints a row a minute.

The load is 0.7 of the limit that ``overload.py`` finds, here without nginx, sent evenly. Memory is compared with that
after the first row, when every replica has met its largest batch.
"""

import sys
from statistics import median
from typing import Final

from benchmarks.load.generator import send_when_free
from benchmarks.load.results import get_percentile
from benchmarks.reliability.overload import HEADER, MEMORY_GROWTH, build_target, find_limit, format_row, run_program
from benchmarks.tables import format_table, report_pass_fail
from testkit.service import RunningService

SHARE: Final = 0.7
SLOWER: Final = 1.5
CONNECTIONS: Final = 512


async def measure(service: RunningService, minutes: float) -> int:
    """Load, a row each step; 1 when a criterion is missed."""
    target = build_target(service.url)
    limit, _ = await find_limit(target)
    step_s = min(60.0, minutes * 6)
    rows: list[list[str]] = []
    memories: list[dict[int, float]] = []
    medians_ms: list[float] = []
    errors = 0
    for step in range(steps := round(minutes * 60 / step_s)):
        responses = await send_when_free(target, rate=SHARE * limit, seconds=step_s, connections=CONNECTIONS)
        memories.append(service.memory_mib())
        medians_ms.append(get_percentile(responses.latencies_ms(200), 0.5))
        errors += responses.sent - responses.statuses[200]
        row = format_row(f"minute {(step + 1) * step_s / 60:.1f}", step_s, responses)
        rows.append([*row, f"{sum(memories[-1].values()):.0f}"])
        print(*rows[-1], responses.first_error, flush=True)
    print(f"\n{format_table((*HEADER, 'MiB'), rows)}\n")
    first, last = memories[0], memories[-1]
    growth = max((last[pid] / first[pid] for pid in first if pid in last), default=0.0)
    third = max(1, steps // 3)
    early_ms, late_ms = median(medians_ms[:third]), median(medians_ms[-third:])
    slow_down = f"no slow-down: p50 {early_ms:.1f} ms in the first third, {late_ms:.1f} in the last"
    return report_pass_fail(
        {
            f"every process within 5 % of its memory: {growth:.3f} times": growth <= MEMORY_GROWTH,
            "no process was replaced": set(first) <= set(last),
            f"no error: {errors}": errors == 0,
            slow_down: late_ms <= SLOWER * early_ms,
        }
    )


if __name__ == "__main__":
    sys.exit(run_program(__doc__, "--minutes", 30, measure))
