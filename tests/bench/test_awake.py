"""While cores are kept awake a process of the lowest priority runs on each; afterwards none does."""

import os
import sys
import time
from pathlib import Path

import pytest

from bench.awake import NAME, awake
from bench.cpu import snapshot
from bench.processes import descendants

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark runs on Linux only")
DEADLINE_S = 60


def spinning() -> list[int]:
    return [pid for pid in descendants() if Path(f"/proc/{pid}/cmdline").read_text().endswith(f"{NAME}\0")]


def test_every_core_is_kept_awake_at_the_lowest_priority_and_nobody_counts_it() -> None:
    deadline = time.monotonic() + DEADLINE_S
    with awake():
        found = spinning()
        assert len(found) == len(os.sched_getaffinity(0))
        while any(os.sched_getscheduler(pid) != os.SCHED_IDLE for pid in found):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert not set(found) & set(snapshot())
    assert spinning() == []
