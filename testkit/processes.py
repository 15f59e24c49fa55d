"""Processes of a server under test: started in a session of their own, found and measured by it, and ended with it.

Linux only. Only processes of a session that was started here are ever ended, so that another Ray cluster on the
machine is safe (``ray stop`` would end that too).
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import httpx

from serve_app.lifecycle.processes import processes
from serve_app.settings import PROJECT_ROOT

STOP_TIMEOUT_S = 60.0
POLL_S = 0.1
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class StartError(Exception):
    """A server ended, or did not answer, before it was ready; the message ends with the last lines of its log."""


def exit_on_sigterm() -> None:
    """Let SIGTERM end this program as Ctrl-C does: through its ``with`` blocks, which stop what they have started."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)


@contextmanager
def running_process(
    command: Sequence[str], log: Path, environment: Mapping[str, str], cwd: Path = PROJECT_ROOT
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command, its output in ``log``; SIGTERM at the end, then SIGKILL to what is left of its session."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches this process alone, which then stops the command in order
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        finally:
            for pid in list_session(process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path, timeout_s: float = 60.0) -> None:
    """Wait for the first 200 of ``GET url``.

    Raises:
        StartError: the process ended, or there was no 200 within ``timeout_s``.
    """
    deadline_s = time.monotonic() + timeout_s
    last = "no connection"
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            raise StartError(f"the server ended with {process.returncode} before it was ready\n{read_tail(log)}")
        with suppress(httpx.TransportError):
            response = httpx.get(url, timeout=5, trust_env=False)
            if response.status_code == 200:
                return
            last = f"{response.status_code} {response.text[:200]}"
        time.sleep(POLL_S)
    raise StartError(f"{url} gave {last} for {timeout_s:.0f} s, expected 200\n{read_tail(log)}")


def read_tail(log: Path) -> str:
    """The last 15 lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])


def list_session(leader: int) -> list[int]:
    """The process ids of a session."""
    return [process.pid for process in processes() if get_session_id(process.pid) == leader]


def get_title(pid: int) -> str:
    """A process's title, or nothing when it has gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def get_session_id(pid: int) -> int:
    """A process's session id, or -1 when it has gone."""
    try:
        return os.getsid(pid)
    except OSError:
        return -1


def get_memory_mib(pid: int) -> float:
    """A process's resident memory in MiB; 0 when it has gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return 0.0


def get_cpu_s(pid: int) -> float:
    """The CPU seconds that a process has used since it began, in ticks of 10 ms; 0 when it has gone."""
    try:
        # "pid (command) state ...": the command may hold spaces; user and system time are fields 14 and 15.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * TICK_S


def get_session_cpu_s(leader: int) -> float:
    """The CPU seconds that the live processes of a session have used."""
    return sum(map(get_cpu_s, list_session(leader)))
