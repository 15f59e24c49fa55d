"""Faults under load: ``python -m benchmarks.reliability.fault_injection`` breaks the service and prints what was lost.

Its own service, on free ports, with the shipped config. Only processes of that service are killed.
"""

import argparse
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

import yaml

from benchmarks import BenchmarkError
from benchmarks.tables import format_table
from testkit.background_load import background_load
from testkit.processes import exit_on_sigterm
from testkit.service import RunningService, running_copy

CLIENTS: Final = 64  # connections of the Helen client
RAW: Final = 16  # connections without retries beside them
RETRIES: Final = 2  # HELEN_CLOUD_RETRIES of the Helen client
RATE: Final = 4.0  # requests a second of each
CALM_S: Final = 5.0
AFTER_S: Final = 6.0
RECOVERY_TIMEOUT_S: Final = 90.0
STAGES: Final = ("Preprocess", "GestureGRU", "Postprocess")
HEADER: Final = ("what was done", "raw requests", "raw errors", "Helen client", "lost", "trouble for")


def kill_all(title: str, service: RunningService) -> None:
    """Kill every process with this title, and wait for another one."""
    if not (killed := set(service.pids(title))):
        raise BenchmarkError(f"no process of the service is called {title}")
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: bool(set(service.pids(title)) - killed))


def redeploy(service: RunningService) -> None:
    """``serve deploy`` with another argument replaces every replica: wait until none of the old ones is left."""

    def list_replicas() -> set[int]:
        return {pid for name in STAGES for pid in service.replica_pids(name)}

    old = list_replicas()
    config = yaml.safe_load(service.config.read_text())
    config["applications"][0]["args"]["request_deadline_s"] += 1
    service.config.write_text(yaml.safe_dump(config))
    command = ["serve", "deploy", str(service.config), "--address", service.dashboard()]
    subprocess.run(command, env=service.environment, check=True, capture_output=True, timeout=60)
    wait_until(lambda: not old & list_replicas())


def publish_version(service: RunningService) -> None:
    """Put the model there as the next version; nobody has to wait for it."""
    versions = service.repository / "gesture"
    shutil.copytree(versions / "1", service.repository / ".next")
    (service.repository / ".next").rename(versions / "2")


def hide_repository(service: RunningService) -> None:
    """Take the repository away for ten seconds. Renamed, since modes mean nothing to root."""
    away = service.repository.with_name("away")
    service.repository.rename(away)
    time.sleep(10)
    away.rename(service.repository)


FAULTS: Final[dict[str, tuple[str, Callable[[RunningService], None]]]] = {
    "model": ("kill -9 of every model replica", partial(kill_all, "ray::ServeReplica:helen:GestureGRU")),
    "postprocess": ("kill -9 of every postprocess replica", partial(kill_all, "ray::ServeReplica:helen:Postprocess")),
    "ingress": ("kill -9 of every ingress replica", partial(kill_all, "ray::ServeReplica:helen:Preprocess")),
    "haproxy": ("kill -9 of HAProxy", partial(kill_all, "bin/haproxy ")),
    "manager": ("kill -9 of HAProxy's supervisor", partial(kill_all, "ray::HAProxyManager")),
    "controller": ("kill -9 of the Serve controller", partial(kill_all, "ray::ServeController")),
    "deploy": ("`serve deploy` with another argument", redeploy),
    "version": ("a new model version", publish_version),
    "repository": ("the model repository gone for 10 s", hide_repository),
}


def measure(name: str, service: RunningService) -> list[str]:
    """Inject a fault once under load, until raw requests have been answered for six seconds since; a table's row."""
    description, inject = FAULTS[name]
    with background_load(service.url, clients=CLIENTS, raw=RAW, rate=RATE, retries=RETRIES) as load:
        time.sleep(CALM_S)
        if early := load.errors() + load.failed():
            print(f"before the fault already: {dict(early)}", flush=True)
        began_s = time.monotonic()
        inject(service)
        since_s = time.monotonic()
        wait_until(lambda: time.monotonic() >= since_s + load.recovery_s(since_s) + AFTER_S)
    recovery_s = load.recovery_s(began_s)
    row = [description, str(len(load.raw)), format_counts(load.errors()), str(len(load.helen))]
    row += [format_counts(load.failed()), f"{recovery_s:.1f} s" if recovery_s else "nothing noticed"]
    print(*row, sep=" | ", flush=True)
    return row


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, or 90 seconds: the row shows what was lost meanwhile."""
    deadline_s = time.monotonic() + RECOVERY_TIMEOUT_S
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.2)


def format_counts(counts: Counter[str]) -> str:
    """``3 (2 × 500, 1 × ProtocolError)``, or 0."""
    parts = ", ".join(f"{count} × {outcome}" for outcome, count in counts.most_common())
    return f"{counts.total()} ({parts})" if counts else "0"


def main() -> None:
    """Inject each fault, count, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", choices=list(FAULTS), help="this fault alone; may be repeated")
    options = parser.parse_args()
    exit_on_sigterm()
    with running_copy() as service:
        rows = [measure(name, service) for name in options.only or FAULTS]
    print(f"\n{format_table(HEADER, rows)}\n")
    print(f"{CLIENTS} Helen clients with {RETRIES} retries and {RAW} raw ones, {RATE:g} requests/s each")


if __name__ == "__main__":
    main()
