"""The long run: ``python -m tests.fuzz --inputs 100000``, or with ``--served`` a real service over HTTP.

In this process it is all of the service's own code and the bundled model, without Ray and sockets between the stages,
and a numpy warning counts as a failure too.
"""

import argparse
import contextlib
import functools
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator

import httpx
from anyio.from_thread import start_blocking_portal

from serve_app.settings import PROJECT_ROOT
from testkit.processes import exit_on_sigterm, get_memory_mib
from testkit.service import RunningService, copied_models, running_service
from tests.fuzz.clients import send_over_http, send_to_app
from tests.fuzz.runner import Send, app_in_process, in_portal, run_cases
from tests.fuzz.strategies import KINDS

CHUNK = 1000  # cases a seed: Hypothesis keeps what it has tried


@contextlib.contextmanager
def in_process() -> Iterator[tuple[Send, list[int]]]:
    """The service's code in this process, and its process id."""
    warnings.simplefilter("error")
    with app_in_process(PROJECT_ROOT / "models") as (portal, app):
        yield in_portal(portal, functools.partial(send_to_app, app)), [os.getpid()]


@contextlib.contextmanager
def over_http() -> Iterator[tuple[Send, list[int]]]:
    """A real service, and its replicas; one that was replaced fails the run."""
    with copied_models() as models, running_service(models, {}) as service, start_blocking_portal() as portal:
        client = httpx.AsyncClient(base_url=service.url, timeout=30)
        with portal.wrap_async_context_manager(client):
            replicas = list_replicas(service)
            yield in_portal(portal, functools.partial(send_over_http, client)), replicas
            if lost := set(replicas) - set(list_replicas(service)):
                sys.exit(f"{len(lost)} of {len(replicas)} replicas were replaced")


def list_replicas(service: RunningService) -> list[int]:
    return service.pids("ray::ServeReplica")


def main() -> None:
    """Run; a failure ends it with the smallest case that has it."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=100_000, help="how many (default 100000)")
    parser.add_argument("--seed", type=int, default=0, help="of the inputs (default 0)")
    parser.add_argument("--served", action="store_true", help="a real service, started for it, over HTTP")
    options = parser.parse_args()
    exit_on_sigterm()
    began_s, done = time.monotonic(), 0
    outcomes = {kind: Counter[str]() for kind in KINDS if not (options.served and kind == "/stream")}
    chunk = min(CHUNK, -(-options.inputs // len(outcomes)))
    with over_http() if options.served else in_process() as (send, pids):
        while done < options.inputs:
            for kind in outcomes:
                outcomes[kind].update(run_cases(kind, send, options.seed + done, chunk))
                done += chunk
            pace = done / (time.monotonic() - began_s)
            memory, left_min = sum(map(get_memory_mib, pids)), max(0, options.inputs - done) / pace / 60
            print(f"{done} inputs, {pace:.0f}/s, {memory:.0f} MiB, about {left_min:.1f} min left", flush=True)
    for kind, counts in outcomes.items():
        print(f"{kind}: {', '.join(f'{count} × {outcome}' for outcome, count in counts.most_common())}")


if __name__ == "__main__":
    main()
