"""Awake: a process of the lowest priority on each core, so that no core is halted while a load is measured.

Linux only. A virtual core that waits for something halts; where the host has to be asked to wake it, that takes as long
as a hop between stages, and a server that is idle in between, waiting for its own next stage, is measured by
its host's idle states. What runs under ``SCHED_IDLE`` gives way at once to everything else; where the kernel shares
cores by session first (autogroup), it is a session of its own with the least share.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

SPIN: Final = (
    "import os\n"
    "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\n"
    "if os.path.exists('/proc/self/autogroup'):\n"
    "    with open('/proc/self/autogroup', 'w') as share: share.write('19')\n"
    "parent = os.getppid()\n"
    "while os.getppid() == parent:\n"
    "    for _ in range(1_000_000): pass\n"
)
NAME: Final = "helen-awake"


@contextmanager
def awake() -> Iterator[None]:
    """Keep every core busy with nothing while the ``with`` block runs."""
    with ExitStack() as stack:
        for _ in os.sched_getaffinity(0):
            process = subprocess.Popen(
                [sys.executable, "-I", "-c", SPIN, NAME], stdin=subprocess.DEVNULL, start_new_session=True
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield
