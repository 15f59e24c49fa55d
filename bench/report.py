"""The report of a run, ``bench/out/serving.md``: the machine, the figures to reach, every table, and what they mean."""

import datetime

from bench import model_alone
from bench.figures import figures
from bench.peer import FLASK, LITSERVE, MLSERVER, STARLETTE, STARLETTE_PLAIN
from bench.pis import ANSWERED, FRAMES, P99_BELOW_MS, PREDICTIONS_PER_S
from bench.results import Results
from bench.table import cpu_table, figures_table, markdown, open_loop_table, pis_table, rounds_table, serving_table

BASELINES = (FLASK, LITSERVE, STARLETTE_PLAIN, STARLETTE, MLSERVER)

SHARE = (
    "CPU seconds are those of all the server's processes during the load of the last round, from `/proc`. The model's "
    "share is the model alone, in µs a window at its largest batch, times the windows answered, over those CPU seconds "
    "(the median of the rounds): what is left of it is HTTP, JSON, batching, hops and Ray."
)
OPEN_LOOP = (
    "Requests arrive evenly spaced at a share of what the closed loop gave with 64 connections, over 128 connections. "
    "Latency counts from the time at which a request was due, so that waiting behind a slow answer counts."
)
PIS = (
    f"Each Pi asks {PREDICTIONS_PER_S} times a second at fixed times: over HTTP it posts a window of FP16, over a live "
    f"session it sends its {FRAMES} new frames. A number of Pis holds when {ANSWERED:.0%} of all are answered, none "
    f"with an error, and p99 from the time at which each was due is below {P99_BELOW_MS:.0f} ms. A number that fails "
    "is tried once more: a replica may have been starting for it."
)


def report(results: Results, setting: list[str]) -> str:
    """Markdown with a section for each part that was measured."""
    date = datetime.datetime.now(datetime.UTC)
    lines = [f"# Serving, {date:%Y-%m-%d %H:%M} UTC", "", *(f"- {line}" for line in setting), ""]
    if results.stopped:
        lines += [f"**Ended early**: {results.stopped}", ""]
    lines += ["## Figures to reach", "", figures_table(figures(results)), ""]
    if results.loads:
        lines += ["## Closed loop", "", serving_table(results.loads, BASELINES), ""]
        lines += ["Requests/s of each round:", "", rounds_table(results.loads), ""]
    if results.cpu:
        lines += ["## Where the CPU time goes", "", SHARE, "", cpu_table(results), ""]
    if results.model_us:
        rows = [(str(batch), f"{cost:.0f}") for batch, cost in results.model_us.items()]
        batches = ", ".join(str(batch) for batch in model_alone.BATCHES)
        lines += ["## The model alone", "", f"One thread, 30 frames, batches of {batches}.", ""]
        lines += [markdown(("batch", "CPU µs a window"), rows), ""]
    if results.open_loop:
        lines += ["## Fixed rates", "", OPEN_LOOP, "", open_loop_table(results.open_loop), ""]
    if results.pis:
        lines += ["## How many Pis", "", PIS, "", pis_table(results.pis), ""]
    if results.ready_s:
        starts = [(name, ", ".join(f"{value:.1f}" for value in values)) for name, values in results.ready_s.items()]
        lines += ["## Ready after", "", "Seconds from the start command to the first 200, of each start.", ""]
        lines += [markdown(("server", "s"), starts), ""]
    return "\n".join(lines)
