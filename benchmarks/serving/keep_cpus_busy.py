"""A process of the lowest priority on each core, so that no core is halted while a load is measured. Linux only.

A virtual core that waits for something halts, and waking it can take as long as a hop between stages: a server that is
idle in between is then measured by its host's idle states. What runs under ``SCHED_IDLE`` gives way at once to
everything else; where the kernel shares cores by session first (autogroup), it is a session with the least share.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

SPIN: Final = """
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
if os.path.exists('/proc/self/autogroup'):
    with open('/proc/self/autogroup', 'w') as share: share.write('19')
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000): pass
"""


@contextmanager
def keep_cpus_busy() -> Iterator[None]:
    """Keep every core busy with nothing until the block ends."""
    with ExitStack() as stack:
        for _ in os.sched_getaffinity(0):
            process = subprocess.Popen([sys.executable, "-I", "-c", SPIN], start_new_session=True)
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield
