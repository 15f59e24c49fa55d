"""Starting a server, waiting until it answers, and ending it with everything that it started.

Linux only. Knows nothing of what a server serves. Only processes that descend from this one are ever ended, so that
somebody else's Ray cluster on the machine is safe (``ray stop`` would end that too).
"""

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final

import httpx

from bench import ROOT, BenchError
from bench.peer import Peer

READY_WITHIN_S: Final = 60.0
STOP_WITHIN_S: Final = 30.0
KILL_AFTER_S: Final = 5.0

_PR_SET_CHILD_SUBREAPER: Final = 36
_RAY_PROCESSES: Final = {"raylet", "gcs_server"}
_POLL_S: Final = 0.1
# What the caller's shell may hold and would change what is measured: another cluster, flags, API keys, thread counts.
_NOT_INHERITED: Final = ("RAY_ADDRESS", "RAY_SERVE_", "HELEN_", "OMP_", "MKL_")


def leave_in_order() -> None:
    """Let SIGTERM end this program as Ctrl-C does: through its ``with`` blocks, which stop what they have started."""
    signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextmanager
def running(peer: Peer, log: Path) -> Iterator[float]:
    """Run a server while the ``with`` block runs; its output goes to ``log``. Gives the seconds until it was ready.

    Raises:
        BenchError: when its port or Ray is in use already, or when it ends, or isn't ready, within 60 s.
    """
    refuse_if_taken(peer)
    _adopt_orphans()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(_NOT_INHERITED)} | peer.env
    started = time.monotonic()
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches this process alone, which then stops the server in order.
        process = subprocess.Popen(
            peer.command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_ready(peer, process, log)
        yield time.monotonic() - started
    finally:
        _stop(process)


def refuse_if_taken(peer: Peer) -> None:
    """Check that a server could start now.

    Raises:
        BenchError: when something listens on its port, or it starts Ray and a Ray cluster is running.
    """
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", peer.port)) == 0:
            raise BenchError(f"port {peer.port} is in use, {peer.name} needs it: stop what listens there first")
    if peer.starts_ray:
        for pid in _pids():
            with suppress(OSError):
                if (name := Path(f"/proc/{pid}/comm").read_text().strip()) in _RAY_PROCESSES:
                    raise BenchError(
                        f"a Ray cluster is running ({name}, process {pid}), {peer.name} needs one of its own: "
                        "stop that cluster first"
                    )


def _wait_until_ready(peer: Peer, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    found = "no connection"
    with httpx.Client(timeout=5.0, trust_env=False) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise BenchError(f"{peer.name} ended with {process.returncode} before it was ready\n{_tail(log)}")
            try:
                response = client.get(peer.ready_url)
            except httpx.HTTPError:
                pass
            else:
                if response.status_code == 200:
                    return
                found = f"{response.status_code} {response.text[:200]}"
            time.sleep(_POLL_S)
    raise BenchError(f"{peer.ready_url} gave {found} for {READY_WITHIN_S:.0f} s, expected 200\n{_tail(log)}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the server politely, then whatever of its processes is left: Ray's daemons outlive ``serve run``."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_WITHIN_S)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in descendants():
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + KILL_AFTER_S
        while descendants() and time.monotonic() < deadline:
            time.sleep(_POLL_S)
    process.wait(KILL_AFTER_S)


def _adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, instead of process 1: then none can be lost."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise BenchError(f"prctl(PR_SET_CHILD_SUBREAPER) failed: {os.strerror(ctypes.get_errno())}")


def descendants() -> list[int]:
    """Live processes that descend from this one; adopted ones that ended are reaped on the way."""
    children: dict[int, list[int]] = {}
    for pid in _pids():
        with suppress(OSError):
            # "pid (command) state parent ...": the command may hold spaces and brackets itself.
            state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                children.setdefault(int(parent), []).append(pid)
            elif int(parent) == os.getpid():
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
    found = list(children.get(os.getpid(), ()))
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def _pids() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdecimal()]


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
