"""Faults under load: ``python -m benchmarks.reliability.fault_injection`` breaks the service and prints what was lost.

Its own service, on free ports, with the shipped config. Only processes of that service are killed.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import yaml

from benchmarks.tables import format_table
from testkit.background_load import BackgroundLoad, background_load
from testkit.processes import exit_on_sigterm
from testkit.service import RunningService, copied_models, running_service

CALM_S: Final = 5.0
RECOVERY_TIMEOUT_S: Final = 90.0
TMPFS_MIB: Final = 256
STAGES: Final = ("Preprocess", "GestureGRU", "Postprocess")
HEADER: Final = ("what was done", "raw requests", "raw errors", "Helen client", "lost", "trouble for")

IsOver = Callable[[], bool]  # called again and again after a fault was injected


def kill_all(title: str, service: RunningService) -> IsOver:
    """Kill every process with this title; over when there is another one."""
    killed = set(service.pids(title))
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    print(f"  killed {len(killed)} process(es) of {title}", flush=True)
    return lambda: bool(set(service.pids(title)) - killed)


def redeploy(service: RunningService) -> IsOver:
    """``serve deploy`` with another argument replaces every replica; over when none of the old ones is left."""

    def list_replicas() -> set[int]:
        return {pid for name in STAGES for pid in service.replica_pids(name)}

    old = list_replicas()
    config = yaml.safe_load(service.config.read_text())
    config["applications"][0]["args"]["request_deadline_s"] += 1
    service.config.write_text(yaml.safe_dump(config))
    command = ["serve", "deploy", str(service.config), "--address", service.dashboard()]
    subprocess.run(command, env=service.environment, check=True, capture_output=True, timeout=60)
    return lambda: not old & list_replicas()


def publish_version(service: RunningService) -> IsOver:
    """Put the model there as the next version; over at once, since nobody has to wait for it."""
    versions = service.repository / "gesture"
    shutil.copytree(versions / "1", service.repository / ".next")
    (service.repository / ".next").rename(versions / "2")
    return lambda: True


def hide_repository(service: RunningService) -> IsOver:
    """Take the repository away for ten seconds. Renamed, since modes mean nothing to root."""
    away = service.repository.with_name("away")
    service.repository.rename(away)
    time.sleep(10)
    away.rename(service.repository)
    return lambda: True


def fill_disk(service: RunningService) -> IsOver:
    """Fill the file system of the logs for fifteen seconds."""
    filler = service.config.parent / "filler"
    with filler.open("wb", buffering=0) as output, contextlib.suppress(OSError):
        while True:
            output.write(bytes(2**16))
    time.sleep(15)
    filler.unlink()
    return lambda: True


FAULTS: Final[dict[str, tuple[str, Callable[[RunningService], IsOver]]]] = {
    "model": ("kill -9 of every model replica", partial(kill_all, "ray::ServeReplica:helen:GestureGRU")),
    "postprocess": ("kill -9 of every postprocess replica", partial(kill_all, "ray::ServeReplica:helen:Postprocess")),
    "ingress": ("kill -9 of every ingress replica", partial(kill_all, "ray::ServeReplica:helen:Preprocess")),
    "haproxy": ("kill -9 of HAProxy", partial(kill_all, "bin/haproxy ")),
    "manager": ("kill -9 of HAProxy's supervisor", partial(kill_all, "ray::HAProxyManager")),
    "controller": ("kill -9 of the Serve controller", partial(kill_all, "ray::ServeController")),
    "deploy": ("`serve deploy` with another argument", redeploy),
    "version": ("a new model version", publish_version),
    "repository": ("the model repository gone for 10 s", hide_repository),
    "disk": ("the disk of the logs full for 15 s", fill_disk),
}


def measure(name: str, service: RunningService, options: argparse.Namespace) -> list[str]:
    """Inject a fault once under load; a row of the table."""
    description, inject = FAULTS[name]
    print(description, flush=True)
    with background_load(
        service.url, clients=options.clients, raw=options.raw, rate=options.rate, retries=options.retries
    ) as load:
        time.sleep(CALM_S)
        if early := load.errors() + load.failed():
            print(f"  before the fault already: {dict(early)}", flush=True)
        began_s = time.monotonic()
        wait_until_calm(load, inject(service), options.after)
    recovery_s = load.recovery_s(began_s)
    row = [description, str(len(load.raw)), format_counts(load.errors()), str(len(load.helen))]
    row += [format_counts(load.failed()), f"{recovery_s:.1f} s" if recovery_s else "nothing noticed"]
    print(f"  {row[1:]}", flush=True)
    return row


def wait_until_calm(load: BackgroundLoad, is_over: IsOver, seconds: float) -> None:
    """Wait until the fault is over and raw requests have been answered for ``seconds`` since."""
    deadline_s = time.monotonic() + RECOVERY_TIMEOUT_S
    while not is_over() and time.monotonic() < deadline_s:
        time.sleep(0.2)
    since_s = time.monotonic()
    while time.monotonic() < min(since_s + load.recovery_s(since_s), deadline_s) + seconds:
        time.sleep(0.2)


def format_counts(counts: Counter[str]) -> str:
    """``3 (2 × 500, 1 × ProtocolError)``, or 0."""
    parts = ", ".join(f"{count} × {outcome}" for outcome, count in counts.most_common())
    return f"{counts.total()} ({parts})" if counts else "0"


@contextlib.contextmanager
def small_disk() -> Iterator[None]:
    """Temporary folders on a file system of 256 MiB until the block ends; for root only."""
    place = tempfile.mkdtemp(prefix="hd-")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={TMPFS_MIB}m", "tmpfs", place], check=True)
    before, tempfile.tempdir = tempfile.tempdir, place
    try:
        yield
    finally:
        tempfile.tempdir = before
        subprocess.run(["umount", "-l", place], check=True)
        Path(place).rmdir()


def main() -> int:
    """Inject each fault, count, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--only", action="append", choices=list(FAULTS), help="this fault alone; may be repeated")
    add("--clients", type=int, default=64, help="connections of the Helen client (64)")
    add("--raw", type=int, default=16, help="raw connections without retries beside them (16)")
    add("--retries", type=int, default=2, help="HELEN_CLOUD_RETRIES of the Helen client (2)")
    add("--rate", type=float, default=4, help="requests a second of each (4)")
    add("--after", type=float, default=6, help="calm seconds that end a case (6)")
    options = parser.parse_args()
    exit_on_sigterm()
    names = options.only or list(FAULTS)
    print(f"load average before the run: {os.getloadavg()[0]:.1f}")
    rows = []
    if others := [name for name in names if name != "disk"]:
        with copied_models() as models, running_service(models, {}) as service:
            rows += [measure(name, service, options) for name in others]
    if "disk" in names:
        with copied_models() as models, small_disk(), running_service(models, {}) as service:
            rows.append(measure("disk", service, options))
    print(f"\n{format_table(HEADER, rows)}")
    print(
        f"\n{options.clients} Helen clients and {options.raw} raw ones, {options.rate:g} requests/s each; "
        f"HELEN_CLOUD_RETRIES={options.retries}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
