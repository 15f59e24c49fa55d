"""Faults under load: ``python -m bench.chaos`` starts the service, breaks it in each way, and prints what was lost.

Its own service, on free ports, with the shipped config. Only processes of that service are killed. Faults of a whole
node are in ``bench/nodes.py``.
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
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from bench import ROOT
from bench.fault_load import FaultLoad, fault_load
from bench.processes import leave_in_order
from bench.table import markdown
from testkit.service import RunningService, running_service

BEFORE_S: Final = 5.0
BACK_WITHIN_S: Final = 90.0
TMPFS_MIB: Final = 256


class Case(NamedTuple):
    """A fault: its name, what is done, and when it is over (again and again, after it was done)."""

    name: str
    do: Callable[[RunningService], Callable[[], bool]]


def killed(title: str) -> Callable[[RunningService], Callable[[], bool]]:
    """Kill every process with this title; over when there is another one."""

    def do(service: RunningService) -> Callable[[], bool]:
        gone = set(service.pids(title))
        for pid in gone:
            os.kill(pid, signal.SIGKILL)
        print(f"  killed {len(gone)} process(es) of {title}", flush=True)
        return lambda: bool(set(service.pids(title)) - gone)

    return do


def redeployed(service: RunningService) -> Callable[[], bool]:
    """Deploy the config with another argument, which replaces every replica; over when none of the old ones is left."""
    names = ("Preprocess", "GestureGRU", "Postprocess")
    old = {pid for name in names for pid in service.replica_pids(name)}
    config = yaml.safe_load(service.config.read_text())
    config["applications"][0]["args"]["request_deadline_s"] += 1
    deploy(service, config)
    return lambda: not old & {pid for name in names for pid in service.replica_pids(name)}


def deploy(service: RunningService, config: dict[str, Any]) -> None:
    """``serve deploy``, as an operator would."""
    service.config.write_text(yaml.safe_dump(config))
    command = ["serve", "deploy", str(service.config), "--address", service.dashboard()]
    subprocess.run(command, env=service.environment, check=True, capture_output=True, timeout=60)


def published(service: RunningService) -> Callable[[], bool]:
    """Put the model there as the next version; over at once, since nobody has to wait for it."""
    versions = service.repository / "gesture"
    shutil.copytree(versions / "1", service.repository / ".next")
    (service.repository / ".next").rename(versions / "2")
    return lambda: True


def repository_gone(service: RunningService) -> Callable[[], bool]:
    """Take the repository away for ten seconds. Renamed, since modes mean nothing to root."""
    away = service.repository.with_name("away")
    service.repository.rename(away)
    time.sleep(10)
    away.rename(service.repository)
    return lambda: True


def disk_full(service: RunningService) -> Callable[[], bool]:
    """Fill the file system of the logs for fifteen seconds."""
    filler = service.config.parent / "filler"
    with filler.open("wb", buffering=0) as output, contextlib.suppress(OSError):
        while True:
            output.write(bytes(2**16))
    time.sleep(15)
    filler.unlink()
    return lambda: True


CASES: Final = {
    "model": Case("kill -9 of every model replica", killed("ray::ServeReplica:helen:GestureGRU")),
    "postprocess": Case("kill -9 of every postprocess replica", killed("ray::ServeReplica:helen:Postprocess")),
    "ingress": Case("kill -9 of every ingress replica", killed("ray::ServeReplica:helen:Preprocess")),
    "haproxy": Case("kill -9 of HAProxy", killed("bin/haproxy ")),
    "manager": Case("kill -9 of HAProxy's supervisor", killed("ray::HAProxyManager")),
    "controller": Case("kill -9 of the Serve controller", killed("ray::ServeController")),
    "deploy": Case("`serve deploy` with another argument", redeployed),
    "version": Case("a new model version", published),
    "repository": Case("the model repository gone for 10 s", repository_gone),
    "disk": Case("the disk of the logs full for 15 s", disk_full),
}


def measure(case: Case, service: RunningService, options: argparse.Namespace) -> list[str]:
    """Break the service once under load; a row of the table."""
    with fault_load(
        service.url, clients=options.clients, raw=options.raw, rate=options.rate, retries=options.retries
    ) as load:
        time.sleep(BEFORE_S)
        before = load.errors() + load.lost()
        broken_s = time.monotonic()
        over = case.do(service)
        wait_until_calm(load, over, options.after)
    if before:
        print(f"  before the fault already: {dict(before)}", flush=True)
    print(f"  raw errors {dict(load.errors())}, lost {dict(load.lost())}", flush=True)
    recovery = load.recovery_s(broken_s)
    return [
        case.name,
        str(len(load.raw)),
        told(load.errors()),
        str(len(load.helen)),
        told(load.lost()),
        f"{recovery:.1f} s" if recovery else "nothing noticed",
    ]


def wait_until_calm(load: FaultLoad, over: Callable[[], bool], seconds: float) -> None:
    """Wait until the fault is over and raw requests have been answered for ``seconds`` since."""
    deadline_s = time.monotonic() + BACK_WITHIN_S
    while not over() and time.monotonic() < deadline_s:
        time.sleep(0.2)
    since_s = time.monotonic()
    while time.monotonic() < max(since_s, since_s + load.recovery_s(since_s)) + seconds:
        if time.monotonic() > deadline_s + seconds:
            return
        time.sleep(0.2)


def told(counts: Counter[str]) -> str:
    """``3 (2 × 500, 1 × ProtocolError)``, or 0."""
    parts = ", ".join(f"{count} × {outcome}" for outcome, count in counts.most_common())
    return f"{counts.total()} ({parts})" if counts else "0"


@contextlib.contextmanager
def repository() -> Iterator[Path]:
    """A copy of the bundled gesture model's repository."""
    with tempfile.TemporaryDirectory(prefix="helen-models-") as scratch:
        shutil.copytree(ROOT / "models" / "gesture", Path(scratch) / "models" / "gesture")
        yield Path(scratch) / "models"


