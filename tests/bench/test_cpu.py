"""CPU time by role, from ``/proc``."""

import subprocess
import sys

import pytest

from bench.cpu import HAPROXY, RAY, SERVER, Process, role_of, snapshot, spent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark runs on Linux only")


@pytest.mark.parametrize(
    ("command", "title", "role"),
    [
        ("ray::ServeRepl", "ray::ServeReplica:helen:Preprocess\0", "ingress"),
        ("ray::ServeRepl", "ray::ServeReplica:helen:GestureGRU", "model"),
        ("ray::ServeRepl", "ray::ServeReplica:helen:Postprocess ", "postprocess"),
        ("ray::ServeRepl", "ray::ServeReplica:helen:Other", "Other"),
        ("haproxy", "/bin/haproxy\0-f\0x.cfg", HAPROXY),
        ("ray::HAProxyMan", "ray::HAProxyManager", SERVER),
        ("raylet", "/x/raylet\0--a", SERVER),
    ],
)
def test_a_process_has_its_role_from_its_name(command: str, title: str, role: str) -> None:
    assert role_of(command, title) == role


def test_roles_add_up_and_a_process_that_began_meanwhile_counts_whole() -> None:
    before = {1: Process("model", 2.0), 2: Process("ingress", 1.0), 9: Process("model", 5.0)}
    after = {1: Process("model", 3.0), 2: Process("ingress", 1.5), 3: Process("model", 0.25), 4: Process(SERVER, 0.5)}
    assert spent(before, after) == {"model": 1.25, "ingress": 0.5, RAY: 0.5}


def test_without_replicas_what_is_no_role_is_the_servers() -> None:
    assert spent({}, {1: Process(SERVER, 0.5)}) == {SERVER: 0.5}


def test_a_snapshot_holds_the_processes_below_this_one_with_their_cpu_time() -> None:
    program = "import time\nwhile time.process_time() < 0.3: pass\nprint('used', flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "used\n"
        found = snapshot()[process.pid]
        process.communicate("\n", timeout=60)
    assert found.role == SERVER
    assert found.cpu_s >= 0.25
