"""Which processes a program has started, and which of them still run."""

import os
import subprocess
import time
from dataclasses import replace

from serve_app.lifecycle.processes import descendants, kill, read_process

STORY = 'sleep 60 & echo $!; exec -a "odd ) name (" sleep 60'


def test_descendants_are_found_told_apart_and_ended() -> None:
    with subprocess.Popen(["bash", "-c", STORY], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        grandchild = int(child.stdout.readline())
        try:
            family = {process.pid: process for process in descendants(os.getpid())}
            assert {child.pid, grandchild} <= set(family)
            assert family[grandchild].parent == child.pid
            assert family[grandchild].command()[:2] == ["sleep", "60"]
            assert all(family[pid].running() for pid in (child.pid, grandchild))
            later = replace(family[child.pid], started="0")  # another one, which had this id before
            assert not later.running()
            kill([later])
            assert child.poll() is None
        finally:
            kill(family[pid] for pid in (child.pid, grandchild))
        assert child.wait(10) == -9
        deadline = time.monotonic() + 10
        while family[grandchild].running():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert family[child.pid].command() == [""]
        assert read_process(child.pid) is None