@contextlib.contextmanager
def small_disk() -> Iterator[None]:
    """Temporary folders on a file system of 256 MiB while the context is open; for root only."""
    place = tempfile.mkdtemp(prefix="hd-")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_MIB}m", "tmpfs", place]
    subprocess.run(mount, check=True)
    before, tempfile.tempdir = tempfile.tempdir, place
    try:
        yield
    finally:
        tempfile.tempdir = before
        subprocess.run(["umount", "-l", place], check=True)
        Path(place).rmdir()


def main(options: argparse.Namespace) -> int:
    """Break, count, print."""
    leave_in_order()
    names = options.only or list(CASES)
    print(f"load average before the run: {os.getloadavg()[0]:.1f}")
    rows = []
    with repository() as models, running_service(models, {}) as service:
        for name in names:
            if name != "disk":
                print(CASES[name].name, flush=True)
                rows.append(measure(CASES[name], service, options))
    if "disk" in names:
        with repository() as models, small_disk(), running_service(models, {}) as service:
            rows.append(measure(CASES["disk"], service, options))
    header = ["what was done", "raw requests", "raw errors", "Helen client", "lost", "trouble for"]
    print(f"\n{markdown(header, rows)}")
    print(
        f"\n{options.clients} Helen clients and {options.raw} raw ones, {options.rate:g} requests/s each; "
        f"HELEN_CLOUD_RETRIES={options.retries}"
    )
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", action="append", choices=list(CASES), help="this case alone; may be repeated")
    parser.add_argument("--clients", type=int, default=64, help="connections of the Helen client (64)")
    parser.add_argument("--raw", type=int, default=16, help="raw connections without retries beside them (16)")
    parser.add_argument("--retries", type=int, default=2, help="HELEN_CLOUD_RETRIES of the Helen client (2)")
    parser.add_argument("--rate", type=float, default=4, help="requests a second of each (4)")
    parser.add_argument("--after", type=float, default=6, help="calm seconds that end a case (6)")
    sys.exit(main(parser.parse_args()))
