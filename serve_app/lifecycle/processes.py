"""The processes of this machine, read from ``/proc``: which ones a program has started, and which of them still run."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process, told from a later one with the same id by when it started."""

    pid: int
    parent: int
    started: str

    def running(self) -> bool:
        """Whether it still runs."""
        now = read_process(self.pid)
        return now is not None and now.started == self.started

    def command(self) -> list[str]:
        """Its command line, of one empty word once it has gone."""
        try:
            return Path(f"/proc/{self.pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            return [""]


def read_process(pid: int) -> Process | None:
    """The process with this id; None where there is none, or nothing but its exit code."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()  # the name before may hold anything
    except OSError:
        return None
    state, parent, started = fields[0], fields[1], fields[19]
    return None if state == "Z" else Process(pid, int(parent), started)


def processes() -> Iterator[Process]:
    """Every process that runs."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (process := read_process(int(entry.name))):
            yield process


def descendants(pid: int) -> list[Process]:
    """The processes that a process has started, and those that they have started."""
    children: dict[int, list[Process]] = {}
    for process in processes():
        children.setdefault(process.parent, []).append(process)
    found = list(children.get(pid, ()))
    for process in found:  # grows while it is gone through
        found += children.get(process.pid, ())
    return found


def kill(family: Iterable[Process]) -> None:
    """End those that still run, whatever they are doing."""
    for process in family:
        if process.running():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
