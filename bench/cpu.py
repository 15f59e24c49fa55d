"""CPU seconds of a server's processes by role, from ``/proc``: where the time of a load went.

Everything that descends from the benchmark is the server's, as long as no load client runs: so it is read before and
after one. Linux only; the kernel counts in ticks of 10 ms.
"""

import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from bench.awake import NAME
from bench.processes import descendants

TICK_S: Final = 1.0 / os.sysconf("SC_CLK_TCK")
REPLICA: Final = "ray::ServeReplica:"
HAPROXY: Final = "HAProxy"
RAY: Final = "Ray's own"
SERVER: Final = "server"
# What the deployments of serve_config.yaml do.
ROLES: Final = {"Preprocess": "ingress", "GestureGRU": "model", "Postprocess": "postprocess"}


class Process(NamedTuple):
    """One process: its role, and the CPU seconds that it has used since it began."""

    role: str
    cpu_s: float


def snapshot() -> dict[int, Process]:
    """Every process that descends from this one and isn't there to keep a core awake, by id."""
    found = {}
    for pid in descendants():
        with suppress(OSError):  # it ended meanwhile
            folder = Path(f"/proc/{pid}")
            title = (folder / "cmdline").read_text()
            if title.endswith(f"{NAME}\0"):
                continue
            # "pid (command) state ...": user and system time are the 14th and 15th field.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            role = role_of((folder / "comm").read_text().strip(), title)
            found[pid] = Process(role, (int(fields[11]) + int(fields[12])) * TICK_S)
    return found


def spent(before: dict[int, Process], after: dict[int, Process]) -> dict[str, float]:
    """CPU seconds between two snapshots by role; a process that began meanwhile counts whole.

    What is no role of its own is Ray's where a replica runs, else the server's.
    """
    seconds: defaultdict[str, float] = defaultdict(float)
    for pid, process in after.items():
        earlier = before.get(pid, Process(process.role, 0.0))
        # A worker gets its title when it becomes a replica: what it is now counts.
        seconds[process.role] += process.cpu_s - earlier.cpu_s
    ray = any(role in seconds for role in (*ROLES.values(), HAPROXY))
    return {(RAY if ray and role == SERVER else role): value for role, value in seconds.items()}


def role_of(command: str, title: str) -> str:
    """The role of a process by its command's name and its title, which Ray's replicas set to ``ray::...``."""
    if command == "haproxy":
        return HAPROXY
    if title.startswith(REPLICA):
        deployment = title.rstrip("\0 ").rpartition(":")[2]
        return ROLES.get(deployment, deployment)
    return SERVER
